import { useEffect, useRef, useState } from 'preact/hooks';
import { returns } from '../state.ts';

/** Whether the window is at least so wide, in CSS pixels. */
export function useWide(widthPx: number): boolean {
  const query = `(min-width: ${widthPx}px)`;
  const [wide, setWide] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const change = () => setWide(media.matches);
    change();
    media.addEventListener('change', change);
    return () => media.removeEventListener('change', change);
  }, [query]);
  return wide;
}

/** Calls `again` each time the connection came back. */
export function useWhenBack(again: () => void): void {
  const { value: count } = returns;
  const seen = useRef(count);
  useEffect(() => {
    if (seen.current === count) return;
    seen.current = count;
    again();
  }, [count]);
}

/** Columns of panels beside the alarm list. */
export function useColumns(): number {
  const two = useWide(1340);
  const three = useWide(1860);
  return three ? 3 : two ? 2 : 1;
}
