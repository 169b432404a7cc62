import { computed } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { Alarm } from '../../../contract/alarm.ts';
import { lampOf } from '../alarms.ts';
import { type Writing, writeAge, writingOf } from '../format.ts';
import type { Point } from '../model.ts';
import { boundsOf } from '../range.ts';
import { isMeasured, type ShownReading, showReading } from '../reading.ts';
import { hrefOf } from '../route.ts';
import { referenceOf } from '../scale.ts';
import {
  alarmIndex,
  believed,
  language,
  model,
  now,
  pressureUnit,
  range,
  shapes,
  shapesBegin,
  text,
} from '../state.ts';
import { useWide } from '../views/layout.ts';
import { Glyph } from './glyph.tsx';
import { Icon } from './icon.tsx';
import { IndicatorBand } from './indicator.tsx';
import { measurementName, otherLang } from './name.tsx';
import { reasonText } from './quality-mark.tsx';
import { Sparkline } from './sparkline.tsx';

/** What is decided once per point, so that digits and tracks do not change under the reader's eyes. */
interface Decided {
  readonly writing: Writing;
  /** The first value seen. */
  readonly usual: number | undefined;
}

const decided = new Map<string, Decided>();
const DECIDED_MAX = 20_000;

export function decide(point: Point): Decided {
  const key = `${pressureUnit.value ?? ''} ${point.unit ?? ''} ${point.normal?.join() ?? ''} ${point.id}`;
  const known = decided.get(key);
  if (known !== undefined) return known;
  const usual = point.last?.value;
  const countsOnly = (point.unit === undefined || point.unit === '1') && Number.isInteger(usual ?? Number.NaN);
  const reference = countsOnly ? 1_000 : referenceOf(point.normal, point.limits, usual);
  const made = { writing: writingOf(point.unit, reference, pressureUnit.value), usual };
  if (usual === undefined) return made;
  if (decided.size >= DECIDED_MAX) decided.clear();
  decided.set(key, made);
  return made;
}

interface Presented extends Decided {
  readonly alarm: Alarm | undefined;
  readonly shown: ShownReading;
  /** "164 m³/h, normal 84 to 112" */
  readonly sentence: string;
}

export function present(point: Point): Presented {
  const words = text.value;
  const { writing, usual } = decide(point);
  const alarm = alarmIndex.value.byPoint.get(point.id);
  const shown = showReading(point, writing, alarm, now.value, believed.value, language.value);
  const normal = shown.band === undefined ? '' : words.normalTo(...shown.band);
  const standing = shown.standing === 'good' ? '' : `, ${words.standing[shown.standing]}`;
  return {
    writing,
    usual,
    alarm,
    shown,
    sentence: words.indicator(`${shown.digits} ${shown.unit}`.trim(), normal) + standing,
  };
}

/** Digits and unit. Digits stay the text colour whatever is wrong; quality shows in weight and sign. */
export function Value({ shown }: { shown: ShownReading }) {
  return (
    <span class={`value is-${shown.standing}`}>
      <span class="digits">{shown.digits}</span>
      {shown.unit !== '' && <small>{shown.unit}</small>}
    </span>
  );
}

/** Younger values are "now": seconds that count up and start over say nothing. */
const FRESH_MS = 10_000;

/** How old a value is; a tag when it is too old, the reason when there is none. */
export function Age({ point, shown }: { point: Point; shown: ShownReading }) {
  const words = text.value;
  const age = shown.ageMs === undefined ? '' : writeAge(shown.ageMs, language.value);
  if (shown.standing === 'stale')
    return (
      <span class="tag" title={words.standing.stale}>
        <Icon name="clock" size={12} />
        {words.old(age)}
      </span>
    );
  if (shown.standing === 'bad')
    return <span class="reason">{reasonText(point.last?.reason) || words.standing.bad}</span>;
  if (shown.standing === 'none') return <span class="reason">{words.standing.none}</span>;
  if (shown.standing === 'late') return <span class="tag">{words.standing.late}</span>;
  if (shown.standing === 'uncertain')
    return (
      <span class="reason" title={reasonText(point.last?.reason)}>
        {reasonText(point.last?.reason) || words.standing.uncertain}
      </span>
    );
  return <span class="age">{(shown.ageMs ?? 0) < FRESH_MS ? words.now : age}</span>;
}

/** Follows one entry of what the page knows: drawn again only when that entry changed. */
function useOf<T>(id: string, take: (id: string) => T): T {
  // `take` is the same in every call of one component.
  return useMemo(() => computed(() => take(id)), [id]).value;
}

