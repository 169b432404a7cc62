import type { RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

/**
 * A menu below a button, by keyboard: the first or chosen entry has the focus when it opens, arrows move, Escape closes
 * and gives the focus back to the button, a press elsewhere or Tab closes.
 *
 * @returns ref for the element that holds button and menu
 */
export function useMenu(open: boolean, close: () => void): RefObject<HTMLDivElement | null> {
  const ref = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const { current: place } = ref;
    if (!open || place === null) return;
    const entries = entriesOf(place);
    (entries.find((entry) => entry.getAttribute('aria-selected') === 'true') ?? entries[0])?.focus();
    return () => {
      // What was chosen goes with its menu; whoever pressed elsewhere has the focus there already.
      const { activeElement } = document;
      if (activeElement === null || activeElement === document.body || activeElement.closest('.menu') !== null)
        place.querySelector<HTMLElement>('[aria-haspopup]')?.focus();
    };
  }, [open]);
  // With the focus at once: a key pressed before the next picture is the menu's, too.
  useLayoutEffect(() => {
    const { current: place } = ref;
    if (!open || place === null) return;
    const onPress = (event: Event) => {
      if (!place.contains(event.target as Node)) close();
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Tab') return close();
      const entries = entriesOf(place);
      const at = entries.indexOf(document.activeElement as HTMLElement);
      const next = { ArrowDown: at + 1, ArrowUp: Math.max(at, 0) - 1, Home: 0, End: -1 }[event.key];
      if (event.key === 'Escape') close();
      else if (next !== undefined) entries.at(next % entries.length)?.focus();
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    addEventListener('pointerdown', onPress);
    place.addEventListener('keydown', onKey);
    return () => {
      removeEventListener('pointerdown', onPress);
      place.removeEventListener('keydown', onKey);
    };
  }, [open]);
  return ref;
}

const entriesOf = (place: HTMLElement) => [...place.querySelectorAll<HTMLElement>('.menu button')];
