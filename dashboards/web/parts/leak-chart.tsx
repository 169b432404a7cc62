import { useId, useState } from 'preact/hooks';
import type { Millis } from '../../../contract/time.ts';
import { type SiteTime, writeNumber } from '../format.ts';
import { type Leak, type LeakSlot, valueAt } from '../leak.ts';
import { site, text } from '../state.ts';
import { useWidth } from './use-width.ts';

const LEFT = 34;
const RIGHT = 62;
const TOP = 20;
const BOTTOM = 20;

export interface LeakChartProps {
  readonly leak: Leak;
  readonly since: Millis;
  readonly raisedAt?: Millis;
  /** CSS pixels. */
  readonly height?: number;
}

/** A mark with its day takes so much to its left. */
const DAY_LABEL_PX = 130;

/** The evidence of a leak: inflow as measured, dashed what it should have been, the difference since it began hatched. */
export function LeakChart({ leak, since, raisedAt, height = 170 }: LeakChartProps) {
  const words = text.value;
  const hatch = useId();
  const [place, width] = useWidth<HTMLElement>(396);
  const [pointed, setPointed] = useState<LeakSlot | undefined>(undefined);
  const { series } = leak;
  const first = series[0]?.at;
  const last = series.at(-1)?.at;
  if (first === undefined || last === undefined || last <= first) return null;
  const values = series.flatMap(({ flow, expected }) => [flow, expected]).filter((value) => value !== undefined);
  const low = Math.min(0, ...values);
  const high = Math.max(...values, low + 1);
  const right = width - RIGHT;
  const x = (at: Millis) => LEFT + ((at - first) / (last - first)) * (right - LEFT);
  const y = (value: number) => TOP + (1 - (value - low) / (high - low)) * (height - TOP - BOTTOM);
  const ticks = ticksOf(low, high);
  const time = site.value;
  const after = series.filter(({ at }) => at >= since);
  const end = [...series].reverse();
  const measured = end.find(({ flow }) => flow !== undefined);
  const expected = end.find(({ expected: value }) => value !== undefined);
  const labelled = labelsApart(
    measured === undefined ? undefined : y(measured.flow as number),
    expected === undefined ? undefined : y(expected.expected as number),
  );
  const count = Math.max(2, Math.min(6, Math.floor((right - LEFT) / 110)));
  const times = timesOf(first, last, count, time);
  const point = (clientX: number, element: Element) => {
    const at = first + ((clientX - element.getBoundingClientRect().left - LEFT) / (right - LEFT)) * (last - first);
    setPointed(valueAt(series, Math.min(last, Math.max(first, at))));
  };
  const marks = [
    ...(since > first && since < last ? [{ at: since, word: words.leakage.since, class: 'leak-since' }] : []),
    ...(raisedAt !== undefined && raisedAt > first && raisedAt <= last
      ? [{ at: raisedAt, word: words.leakage.raised, class: 'leak-raised' }]
      : []),
  ];
  // A slow leak is raised days after it began: the hour alone would read as the same day.
  const isOneDay = raisedAt === undefined || time.day(since) === time.day(raisedAt);
  const moment = (at: Millis) => (isOneDay || x(at) < DAY_LABEL_PX ? time.minute(at) : time.dayMinute(at));
  return (
    <figure class="leak-chart" ref={place}>
      <figcaption>
        {pointed === undefined ? (
          words.inflowAgainst
        ) : (
          <>
            {time.dayMinute(pointed.at)} <b>{figure(pointed.flow)}</b> m³/h, {words.leakage.expectedLine}{' '}
            <b>{figure(pointed.expected)}</b>
          </>
        )}
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        width={width}
        height={height}
        role="img"
        aria-label={words.leakChart(Math.round(leak.size))}
        onPointerMove={(event) => point(event.clientX, event.currentTarget)}
        onPointerLeave={() => setPointed(undefined)}
      >
        <defs>
          <pattern id={hatch} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <path d="M0 0V6" class="leak-hatch" />
          </pattern>
        </defs>
        {ticks.map((tick) => (
          <g key={tick}>
            <path d={`M${LEFT} ${y(tick)}H${right}`} class="leak-grid" />
            <text x={LEFT - 6} y={y(tick) + 3.5} class="leak-axis" text-anchor="end">
              {tick}
            </text>
          </g>
        ))}
        {runsOf(after).map((run) => (
          <path key={run[0]?.at} d={areaOf(run, x, y)} fill={`url(#${hatch})`} />
        ))}
        <path d={lineOf(series, 'expected', x, y)} class="leak-expected" />
        <path d={lineOf(series, 'flow', x, y)} class="leak-flow" />
        {marks.map(({ at, word, class: name }, index) => (
          <g key={name}>
            <path d={`M${x(at)} ${TOP - 4}V${height - BOTTOM}`} class={name} />
            <text
              x={x(at) + (index === 0 ? -4 : 4)}
              y={TOP - 7}
              class={`leak-axis ${name}-word`}
              text-anchor={index === 0 ? 'end' : 'start'}
            >
              {word} {moment(at)}
            </text>
          </g>
        ))}
        {labelled.measured !== undefined && (
          <text x={right + 6} y={labelled.measured + 3.5} class="leak-label">
            {words.leakage.measuredLine}
          </text>
        )}
        {labelled.expected !== undefined && (
          <text x={right + 6} y={labelled.expected + 3.5} class="leak-axis">
            {words.leakage.expectedLine}
          </text>
        )}
        {pointed !== undefined && <path d={`M${x(pointed.at)} ${TOP}V${height - BOTTOM}`} class="leak-cursor" />}
        {times.map((at, index) => (
          <text
            key={at}
            x={x(at)}
            y={height - 5}
            class="leak-axis"
            text-anchor={index === 0 && x(at) < LEFT + 40 ? 'start' : x(at) > right - 30 ? 'end' : 'middle'}
          >
            {time.dayMinute(at)}
          </text>
        ))}
      </svg>
    </figure>
  );
}

