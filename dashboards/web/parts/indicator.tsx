import type { Priority } from '../../../contract/alarm.ts';
import type { Writing } from '../format.ts';
import { writeExact } from '../format.ts';
import type { Point } from '../model.ts';
import { isMeasured } from '../reading.ts';
import { indicatorOf } from '../scale.ts';

export interface IndicatorProps {
  readonly point: Point;
  readonly writing: Writing;
  /** A value the point is known to have had: keeps the track still. */
  readonly usual: number | undefined;
  /** The newest value; undefined draws no pointer. */
  readonly value: number | undefined;
  /** Priority whose colour the pointer takes; undefined: nothing is wrong. */
  readonly priority: Priority | undefined;
  readonly stale: boolean;
  readonly width: number;
  /** Two small figures under the track: the ends of the band. */
  readonly figures?: boolean;
  /** What is read out. */
  readonly label: string;
}

/**
 * The analog indicator: grey band = normal, tick = limit, triangle = now. A hollow triangle is a stale value;
 * a missing one is no value.
 */
export function IndicatorBand(props: IndicatorProps) {
  const { point, writing, usual, value, priority, stale, width, figures = false, label } = props;
  const layout = isMeasured(point) ? indicatorOf(value, point.normal, point.limits, usual) : undefined;
  const height = figures ? 26 : 14;
  if (layout === undefined) return <svg class="indicator" width={width} height={height} aria-hidden="true" />;
  const at = (part: number) => 1 + part * (width - 2);
  const { band, ticks, pointer } = layout;
  const color = priority === undefined ? undefined : `var(--p${priority})`;
  const ends = endsOf(point);
  return (
    <svg
      class="indicator"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={label}
    >
      <rect x="1" y="4" width={width - 2} height="6" rx="1.5" fill="var(--inset)" stroke="var(--line2)" />
      {band !== undefined && (
        <rect x={at(band[0])} y="4.500" width={at(band[1]) - at(band[0])} height="5" fill="var(--ink2)" opacity="0.5" />
      )}
      {ticks.map((tick) => (
        <path key={tick} d={`M${at(tick)} 2v10`} stroke="var(--ink2)" stroke-width="1.3" />
      ))}
      {pointer !== undefined && (
        <path
          class="pointer"
          d={`M${at(pointer)} 11.500l-4.600-9.500h9.200z`}
          fill={stale ? 'var(--panel)' : (color ?? 'var(--t1)')}
          stroke={stale ? 'var(--ink2)' : priority === undefined ? 'var(--panel)' : `var(--e${priority})`}
          stroke-width={stale ? 1.4 : 1}
          stroke-linejoin="round"
        />
      )}
      {figures && ends !== undefined && (
        <Figures
          from={at(layout.place(ends[0]))}
          to={at(layout.place(ends[1]))}
          width={width}
          low={writeExact(writing.show(ends[0]), writing.decimals)}
          high={ends[0] === ends[1] ? '' : writeExact(writing.show(ends[1]), writing.decimals)}
        />
      )}
    </svg>
  );
}

/** What the two figures under the track say: the ends of the band, else the outermost limits. */
function endsOf({ normal, limits }: Point): readonly [number, number] | undefined {
  if (normal !== undefined) return normal;
  const places = limits.map(({ setpoint }) => setpoint);
  return places.length === 0 ? undefined : [Math.min(...places), Math.max(...places)];
}

/** Widths of digits at 10 px, for keeping the two figures apart and on the drawing. */
const DIGIT_PX = 5.8;

function Figures(props: { from: number; to: number; width: number; low: string; high: string }) {
  const { width, low, high } = props;
  const half = (figure: string) => (figure.length * DIGIT_PX) / 2;
  let left = Math.max(half(low), props.from);
  let right = Math.min(width - half(high), props.to);
  const apart = half(low) + half(high) + 7;
  if (right - left < apart) {
    const middle = Math.min(Math.max((left + right) / 2, apart / 2 + half(low)), width - apart / 2 - half(high));
    left = middle - apart / 2;
    right = middle + apart / 2;
  }
  return (
    <g font-size="10" fill="var(--t3)" text-anchor="middle">
      <text x={left} y="23">
        {low}
      </text>
      <text x={right} y="23">
        {high}
      </text>
    </g>
  );
}
