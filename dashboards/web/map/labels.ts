import { type Box, overlaps, textWidth } from '../plan.ts';

/** Names beside a mark, or in the middle of an area. */
export interface LabelWish {
  readonly key: string;
  /** Where it belongs, best first, CSS pixels from the top left of the map. */
  readonly at: readonly { readonly x: number; readonly y: number }[];
  readonly lines: readonly string[];
  readonly side: 'beside' | 'over';
}

export interface LabelSpot {
  /** Which of the wished places. */
  readonly place: number;
  /** Left edge, middle or right edge of the text from that place, and its top, CSS pixels. */
  readonly dx: number;
  readonly dy: number;
  readonly align: 'start' | 'middle' | 'end';
}

const LINE_PX = 14;
/** Of the letters in `textWidth`, which are 11 px. */
const LARGER = 1.16;
/** Free ring around a glyph of 24 px. */
const BESIDE_PX = 19;
/** Names in view; a map full of words says nothing. */
export const LABELS_MAX = 40;

/**
 * Finds room for names, the first ones first: nothing is written over a mark, over another name or over the edge.
 *
 * @param reserved - what else is drawn
 * @returns for each key that has room; a name that nobody can read is no name
 */
export function placeNames(
  wishes: readonly LabelWish[],
  reserved: readonly Box[],
  { width, height }: { readonly width: number; readonly height: number },
): ReadonlyMap<string, LabelSpot> {
  const taken = [...reserved];
  const spots = new Map<string, LabelSpot>();
  for (const { key, at, lines, side } of wishes) {
    if (spots.size >= LABELS_MAX) break;
    const long = Math.max(...lines.map((line) => textWidth(line) * LARGER));
    const high = lines.length * LINE_PX;
    let found: { readonly spot: LabelSpot; readonly box: Box } | undefined;
    for (const [place, { x, y }] of at.entries())
      for (const choice of side === 'beside' ? beside(high) : over(high)) {
        if (found !== undefined) break;
        const box = boxOf(x + choice.dx, y + choice.dy, choice.align, long, high);
        const inside = box.left >= 4 && box.right <= width - 4 && box.top >= 4 && box.bottom <= height - 4;
        if (inside && !taken.some((other) => overlaps(box, other))) found = { spot: { place, ...choice }, box };
      }
    if (found === undefined) continue;
    taken.push(found.box);
    spots.set(key, found.spot);
  }
  return spots;
}

type Choice = Omit<LabelSpot, 'place'>;

const beside = (high: number): readonly Choice[] => [
  { dx: BESIDE_PX, dy: -high / 2, align: 'start' },
  { dx: -BESIDE_PX, dy: -high / 2, align: 'end' },
  { dx: 0, dy: BESIDE_PX - 3, align: 'middle' },
  { dx: 0, dy: -BESIDE_PX - high + 3, align: 'middle' },
];

const over = (high: number): readonly Choice[] =>
  [0, -24, 24, -48, 48].flatMap((dy) => [0, -60, 60].map((dx): Choice => ({ dx, dy: dy - high / 2, align: 'middle' })));

function boxOf(x: number, top: number, align: LabelSpot['align'], long: number, high: number): Box {
  const left = align === 'start' ? x : align === 'end' ? x - long : x - long / 2;
  return { left: left - 2, right: left + long + 2, top, bottom: top + high };
}

/** Corners in which the callout may lie, the usual one first. */
export const CORNERS = ['top right', 'top left', 'bottom left'] as const;
export type Corner = (typeof CORNERS)[number];

/** @returns the corner in which a callout of this size covers the fewest marks */
export function quietCorner(
  marks: readonly { readonly x: number; readonly y: number }[],
  map: { readonly width: number; readonly height: number },
  size: { readonly width: number; readonly height: number },
  margin: number,
): Corner {
  const covered = (corner: Corner) => {
    const box = cornerBox(corner, map, size, margin);
    return marks.filter(({ x, y }) => overlaps(box, { left: x - 16, right: x + 16, top: y - 16, bottom: y + 16 }))
      .length;
  };
  return CORNERS.reduce((best, corner) => (covered(corner) < covered(best) ? corner : best));
}

export function cornerBox(
  corner: Corner,
  map: { readonly width: number; readonly height: number },
  size: { readonly width: number; readonly height: number },
  margin: number,
): Box {
  const left = corner === 'top right' ? map.width - margin - size.width : margin;
  const top = corner === 'bottom left' ? map.height - margin - size.height : margin;
  return { left, right: left + size.width, top, bottom: top + size.height };
}
