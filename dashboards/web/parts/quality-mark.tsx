import type { Standing } from '../quality.ts';
import { text } from '../state.ts';

/** Pattern ids of the five standings that are not good; drawn once in `QualityPatterns`. */
const PATTERN: Readonly<Record<Standing, string | undefined>> = {
  good: undefined,
  uncertain: 'q-uncertain',
  bad: 'q-bad',
  stale: 'q-stale',
  late: 'q-late',
  none: 'q-none',
};

export function patternOf(standing: Standing): string {
  const id = PATTERN[standing];
  return id === undefined ? 'none' : `url(#${id})`;
}

/** The patterns of quality; grey, never a colour. Stands once in the page, before whatever refers to it. */
export function QualityPatterns() {
  return (
    <svg class="definitions" width="0" height="0" aria-hidden="true">
      <defs>
        <pattern id="q-uncertain" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <path d="M0 0V6" stroke="var(--ink2)" stroke-width="1.6" />
        </pattern>
        <pattern id="q-bad" width="6" height="6" patternUnits="userSpaceOnUse">
          <path d="M0 0 6 6M6 0 0 6" stroke="var(--ink2)" stroke-width="1.2" />
        </pattern>
        <pattern id="q-stale" width="5" height="5" patternUnits="userSpaceOnUse">
          <circle cx="2.500" cy="2.500" r="1.1" fill="var(--ink2)" />
        </pattern>
        <pattern id="q-late" width="6" height="6" patternUnits="userSpaceOnUse">
          <path d="M0 3H6" stroke="var(--ink2)" stroke-width="1.5" />
        </pattern>
        <pattern id="q-none" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <path d="M0 0V7" stroke="var(--ink2)" stroke-width="1" opacity="0.38" />
        </pattern>
      </defs>
    </svg>
  );
}

/** Why a value is not good, in words. */
export function reasonText(reason: string | undefined): string {
  const words = text.value;
  if (reason === undefined || reason === '') return '';
  if (reason.startsWith('exception-')) return words.exception(reason.slice('exception-'.length));
  return words.reasons[reason] ?? reason;
}
