import { useEffect, useState } from 'preact/hooks';

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

/** Columns of panels beside the alarm list. */
export function useColumns(): number {
  const two = useWide(1340);
  const three = useWide(1860);
  return three ? 3 : two ? 2 : 1;
}
