import type { Priority } from '../../../contract/alarm.ts';
import type { Lamp } from '../alarms.ts';
import { text } from '../state.ts';

/** Shape of each priority on a 24 x 24 field: square, triangle, inverted triangle, circle (design brief, section 2). */
const SHAPES: Readonly<
  Record<Priority, { readonly path: string; readonly middle: number; readonly number: number; readonly size: number }>
> = {
  1: {
    path: 'M5.6 3.2h12.8a2.4 2.4 0 0 1 2.4 2.4v12.8a2.4 2.4 0 0 1-2.4 2.4H5.6a2.4 2.4 0 0 1-2.4-2.4V5.6a2.4 2.4 0 0 1 2.4-2.4z',
    middle: 12,
    number: 16.7,
    size: 13.5,
  },
  2: { path: 'M12 2.6 22.4 21H1.6z', middle: 13, number: 18.7, size: 11.5 },
  3: { path: 'M12 21.4 1.6 3h20.8z', middle: 11, number: 13.6, size: 11.5 },
  4: { path: 'M12 2.4a9.6 9.6 0 1 1 0 19.2 9.6 9.6 0 0 1 0-19.2z', middle: 12, number: 16.5, size: 13 },
};

export interface GlyphProps {
  readonly priority: Priority;
  readonly lamp: Lamp;
  /** 16 in panels, 20 in rows, 24 on maps, 34 on phones. */
  readonly size?: number;
}

/** The one mark of an alarm: priority = colour + shape + number, state = fill + outline + motion. */
export function Glyph({ priority, lamp, size = 20 }: GlyphProps) {
  const { path, middle, number, size: fontSize } = SHAPES[priority];
  const words = text.value;
  const name = `${words.priority(priority)}, ${words.priorityName[priority]}, ${words.lampName[lamp]}`;
  const hollow = lamp === 'held' || lamp === 'none';
  return (
    <svg class={`glyph lamp-${lamp}`} width={size} height={size} viewBox="0 0 24 24" role="img" aria-label={name}>
      {lamp === 'unacknowledged' && (
        <path
          class="moves"
          d={path}
          transform={`translate(12 ${middle}) scale(1.36) translate(-12 -${middle})`}
          fill="none"
          stroke={`var(--e${priority})`}
          stroke-width="1.3"
          stroke-linejoin="round"
          opacity="0.9"
        />
      )}
      {(lamp === 'unacknowledged' || lamp === 'acknowledged') && (
        <path
          d={path}
          fill={`var(--p${priority})`}
          stroke={`var(--e${priority})`}
          stroke-width="1.2"
          stroke-linejoin="round"
        />
      )}
      {lamp === 'rtn-unacknowledged' && (
        <path
          class="moves"
          d={path}
          fill="none"
          stroke={`var(--x${priority})`}
          stroke-width="2"
          stroke-dasharray="3.4 2.4"
          stroke-linejoin="round"
        />
      )}
      {hollow && (
        <path
          d={path}
          fill="none"
          stroke="var(--ink2)"
          stroke-width={lamp === 'held' ? 1.6 : 1.4}
          stroke-linejoin="round"
        />
      )}
      <text
        x="12"
        y={number}
        text-anchor="middle"
        font-size={fontSize}
        font-weight="700"
        fill={hollow ? 'var(--t3)' : lamp === 'rtn-unacknowledged' ? 'var(--t1)' : `var(--n${priority})`}
      >
        {priority}
      </text>
      {lamp === 'held' && <path d="M2 22 22 2" stroke="var(--ink2)" stroke-width="1.8" />}
    </svg>
  );
}
