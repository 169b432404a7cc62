import { isForPage } from '../parts/keys.ts';
import { hrefOf, type Route } from '../route.ts';
import { preferences } from '../state.ts';
import { toggleWall } from './kiosk.ts';
import { overlay } from './overlay.ts';
import { PAGES } from './places.ts';

/** After `g` the next letter says where to, after `d` how it is shown; later than this it is a letter of its own. */
const SECOND_KEY_MS = 1_500;

/**
 * Keys of every page. Listens before the pages do: the `a` of `g a` must not acknowledge.
 *
 * @returns stops listening
 */
export function listenToKeys(): () => void {
  let first: { readonly key: 'g' | 'd'; readonly at: number } | undefined;
  const onKey = (event: KeyboardEvent) => {
    const key = event.key.toLowerCase();
    if (key === 'k' && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      event.preventDefault();
      event.stopImmediatePropagation();
      overlay.value = overlay.value === 'jump' ? undefined : 'jump';
      return;
    }
    if (!preferences.value.keys || overlay.value !== undefined || !isForPage(event)) return;
    const before = first !== undefined && event.timeStamp - first.at < SECOND_KEY_MS ? first.key : undefined;
    first = undefined;
    if (before === 'd') {
      if (key === 'k') toggleWall();
    } else if (before === 'g') {
      const page = PAGES.find(({ letter }) => letter === key)?.page;
      if (page !== undefined) location.hash = hrefOf({ page } as Route);
    } else if (key === 'g' || key === 'd') first = { key, at: event.timeStamp };
    else if (key === '?') overlay.value = 'keys';
    else if (key === 't') {
      const picker = document.querySelector<HTMLElement>('.range [aria-haspopup]');
      if (picker === null) return;
      picker.click();
    } else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  addEventListener('keydown', onKey, { capture: true });
  return () => removeEventListener('keydown', onKey, { capture: true });
}
