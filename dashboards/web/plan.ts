/** A place on the earth, WGS-84, with a circle around it where one is known. */
export interface Placed {
  readonly latitude: number;
  readonly longitude: number;
  readonly radiusM?: number;
}

export interface Plan {
  readonly metresPerPixel: number;
  place(at: Placed): { readonly x: number; readonly y: number };
}

const METRES_PER_DEGREE = 111_320;
/** CSS pixels left free at each edge, for labels. */
const MARGIN = 26;
/** So far at least reaches a plan, m: two instruments in one cabinet are no map. */
const SPAN_MIN_M = 100;

/** Fits places into a drawing, north up, one scale for both directions. A few kilometres are flat enough. */
export function planOf(places: readonly Placed[], width: number, height: number): Plan {
  const middleLatitude = places.reduce((sum, { latitude }) => sum + latitude, 0) / Math.max(1, places.length);
  const stretch = Math.cos((middleLatitude * Math.PI) / 180);
  const east = ({ longitude }: Placed) => longitude * METRES_PER_DEGREE * stretch;
  const north = ({ latitude }: Placed) => latitude * METRES_PER_DEGREE;
  const ends = (of: (at: Placed) => number) => {
    const low = Math.min(...places.map((at) => of(at) - (at.radiusM ?? 0)));
    const high = Math.max(...places.map((at) => of(at) + (at.radiusM ?? 0)));
    return { middle: (low + high) / 2, span: Math.max(SPAN_MIN_M, high - low) };
  };
  const x = ends(east);
  const y = ends(north);
  const metresPerPixel = Math.max(x.span / Math.max(1, width - 2 * MARGIN), y.span / Math.max(1, height - 2 * MARGIN));
  return {
    metresPerPixel,
    place: (at) => ({
      x: width / 2 + (east(at) - x.middle) / metresPerPixel,
      y: height / 2 - (north(at) - y.middle) / metresPerPixel,
    }),
  };
}

const ROUND = [1, 2, 5];

/** A round length that takes at most so many pixels. */
export function scaleBarOf(metresPerPixel: number, wantedPx = 60): { readonly metres: number; readonly px: number } {
  const wanted = metresPerPixel * wantedPx;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const metres = (ROUND.findLast((one) => one * power <= wanted) ?? 1) * power;
  return { metres, px: Math.round(metres / metresPerPixel) };
}

/** A mark with words beside it, CSS pixels. */
export interface Labelled {
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

export interface LabelPlace {
  readonly x: number;
  readonly y: number;
  readonly anchor: 'start' | 'middle' | 'end';
}

/** Widths of an 11 px label: Latin, and Chinese or other wide signs. */
const LATIN_PX = 5.4;
const WIDE_PX = 11.5;
const LABEL_HEIGHT = 13;
const MARK_RADIUS = 10;

/** About how wide a label of 11 px is, CSS pixels. */
export function textWidth(text: string): number {
  return [...text].reduce((sum, sign) => sum + (sign.charCodeAt(0) > 0x2e80 ? WIDE_PX : LATIN_PX), 0);
}

/** What is taken on a drawing, CSS pixels. */
export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/**
 * Puts each label right of its mark, or left, below, above or aslant, where it writes over nothing; first come, first served.
 *
 * @param reserved - what else is drawn there
 * @returns undefined for a mark whose label has no room: a name that nobody can read is no name
 */
export function labelPlaces(
  marks: readonly Labelled[],
  width: number,
  reserved: readonly Box[] = [],
): readonly (LabelPlace | undefined)[] {
  const taken: Box[] = marks.map(({ x, y }) => ({
    left: x - MARK_RADIUS,
    right: x + MARK_RADIUS,
    top: y - MARK_RADIUS + 2,
    bottom: y + MARK_RADIUS - 2,
  }));
  taken.push(...reserved);
  return marks.map(({ x, y, text }, index) => {
    const long = textWidth(text);
    const choices: readonly LabelPlace[] = [
      { x: x + 12, y: y + 4, anchor: 'start' },
      { x: x - 12, y: y + 4, anchor: 'end' },
      { x, y: y + 20, anchor: 'middle' },
      { x, y: y - 12, anchor: 'middle' },
      { x: x + 9, y: y - 8, anchor: 'start' },
      { x: x - 9, y: y - 8, anchor: 'end' },
      { x: x + 9, y: y + 16, anchor: 'start' },
      { x: x - 9, y: y + 16, anchor: 'end' },
    ];
    const free = choices.find((place) => {
      const box = boxOf(place, long);
      return (
        box.left >= 0 && box.right <= width && !taken.some((other, mark) => mark !== index && overlaps(box, other))
      );
    });
    if (free !== undefined) taken.push(boxOf(free, long));
    return free;
  });
}

function boxOf({ x, y, anchor }: LabelPlace, long: number): Box {
  const left = anchor === 'start' ? x : anchor === 'end' ? x - long : x - long / 2;
  return { left, right: left + long, top: y - LABEL_HEIGHT + 3, bottom: y + 3 };
}

export const overlaps = (one: Box, other: Box) =>
  one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
