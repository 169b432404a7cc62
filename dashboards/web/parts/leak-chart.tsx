import { useId } from 'preact/hooks';
import type { Millis } from '../../../contract/time.ts';
import type { Leak, LeakSlot } from '../leak.ts';
import { site, text } from '../state.ts';

const WIDTH = 396;
const HEIGHT = 170;
const LEFT = 34;
const RIGHT = 8;
const TOP = 10;
const BOTTOM = 20;

/** The evidence of a leak: inflow as measured, dashed what it should have been, the difference since it began hatched. */
export function LeakChart({ leak, since }: { leak: Leak; since: Millis }) {
  const words = text.value;
  const hatch = useId();
  const { series } = leak;
  const first = series[0]?.at;
  const last = series.at(-1)?.at;
  if (first === undefined || last === undefined || last <= first) return null;
  const values = series.flatMap(({ flow, expected }) => [flow, expected]).filter((value) => value !== undefined);
  const low = Math.min(0, ...values);
  const high = Math.max(...values, low + 1);
  const x = (at: Millis) => LEFT + ((at - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const ticks = [0, 1, 2].map((part) => roundTick(low + ((high - low) * part) / 2));
  const time = site.value;
  const middle = series[series.length >> 1] as LeakSlot;
  return (
    <figure class="leak-chart">
      <figcaption>{words.inflowAgainst}</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={words.leakChart(Math.round(leak.size))}>
        <defs>
          <pattern id={hatch} width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <path d="M0 0V5" class="leak-hatch" />
          </pattern>
        </defs>
        {ticks.map((tick) => (
          <g key={tick}>
            <path d={`M${LEFT} ${y(tick)}H${WIDTH - RIGHT}`} class="leak-grid" />
            <text x={LEFT - 5} y={y(tick) + 3.5} class="leak-axis" text-anchor="end">
              {tick}
            </text>
          </g>
        ))}
        {runsOf(series.filter(({ at }) => at >= since)).map((run) => (
          <path key={run[0]?.at} d={areaOf(run, x, y)} fill={`url(#${hatch})`} />
        ))}
        <path d={lineOf(series, 'expected', x, y)} class="leak-expected" />
        <path d={lineOf(series, 'flow', x, y)} class="leak-flow" />
        {since > first && since < last && <path d={`M${x(since)} ${TOP}V${HEIGHT - BOTTOM}`} class="leak-since" />}
        {[series[0], middle, series.at(-1)].map((slot, index) => (
          <text
            key={slot?.at}
            x={x(slot?.at as number)}
            y={HEIGHT - 5}
            class="leak-axis"
            text-anchor={(['start', 'middle', 'end'] as const)[index]}
          >
            {time.dayMinute(slot?.at as number)}
          </text>
        ))}
      </svg>
    </figure>
  );
}

function roundTick(value: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, Math.abs(value)))) - 1);
  return Math.round(value / step) * step;
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
