import type { Alarm, Priority } from '../../contract/alarm.ts';
import { type Language, MINUS } from './format.ts';

/** What the lamp of an alarm shows; `none` is the grey outline of a counter at zero. */
export type Lamp = 'unacknowledged' | 'acknowledged' | 'rtn-unacknowledged' | 'held' | 'none';

export const PRIORITIES: readonly Priority[] = [1, 2, 3, 4];

export function lampOf(alarm: Alarm): Lamp {
  if (alarm.holds.length > 0) return 'held';
  return alarm.state === 'normal' ? 'none' : alarm.state;
}

/** New first; "back to normal" still wants a press, so it comes before what somebody already took. */
const LAMP_ORDER: Readonly<Record<Lamp, number>> = {
  unacknowledged: 0,
  'rtn-unacknowledged': 1,
  acknowledged: 2,
  held: 3,
  none: 4,
};

/** Order of the alarm list: priority, state, then the newest; ids settle the rest, so that nothing jumps. */
export function compareAlarms(one: Alarm, other: Alarm): number {
  return (
    Number(one.holds.length > 0) - Number(other.holds.length > 0) ||
    one.priority - other.priority ||
    LAMP_ORDER[lampOf(one)] - LAMP_ORDER[lampOf(other)] ||
    other.raisedAt - one.raisedAt ||
    (one.id < other.id ? -1 : 1)
  );
}

export interface Count {
  readonly open: number;
  readonly fresh: number;
  readonly lamp: Lamp;
}

/** The annunciator: per priority how many are open, how many of them new, and the lamp that sums them up. Held ones are quiet. */
export function countAlarms(alarms: Iterable<Alarm>): Readonly<Record<Priority, Count>> {
  const open: Record<Priority, number> = { 1: 0, 2: 0, 3: 0, 4: 0 };
  const fresh: Record<Priority, number> = { 1: 0, 2: 0, 3: 0, 4: 0 };
  const worst: Record<Priority, Lamp> = { 1: 'none', 2: 'none', 3: 'none', 4: 'none' };
  for (const alarm of alarms) {
    const lamp = lampOf(alarm);
    if (lamp === 'none' || lamp === 'held') continue;
    open[alarm.priority] += 1;
    if (lamp === 'unacknowledged') fresh[alarm.priority] += 1;
    if (LAMP_ORDER[lamp] < LAMP_ORDER[worst[alarm.priority]]) worst[alarm.priority] = lamp;
  }
  const count = (priority: Priority): Count => ({
    open: open[priority],
    fresh: fresh[priority],
    lamp: worst[priority],
  });
  return { 1: count(1), 2: count(2), 3: count(3), 4: count(4) };
}

/** The alarm that decides the glyph of a point, device or group; undefined when nothing is wrong. */
export function worstAlarm(alarms: Iterable<Alarm>): Alarm | undefined {
  let worst: Alarm | undefined;
  for (const alarm of alarms) {
    const lamp = lampOf(alarm);
    if (lamp === 'none' || lamp === 'held') continue;
    if (worst === undefined || compareAlarms(alarm, worst) < 0) worst = alarm;
  }
  return worst;
}

/** The alarms of each point and each device, so that a screen asks once and not per value. */
export interface AlarmIndex {
  readonly byPoint: ReadonlyMap<string, Alarm>;
  readonly byAsset: ReadonlyMap<string, Alarm>;
}

export function indexAlarms(alarms: Iterable<Alarm>): AlarmIndex {
  const byPoint = new Map<string, Alarm>();
  const byAsset = new Map<string, Alarm>();
  const keepWorst = (index: Map<string, Alarm>, key: string | undefined, alarm: Alarm) => {
    if (key === undefined || key === '') return;
    const known = index.get(key);
    if (known === undefined || compareAlarms(alarm, known) < 0) index.set(key, alarm);
  };
  for (const alarm of alarms) {
    const lamp = lampOf(alarm);
    if (lamp === 'none' || lamp === 'held') continue;
    keepWorst(byPoint, alarm.point, alarm);
    keepWorst(byAsset, alarm.asset, alarm);
  }
  return { byPoint, byAsset };
}

/** An alarm that a person still has to press. */
export function wantsPress(alarm: Alarm): boolean {
  return alarm.state === 'unacknowledged' || alarm.state === 'rtn-unacknowledged';
}

/** What the alarm says, in the language of the page where it is known; with a true minus, as everywhere on the page. */
export function messageOf({ message, messageZh }: Alarm, language: Language): string {
  return (language === 'zh' ? (messageZh ?? message) : message).replace(/(?<=[\s：:(])-(?=\d)/gu, MINUS);
}

export function responseOf({ response, responseZh }: Alarm, language: Language): string | undefined {
  return language === 'zh' ? (responseZh ?? response) : response;
}

/** What is usually behind an alarm and what follows when nobody acts; in the reader's language where it is known. */
export function backgroundOf(
  alarm: Alarm,
  language: Language,
): { readonly cause?: string; readonly consequence?: string } {
  const zh = language === 'zh';
  const cause = (zh ? alarm.causeZh : undefined) ?? alarm.cause;
  const consequence = (zh ? alarm.consequenceZh : undefined) ?? alarm.consequence;
  return { ...(cause === undefined ? {} : { cause }), ...(consequence === undefined ? {} : { consequence }) };
}

/** The alarms that this one explains, worst first: they are suppressed while it stands. */
export function explainedBy(root: Alarm, alarms: Iterable<Alarm>): readonly Alarm[] {
  if (root.rule === undefined) return [];
  return [...alarms].filter((alarm) => alarm.explainedBy === root.rule && alarm.id !== root.id).sort(compareAlarms);
}

/** The message without its place and time, which stand in their own columns: its first sentence. */
export function whatOf(message: string): string {
  const end = message.search(/[.。](?:\s|$|(?<=。))/);
  return end < 0 ? message : message.slice(0, end);
}

/** What the message says after its first sentence: where, since when, what to do. */
export function restOf(message: string): string {
  return message.slice(whatOf(message).length).replace(/^[.。]\s*/u, '');
}

/** Response text to steps: one per line or sentence. */
export function stepsOf(response: string | undefined): readonly string[] {
  if (response === undefined) return [];
  return response
    .split(/\n+|(?<=[.;])\s+|(?<=[。；])\s*/u)
    .map((step) =>
      step
        .replace(/^\s*(?:\d+[.)、]|[-*])\s*/, '')
        .replace(/[.;。；]\s*$/u, '')
        .trim(),
    )
    .filter((step) => step !== '');
}