const figure = (value: number | undefined): string => (value === undefined ? '–' : writeNumber(value, 1));

/** Direct labels at the right end must not write over each other. */
function labelsApart(measured: number | undefined, expected: number | undefined) {
  if (measured === undefined || expected === undefined || Math.abs(measured - expected) >= 13)
    return { measured, expected };
  const middle = (measured + expected) / 2;
  const side = measured <= expected ? -1 : 1;
  return { measured: middle + side * 6.5, expected: middle - side * 6.5 };
}

const HOUR_MS = 3_600_000;
const STEPS_H = [1, 2, 3, 6, 12, 24, 48, 96, 168];

/** Whole hours of the site's day: 00:00 and 12:00 rather than 03:45 and 13:18. At most `most` of them. */
function timesOf(first: Millis, last: Millis, most: number, time: SiteTime): readonly Millis[] {
  const step = (STEPS_H.find((hours) => (last - first) / (hours * HOUR_MS) <= most) ?? 336) * HOUR_MS;
  const [hours = 0, minutes = 0, seconds = 0] = time.clock(first).split(':').map(Number);
  const intoDay = hours * HOUR_MS + minutes * 60_000 + seconds * 1000;
  const times: Millis[] = [];
  for (let at = first - (intoDay % step); at <= last; at += step) if (at >= first) times.push(at);
  return times;
}

/** Three or four round figures. */
function ticksOf(low: number, high: number): readonly number[] {
  const rough = (high - low) / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10) * power;
  const ticks: number[] = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) ticks.push(Number(tick.toPrecision(6)));
  return ticks;
}

type Scale = (value: number) => number;

/** Gaps stay gaps: a line begins anew after a missing sample. */
function lineOf(series: readonly LeakSlot[], of: 'flow' | 'expected', x: Scale, y: Scale): string {
  let path = '';
  let drawing = false;
  for (const slot of series) {
    const value = slot[of];
    if (value !== undefined) path += `${drawing ? 'L' : 'M'}${x(slot.at).toFixed(1)} ${y(value).toFixed(1)}`;
    drawing = value !== undefined;
  }
  return path;
}

type FullSlot = Required<LeakSlot>;

/** Stretches in which both lines are there. */
function runsOf(series: readonly LeakSlot[]): readonly (readonly FullSlot[])[] {
  const runs: FullSlot[][] = [];
  let open: FullSlot[] = [];
  for (const { at, flow, expected } of series) {
    if (flow !== undefined && expected !== undefined) {
      open.push({ at, flow, expected });
      continue;
    }
    if (open.length > 1) runs.push(open);
    open = [];
  }
  if (open.length > 1) runs.push(open);
  return runs;
}

function areaOf(run: readonly FullSlot[], x: Scale, y: Scale): string {
  const above = run.map(({ at, flow }) => `${x(at).toFixed(1)} ${y(flow).toFixed(1)}`);
  const below = run.map(({ at, expected }) => `${x(at).toFixed(1)} ${y(expected).toFixed(1)}`).reverse();
  return `M${[...above, ...below].join('L')}Z`;
}
