import { useState } from 'preact/hooks';
import { boundsOf, RANGES, shiftRange } from '../range.ts';
import { fixedRange, forgetShapes, now, range, setPreferences, site, text } from '../state.ts';
import { Icon } from './icon.tsx';
import { useMenu } from './use-menu.ts';

/** The button says the range in words; the zone is named; arrows shift it. */
export function RangePicker() {
  const words = text.value;
  const [open, setOpen] = useState(false);
  const menu = useMenu(open, () => setOpen(false));
  const current = range.value;
  const label =
    current.kind === 'relative'
      ? words.ranges[current.name]
      : `${site.value.dayMinute(current.from)} – ${site.value.dayMinute(current.to)}`;
  return (
    <div class="range" ref={menu}>
      <button
        type="button"
        class="button quiet icon-only earlier"
        aria-label={words.earlier}
        onClick={() => setFixed(shiftRange(range.value, now.value, -1))}
      >
        <Icon name="left" size={14} />
      </button>
      <button
        type="button"
        class="button quiet"
        aria-label={`${words.timeRange}: ${label}`}
        aria-haspopup="listbox"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Icon name="clock" size={16} />
        <span class="range-word">{label}</span>
        <Icon name="down" size={14} />
      </button>
      {current.kind === 'fixed' && (
        <button
          type="button"
          class="button quiet icon-only"
          aria-label={words.later}
          disabled={boundsOf(current, now.value).to >= now.value - 1_000}
          onClick={() => setFixed(shiftRange(current, now.value, 1))}
        >
          <Icon name="right" size={14} />
        </button>
      )}
      {current.kind === 'fixed' && (
        <button type="button" class="button quiet" onClick={() => setFixed(undefined)}>
          {words.backToLive}
        </button>
      )}
      {open && (
        <div class="menu" role="listbox" aria-label={`${words.timeRange}, ${site.value.zone}`}>
          {RANGES.map((name) => (
            <button
              key={name}
              type="button"
              role="option"
              aria-selected={current.kind === 'relative' && current.name === name}
              onClick={() => {
                setPreferences({ range: name });
                setFixed(undefined);
                setOpen(false);
              }}
            >
              {words.ranges[name]}
            </button>
          ))}
          <span class="menu-note">{site.value.zone}</span>
        </div>
      )}
    </div>
  );
}

function setFixed(next: typeof fixedRange.value): void {
  fixedRange.value = next;
  forgetShapes();
}
