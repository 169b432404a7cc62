import { computed, effect, signal } from '@preact/signals';
import type { Alarm, Priority } from '../../contract/alarm.ts';
import { lampOf, messageOf, whatOf } from './alarms.ts';
import { Bell, REPEAT_MS } from './sound.ts';
import { alarms, language, loaded, preferences, session, text, wallNow } from './state.ts';

/** When the bell rings, for what, and what of it is seen and said. Only one tab of a browser sounds. */

/** How long one press of "Silence" lasts. */
export const SILENCE_MS = 5 * 60_000;
const SILENCE_KEY = 'hanfeng-silenced-until';
/** New alarms below critical are read out as a sum no more often than this. */
const SUM_EVERY_MS = 10_000;

const bell = new Bell();
const allowed = signal(false);
/** True in the one tab that sounds. */
const leads = signal(false);
export const silencedUntil = signal(storedSilence());
export const alarmsAnnounced = signal('');

/** Highest priority that is new and not held; undefined when nothing wants to ring. */
export const ringing = computed<Priority | undefined>(() => {
  let worst: Priority | undefined;
  for (const alarm of alarms.value.values()) {
    if (lampOf(alarm) !== 'unacknowledged' || alarm.raisedLate) continue;
    if (worst === undefined || alarm.priority < worst) worst = alarm.priority;
  }
  return worst;
});

/** How many alarms are new: stands in the title of the tab. */
export const newAlarms = computed(() => {
  let count = 0;
  for (const alarm of alarms.value.values()) if (lampOf(alarm) === 'unacknowledged') count += 1;
  return count;
});

export type SoundState = 'off' | 'silenced' | 'blocked' | 'ringing' | 'quiet';

export const soundState = computed<SoundState>(() => {
  if (!preferences.value.sound) return 'off';
  if (silencedUntil.value > wallNow.value) return 'silenced';
  if (ringing.value === undefined) return 'quiet';
  return allowed.value ? 'ringing' : 'blocked';
});

export function silence(): void {
  store(Date.now() + SILENCE_MS);
}

export function unsilence(): void {
  store(0);
}

export async function playTest(): Promise<void> {
  await unlock();
  bell.ring(2);
}

let asked = false;

/** After a gesture: lets this tab sound, and makes one of the tabs that may sound the one that does. */
async function unlock(): Promise<void> {
  allowed.value = await bell.unlock();
  if (!allowed.value || asked) return;
  asked = true;
  // Without locks (plain http on a phone) every tab sounds.
  if (navigator.locks === undefined) leads.value = true;
  else
    void navigator.locks.request(
      'hanfeng-sound',
      // Kept until the tab closes.
      () =>
        new Promise<void>(() => {
          leads.value = true;
        }),
    );
}

/** Starts listening for gestures, alarms and the other tabs. */
export function startRinging(): void {
  const onGesture = () => void unlock();
  addEventListener('pointerdown', onGesture);
  addEventListener('keydown', onGesture);
  addEventListener('storage', () => {
    silencedUntil.value = storedSilence();
  });

  let timer: ReturnType<typeof setInterval> | undefined;
  effect(() => {
    const priority = ringing.value;
    clearInterval(timer);
    timer = undefined;
    if (soundState.value !== 'ringing' || priority === undefined || !leads.value) return;
    bell.ring(priority);
    timer = setInterval(() => bell.ring(priority), REPEAT_MS[priority]);
  });

  let known: ReadonlyMap<string, Alarm> | undefined;
  let pending: Alarm[] = [];
  let summing = false;
  effect(() => {
    const current = alarms.value;
    if (typeof session.value !== 'object' || !loaded.value) {
      known = undefined;
      return;
    }
    const before = known;
    known = current;
    if (before === undefined || before === current) return;
    const fresh = [...current.values()].filter(
      (alarm) => lampOf(alarm) === 'unacknowledged' && before.get(alarm.id)?.state !== 'unacknowledged',
    );
    if (fresh.length === 0) return;
    const critical = fresh.find(({ priority }) => priority === 1);
    if (critical !== undefined)
      alarmsAnnounced.value = text.peek().newCritical(whatOf(messageOf(critical, language.peek())));
    pending.push(...fresh.filter(({ priority }) => priority !== 1));
    if (summing) return;
    summing = true;
    setTimeout(() => {
      summing = false;
      if (pending.length > 0) alarmsAnnounced.value = text.peek().newCount(pending.length);
      pending = [];
    }, SUM_EVERY_MS);
  });
}

function storedSilence(): number {
  try {
    const until = Number(localStorage.getItem(SILENCE_KEY));
    return Number.isFinite(until) && until < Date.now() + SILENCE_MS + 1_000 ? until : 0;
  } catch {
    return 0;
  }
}

function store(until: number): void {
  silencedUntil.value = until;
  try {
    localStorage.setItem(SILENCE_KEY, String(until));
  } catch {
    // Without storage the other tabs are not silenced.
  }
}
