import { busiest, type Performance, SLOT_MS } from '../performance.ts';
import { site, text } from '../state.ts';
import { useWidth } from './use-width.ts';

const HEIGHT = 132;
const LEFT = 30;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 20;
/** Above ten in ten minutes a flood begins; one is the target. */
const FLOOD = 10;

/** Alarms per ten minutes over the range; floods are marked with a bar and their word. */
export function SlotChart({ found }: { found: Performance }) {
  const words = text.value.performance;
  const [place, width] = useWidth<HTMLDivElement>(900);
  const { slots, from, to, floods, raised, peakTenMinutes } = found;
  const room = width - LEFT - RIGHT;
  const columns = busiest(slots, Math.max(24, Math.floor(room / 3)));
  const step = room / Math.max(1, columns.length);
  const high = Math.max(FLOOD * 1.15, peakTenMinutes * 1.08);
  const y = (value: number) => TOP + (1 - value / high) * (HEIGHT - TOP - BOTTOM);
  const x = (at: number) => LEFT + ((at - from) / Math.max(1, to - from)) * room;
  const count = Math.max(2, Math.min(8, Math.floor(room / 110)));
  const times = Array.from({ length: count }, (_, part) => from + ((to - from) * part) / (count - 1));
  return (
    <div class="slot-chart" ref={place}>
      <svg width={width} height={HEIGHT} role="img" aria-label={words.chart(raised, peakTenMinutes)}>
        {[1, FLOOD, ...(high > 3 * FLOOD ? [Math.round(high / 10) * 10] : [])].map((tick) => (
          <g key={tick}>
            <path d={`M${LEFT} ${y(tick)}H${width - RIGHT}`} class={tick === 1 ? 'slot-target' : 'slot-flood'} />
            <text x={LEFT - 6} y={y(tick) + 3.5} class="leak-axis" text-anchor="end">
              {tick}
            </text>
          </g>
        ))}
        {columns.map((value, index) =>
          value === 0 ? null : (
            <rect
              // A column is its place.
              key={index}
              x={LEFT + index * step}
              y={y(value)}
              width={Math.max(1.5, step - 0.6)}
              height={HEIGHT - BOTTOM - y(value)}
              class={value > FLOOD ? 'slot is-flood' : 'slot'}
            />
          ),
        )}
        {floods.map((flood) => (
          <path
            key={flood.from}
            d={`M${x(flood.from)} ${HEIGHT - BOTTOM + 3}H${Math.max(x(flood.from) + 3, x(flood.to + SLOT_MS))}`}
            class="slot-span"
          />
        ))}
        <path d={`M${LEFT} ${HEIGHT - BOTTOM}H${width - RIGHT}`} class="leak-grid" />
        {times.map((at, index) => (
          <text
            key={at}
            x={x(at)}
            y={HEIGHT - 4}
            class="leak-axis"
            text-anchor={index === 0 ? 'start' : index === count - 1 ? 'end' : 'middle'}
          >
            {site.value.dayMinute(at)}
          </text>
        ))}
      </svg>
      {columns.length < slots.length && <p class="faint">{words.busiestOf}</p>}
    </div>
  );
}
