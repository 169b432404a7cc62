import { readFileSync, statSync } from 'node:fs';
import { EARLIEST_TIME_MS, type Millis } from '../contract/time.ts';

/**
 * While the wall clock was never set, time counts from here: 2000-01-01 plus the time since the machine started.
 * Such a time can be told from a real one (a machine does not run for ten years) and is re-stamped once the time is known.
 */
export const FREE_BASE_MS: Millis = EARLIEST_TIME_MS;
const FREE_END_MS: Millis = EARLIEST_TIME_MS + 10 * 365 * 86_400_000;

/** A wall clock before this was never set: the first release came later. */
const RELEASED_MS: Millis = Date.UTC(2026, 10, 1);

/** A step back up to this is walked off slowly, so that no moment is used twice; a larger one is followed at once. */
const SLEW_MAX_MS = 60_000;

/** What the machine gives us; replaced in tests. */
export interface MachineTime {
  wallMs(): number;
  /** Since the machine started; not moved by clock changes, shared by all processes. */
  monotonicMs(): number;
  /** Changes with every start of the machine. */
  readonly boot: string;
  /** False while the machine's own time service says it has not set the clock yet; undefined when there is none to ask. */
  serviceSynced(): boolean | undefined;
}

/** The edge's time. */
export interface Clock {
  /** Source time for readings, an integer; never goes backwards by less than a minute. */
  now(): Millis;
  monotonicMs(): number;
  state(): 'synced' | 'free';
  readonly boot: string;
  /** What to add to a time recorded while free, in this start of the machine; undefined until the time is known. */
  freeOffsetMs(): number | undefined;
  /** How often the wall clock jumped by more than a minute since the start of the process. */
  steps(): number;
}

/** True for a time given out while the clock was free. */
export function isFreeTime(timeMs: Millis): boolean {
  return timeMs >= FREE_BASE_MS && timeMs < FREE_END_MS;
}

export function createClock(machine: MachineTime): Clock {
  let last = 0;
  let lastMonotonicMs = 0;
  let steps = 0;
  const state = () =>
    machine.wallMs() >= RELEASED_MS && machine.serviceSynced() !== false ? ('synced' as const) : ('free' as const);
  const free = () => Math.round(FREE_BASE_MS + machine.monotonicMs());
  return {
    boot: machine.boot,
    monotonicMs: machine.monotonicMs,
    state,
    steps: () => steps,
    freeOffsetMs: () => (state() === 'free' ? undefined : Math.round(machine.wallMs()) - free()),
    now() {
      if (state() === 'free') return free();
      const wallMs = Math.round(machine.wallMs());
      const monotonicMs = machine.monotonicMs();
      const elapsedMs = monotonicMs - lastMonotonicMs;
      lastMonotonicMs = monotonicMs;
      if (last > 0 && Math.abs(wallMs - (last + elapsedMs)) > SLEW_MAX_MS) steps++;
      // Half speed while ahead of the wall: two samples a second apart still get two different times.
      const slowMs = Math.round(last + elapsedMs / 2);
      last = wallMs < slowMs && slowMs - wallMs <= SLEW_MAX_MS ? slowMs : wallMs;
      return last;
    },
  };
}

const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';
/** systemd-timesyncd: the folder exists where the service runs, the file once it has set the clock. */
const TIMESYNC_FOLDER = '/run/systemd/timesync';
/** A machine with a battery clock knows the time without a network. */
const BATTERY_CLOCK = '/sys/class/rtc/rtc0';

/** Time of this machine. */
export function machineTime(): MachineTime {
  const timesync = exists(TIMESYNC_FOLDER) && !exists(BATTERY_CLOCK);
  let synced = false;
  return {
    wallMs: Date.now,
    monotonicMs: () => Number(process.hrtime.bigint() / 1000n) / 1000,
    boot: readBoot(),
    serviceSynced() {
      if (!timesync) return undefined;
      if (!synced) synced = exists(`${TIMESYNC_FOLDER}/synchronized`);
      return synced;
    },
  };
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function readBoot(): string {
  try {
    return readFileSync(BOOT_ID_FILE, 'utf8').trim();
  } catch {
    // No Linux: the start of the machine to the nearest ten seconds is as good a name.
    return `boot-${Math.round((Date.now() - Number(process.hrtime.bigint() / 1_000_000n)) / 10_000)}`;
  }
}
