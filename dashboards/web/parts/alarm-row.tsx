import type { Alarm } from '../../../contract/alarm.ts';
import { lampOf, messageOf, whatOf } from '../alarms.ts';
import { writeAge, writeExact, writingOf } from '../format.ts';
import { hrefOf } from '../route.ts';
import { devices, language, leakZones, now, pressureUnit, site, text } from '../state.ts';
import { Glyph } from './glyph.tsx';
import { assetNames, BothNames } from './name.tsx';

/** Where an alarm is: the asset's name in both languages, or its place in words. */
export function placeOf(alarm: Alarm): { readonly name: string; readonly other?: string } {
  const names = assetNames(alarm.asset);
  const { name, nameZh } =
    devices.value.get(alarm.asset) ?? leakZones.value.find(({ zone }) => zone === alarm.asset) ?? {};
  if (name !== undefined || nameZh !== undefined || alarm.location === undefined) return names;
  return alarm.location === alarm.asset ? { name: names.name } : { name: alarm.location, other: names.name };
}

/** The word of an alarm's state; a hold says until when. */
export function stateWord(alarm: Alarm): string {
  const words = text.value;
  const hold = alarm.holds[0];
  if (hold === undefined) return words.state[alarm.state];
  const until = alarm.shelvedUntil === undefined ? '' : ` ${words.until(site.value.minute(alarm.shelvedUntil))}`;
  return words.state[hold] + until;
}

/** `06:12:40` today, `Thu 17:24` style with the day before. */
export function raisedWord(alarm: Alarm): string {
  const time = site.value;
  return time.day(alarm.raisedAt) === time.day(now.value) ? time.clock(alarm.raisedAt) : time.dayMinute(alarm.raisedAt);
}

/** The value that tripped it over the limit it passed. */
export function figuresOf(alarm: Alarm): { readonly value: string; readonly limit: string } {
  const { value, setpoint, unit } = alarm;
  const writing = writingOf(unit, setpoint ?? value ?? 0, pressureUnit.value);
  const write = (figure: number | undefined) =>
    figure === undefined ? '' : `${writeExact(writing.show(figure), writing.decimals)} ${writing.label}`.trim();
  return { value: write(value), limit: setpoint === undefined ? '' : `${text.value.limit} ${write(setpoint)}` };
}

export function alarmRowClass(alarm: Alarm): string {
  return `lamp-row-${lampOf(alarm)} priority-${alarm.priority}`;
}

/** An alarm in a narrow list: glyph, what, where; age and state at the right. */
export function AlarmBrief({ alarm, selected = false }: { alarm: Alarm; selected?: boolean }) {
  return (
    <li>
      <a
        class={`alarm-brief ${alarmRowClass(alarm)}${selected ? ' selected' : ''}`}
        href={hrefOf({ page: 'alarms', alarm: alarm.id })}
      >
        <Glyph priority={alarm.priority} lamp={lampOf(alarm)} size={20} />
        <span class="brief-what">
          <b>{whatOf(messageOf(alarm, language.value))}</b>
          <span>
            <BothNames {...placeOf(alarm)} />
          </span>
        </span>
        <span class="brief-when">
          <b>{writeAge(now.value - alarm.raisedAt, language.value)}</b>
          <span>{stateWord(alarm)}</span>
        </span>
      </a>
    </li>
  );
}
