import { writeNumber } from '../format.ts';

export interface PeriodBar {
  readonly label: string;
  /** Undefined: no figure, a gap. */
  readonly value: number | undefined;
  /** Its period isn't over. */
  readonly running: boolean;
}

/** A month is no wider when there are two of them than when there are eight: few periods must not look like blocks. */
const STEP_MAX_PX = 12;

/** A figure over the periods: a column each, hollow while its period runs, nothing where there is no figure. */
export function PeriodBars(props: {
  readonly bars: readonly PeriodBar[];
  readonly chosen: string | undefined;
  readonly width: number;
  readonly height: number;
  readonly label: string;
  readonly onChoose?: (label: string) => void;
}) {
  const { bars, chosen, width, height, label, onChoose } = props;
  const values = bars.flatMap(({ value }) => value ?? []);
  if (values.length === 0) return <svg class="period-bars" width={width} height={height} aria-hidden="true" />;
  const high = Math.max(...values, 1e-9);
  const low = Math.min(0, ...values);
  const step = Math.min(STEP_MAX_PX, width / bars.length);
  const gap = step > 6 ? 2 : 1;
  const y = (value: number) => 2 + (1 - (value - low) / (high - low)) * (height - 3);
  return (
    <svg class="period-bars" width={width} height={height} role="img" aria-label={label}>
      {bars.map(({ label: name, value, running }, index) =>
        value === undefined ? null : (
          // biome-ignore lint/a11y/noStaticElementInteractions: the arrows beside the period do the same by keyboard
          <rect
            key={name}
            x={index * step + (running ? 0.75 : 0.25)}
            y={Math.min(y(0), y(value)) + (running ? 0.5 : 0)}
            width={Math.max(1, step - gap - (running ? 1 : 0))}
            height={Math.max(1.5, Math.abs(y(value) - y(0)) - (running ? 0.5 : 0))}
            class={`${running ? 'bar-running' : 'bar'}${name === chosen ? ' chosen' : ''}`}
            onClick={onChoose === undefined ? undefined : () => onChoose(name)}
          >
            <title>
              {name}: {writeNumber(value, 1)}
            </title>
          </rect>
        ),
      )}
    </svg>
  );
}
