import type { Priority } from '../../../contract/alarm.ts';
import type { Millis } from '../../../contract/time.ts';
import type { Standing } from '../quality.ts';
import { type Shape, strokesOf } from '../shape.ts';

export interface SparklineProps {
  readonly shape: Shape | undefined;
  readonly from: Millis;
  readonly to: Millis;
  readonly silenceMs: number;
  readonly normal: readonly [number, number] | undefined;
  readonly standing: Standing;
  readonly priority: Priority | undefined;
  readonly width: number;
  readonly height: number;
  readonly label: string;
}

/** The recent shape of a value: gaps stay gaps; a stale value is dotted on to now. */
export function Sparkline(props: SparklineProps) {
  const { shape, from, to, silenceMs, normal, standing, priority, width, height, label } = props;
  const strokes = shape === undefined ? [] : strokesOf(shape, silenceMs).filter((stroke) => stroke.length > 0);
  const values = strokes.flat().map(({ value }) => value);
  if (values.length === 0) return <svg class="sparkline" width={width} height={height} aria-hidden="true" />;
  const low = Math.min(...values);
  const high = Math.max(...values);
  // A quiet signal must look quiet: noise is not blown up beyond a quarter of the normal band.
  const least = normal === undefined ? Math.abs(high) * 0.02 || 1 : (normal[1] - normal[0]) / 4;
  const room = Math.max(high - low, least);
  const middle = (low + high) / 2;
  const right = width - 4;
  const x = (ts: Millis) => 1 + Math.min(1, Math.max(0, (ts - from) / (to - from))) * (right - 1);
  const y = (value: number) => height / 2 - ((value - middle) / room) * (height - 8);
  const last = strokes.at(-1)?.at(-1);
  const stale = standing === 'stale' || standing === 'bad' || standing === 'none';
  return (
    <svg
      class="sparkline"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={label}
    >
      {strokes.map((stroke) => (
        <path
          key={stroke[0]?.ts}
          d={
            stroke.length === 1
              ? `M${x(stroke[0]?.ts ?? 0).toFixed(1)} ${y(stroke[0]?.value ?? 0).toFixed(1)}h.01`
              : `M${stroke.map(({ ts, value }) => `${x(ts).toFixed(1)} ${y(value).toFixed(1)}`).join('L')}`
          }
          fill="none"
          stroke="var(--ink)"
          stroke-width="1.4"
          stroke-linejoin="round"
          stroke-linecap="round"
        />
      ))}
      {last !== undefined && stale && (
        <path
          d={`M${x(last.ts).toFixed(1)} ${y(last.value).toFixed(1)}H${right}`}
          stroke="var(--ink2)"
          stroke-width="1.6"
          stroke-dasharray="1 4"
          stroke-linecap="round"
        />
      )}
      {last !== undefined && !stale && (
        <circle
          cx={x(last.ts).toFixed(1)}
          cy={y(last.value).toFixed(1)}
          r="2.6"
          fill={priority === undefined ? 'var(--ink)' : `var(--p${priority})`}
        />
      )}
    </svg>
  );
}