/** A point by its id, with its newest value. */
export function usePoint(id: string): Point | undefined {
  return useOf(id, (key) => model.value.points.get(key));
}

/** A gateway that started a minute ago has a minute of shape; less than this is not stretched. */
const SHAPE_SPAN_MIN_MS = 60_000;

function Recent({
  point,
  presented,
  width,
  height,
}: {
  point: Point;
  presented: Presented;
  width: number;
  height: number;
}) {
  const { from, to } = boundsOf(range.value, now.value);
  const { shown } = presented;
  const begun = shapesBegin.value;
  const shape = useOf(point.id, (id) => shapes.value.get(id));
  return (
    <Sparkline
      shape={shape}
      from={begun === undefined ? from : Math.max(from, Math.min(begun, to - SHAPE_SPAN_MIN_MS))}
      to={to}
      silenceMs={point.maxSilenceMs}
      normal={point.normal}
      standing={shown.standing}
      priority={shown.priority}
      width={width}
      height={height}
      label={`${measurementName(point)}, ${range.value.kind === 'relative' ? text.value.ranges[range.value.name] : text.value.timeRange}`}
    />
  );
}

/** One line of a panel: name, indicator, recent shape, value, age. The whole line leads to the trend. */
export function ReadingRow({ id, name, other }: { id: string; name: string; other?: string }) {
  const point = usePoint(id);
  return point === undefined ? null : <Row point={point} name={name} {...(other === undefined ? {} : { other })} />;
}

function Row({ point, name, other }: { point: Point; name: string; other?: string }) {
  const presented = present(point);
  const { shown, alarm, writing, usual, sentence } = presented;
  return (
    <a
      class={`reading-row${alarm === undefined ? '' : ' abnormal'}`}
      href={hrefOf({ page: 'explore', point: point.id })}
    >
      <span class="row-name">
        {alarm !== undefined && <Glyph priority={alarm.priority} lamp={lampOf(alarm)} size={16} />}
        <span class="row-text">
          {name}
          {other !== undefined && (
            <span class="other" lang={otherLang()}>
              {other}
            </span>
          )}
        </span>
      </span>
      <IndicatorBand
        point={point}
        writing={writing}
        usual={usual}
        value={shown.value}
        priority={shown.priority}
        stale={shown.standing === 'stale'}
        width={88}
        label={sentence}
      />
      <Recent point={point} presented={presented} width={48} height={22} />
      <Value shown={shown} />
      <span class="row-age">
        <Age point={point} shown={shown} />
      </span>
    </a>
  );
}

/** Whether there is anything on the card to compare the value with. */
const canCompare = (point: Point) => isMeasured(point) && (point.normal !== undefined || point.limits.length > 0);

/** One value with everything it needs to be judged at a glance. */
export function StatCard({ id, ...props }: { id: string } & CardProps) {
  const point = usePoint(id);
  return point === undefined ? null : <Card point={point} {...props} />;
}

interface CardProps {
  readonly title: string;
  readonly selected?: boolean;
  readonly onSelect?: () => void;
}

function Card({ point, title, selected = false, onSelect }: { point: Point } & CardProps) {
  const presented = present(point);
  const { shown, alarm, writing, usual, sentence } = presented;
  const words = text.value;
  const width = useWide(641) ? 224 : 340;
  const isGood = shown.standing === 'good';
  return (
    <a
      class={`panel stat${selected ? ' selected' : ''}`}
      href={hrefOf({ page: 'explore', point: point.id })}
      aria-current={selected ? 'true' : undefined}
      onClick={(event) => {
        if (onSelect === undefined) return;
        event.preventDefault();
        onSelect();
      }}
    >
      <span class="stat-head">
        {alarm !== undefined && <Glyph priority={alarm.priority} lamp={lampOf(alarm)} size={16} />}
        <span class="stat-title" title={title}>
          {title}
        </span>
        <span class="stat-aside">
          {isGood ? shown.band !== undefined && (shown.beyond ?? words.inBand) : <Age point={point} shown={shown} />}
        </span>
      </span>
      <span class="stat-value">
        <Value shown={shown} />
        <Recent point={point} presented={presented} width={92} height={34} />
      </span>
      <span class="stat-foot">
        {canCompare(point) ? (
          <IndicatorBand
            point={point}
            writing={writing}
            usual={usual}
            value={shown.value}
            priority={shown.priority}
            stale={shown.standing === 'stale'}
            width={width}
            figures
            label={sentence}
          />
        ) : (
          point.labels === undefined && <span class="faint">{words.noBand}</span>
        )}
      </span>
    </a>
  );
}
