import { type Box, overlaps, textWidth } from '../plan.ts';

/** Names beside a mark, or in the middle of an area. */
export interface LabelWish {
  readonly key: string;
  /** Where it belongs, best first, CSS pixels from the top left of the map. */
  readonly at: readonly { readonly x: number; readonly y: number }[];
  readonly lines: readonly string[];
  readonly side: 'beside' | 'over' | 'along';
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
    const long = widthOf(lines);
    const high = lines.length * LINE_PX;
    let found: { readonly spot: LabelSpot; readonly box: Box } | undefined;
    for (const [place, { x, y }] of at.entries())
      for (const choice of { beside, over, along }[side](high)) {
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

/** What a name takes where it was put. */
export function nameBox({ at, lines }: LabelWish, { place, dx, dy, align }: LabelSpot): Box {
  const { x, y } = at[place] ?? { x: 0, y: 0 };
  return boxOf(x + dx, y + dy, align, widthOf(lines), lines.length * LINE_PX);
}

const widthOf = (lines: readonly string[]) => Math.max(...lines.map((line) => textWidth(line) * LARGER));

type Choice = Omit<LabelSpot, 'place'>;

const beside = (high: number): readonly Choice[] => [
  { dx: BESIDE_PX, dy: -high / 2, align: 'start' },
  { dx: -BESIDE_PX, dy: -high / 2, align: 'end' },
  { dx: 0, dy: BESIDE_PX - 3, align: 'middle' },
  { dx: 0, dy: -BESIDE_PX - high + 3, align: 'middle' },
];

/** Along a line: on it or close beside it. */
const along = (high: number): readonly Choice[] =>
  [0, -14, 14].map((dy) => ({ dx: 0, dy: dy - high / 2, align: 'middle' }));

const over = (high: number): readonly Choice[] =>
  [0, -24, 24, -48, 48].flatMap((dy) => [0, -60, 60].map((dx): Choice => ({ dx, dy: dy - high / 2, align: 'middle' })));

function boxOf(x: number, top: number, align: LabelSpot['align'], long: number, high: number): Box {
  const left = align === 'start' ? x : align === 'end' ? x - long : x - long / 2;
  return { left: left - 2, right: left + long + 2, top, bottom: top + high };
}

/** Columns and rows of places in which the callout may lie. */
const COLUMNS = [1, 0.75, 0.5, 0.25, 0];
const ROWS = [0, 0.25, 0.5, 0.75, 1];
/** Covering another mark is worse than any line is long, CSS pixels. */
const COVERED_PX = 10_000;
/** A line that runs over another mark is as bad as one that is so much longer, CSS pixels. */
const CROSSED_PX = 400;
/** As far from the mark as this a callout may go to lie in its usual place, top right. */
const USUAL_PX = 90;
/** A leader shorter than this is hardly one. */
const LEADER_MIN_PX = 36;

/**
 * The place where a callout covers the fewest marks, as near to its own as it may be without lying on it.
 *
 * @param own - the mark it tells of
 * @param reserved - what must not be covered at all
 */
export function calloutBox(
  own: { readonly x: number; readonly y: number },
  marks: readonly { readonly x: number; readonly y: number }[],
  map: { readonly width: number; readonly height: number },
  size: { readonly width: number; readonly height: number },
  { margin, reserved }: { readonly margin: number; readonly reserved: readonly Box[] },
): Box {
  const boxes = ROWS.flatMap((row) =>
    COLUMNS.map((column): Box => {
      const left = margin + column * (map.width - size.width - 2 * margin);
      const top = margin + row * (map.height - size.height - 2 * margin);
      return { left, right: left + size.width, top, bottom: top + size.height };
    }),
  );
  const cost = (box: Box, index: number) => {
    const covered = marks.filter(({ x, y }) => overlaps(box, around(x, y))).length;
    const end = leaderStart(box, own);
    const leader = Math.hypot(end.x - own.x, end.y - own.y);
    const line = lineBoxes(end, own);
    const crossed = marks.filter(
      ({ x, y }) =>
        Math.hypot(x - own.x, y - own.y) > LEADER_MIN_PX && line.some((part) => overlaps(part, around(x, y))),
    ).length;
    const forbidden = leader < LEADER_MIN_PX || reserved.some((other) => overlaps(box, other));
    return (forbidden ? 100 : covered) * COVERED_PX + crossed * CROSSED_PX + leader - (index === 0 ? USUAL_PX : 0);
  };
  return boxes
    .map((box, index) => ({ box, cost: cost(box, index) }))
    .reduce((best, one) => (one.cost < best.cost ? one : best)).box;
}

const around = (x: number, y: number): Box => ({ left: x - 16, right: x + 16, top: y - 16, bottom: y + 16 });

/** Side of the squares that a line is made of for keeping names off it, CSS pixels. */
const LINE_ROOM_PX = 12;

/** What a line takes, as small boxes along it. */
export function lineBoxes(
  from: { readonly x: number; readonly y: number },
  to: { readonly x: number; readonly y: number },
): readonly Box[] {
  const steps = Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / LINE_ROOM_PX);
  return Array.from({ length: steps }, (_, step) => {
    const x = from.x + ((to.x - from.x) * step) / steps;
    const y = from.y + ((to.y - from.y) * step) / steps;
    const half = LINE_ROOM_PX / 2;
    return { left: x - half, right: x + half, top: y - half, bottom: y + half };
  });
}

/** Where the line from a callout to its mark begins: the nearest place of its edge, away from its round corners. */
export function leaderStart(
  { left, right, top, bottom }: Box,
  { x, y }: { readonly x: number; readonly y: number },
): { readonly x: number; readonly y: number } {
  const within = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));
  const beside = x < left || x > right;
  return beside && y > top && y < bottom
    ? { x: within(x, left, right), y: within(y, top + 12, bottom - 12) }
    : { x: within(x, left + 24, right - 24), y: within(y, top, bottom) };
}
