import type { Limits, PointModel, Table } from './model.ts';

/** What one request reads: some of a device's points, never a part of one. */
export interface Block {
  readonly table: Table;
  /** First register (or bit), 0-based on the wire. */
  readonly address: number;
  /** Registers, or bits for coils and discrete inputs. */
  readonly count: number;
  /** In address order, each wholly inside. */
  readonly points: readonly PointModel[];
}

/** What a device taught us: a request must not reach over these addresses (first address after the cut). */
export type Cuts = Readonly<Partial<Record<Table, ReadonlySet<number>>>>;

interface Span {
  readonly start: number;
  /** First address after the last. */
  readonly end: number;
  readonly points: readonly PointModel[];
}

/** Most registers or bits of one request (MODBUS Application Protocol V1.1b3, 6.1-6.4), by the device's own limits. */
export function countMax(table: Table, limits: Limits): number {
  return isBitTable(table) ? limits.maxBits : limits.maxRegisters;
}

export function isBitTable(table: Table): boolean {
  return table === 'coils' || table === 'discrete-inputs';
}

/**
 * Puts wanted points into the fewest requests.
 *
 * Each request starts at the first point not yet read and takes along every later one that fits, so no plan under the
 * same limits has fewer. A point and its fraction (`plus`) stay together; only `gap` unread registers are read along,
 * and never a range the model calls illegal.
 *
 * @param points - in any order, overlaps allowed (bits of one register)
 * @returns requests by table and address
 * @throws RangeError if one value alone is longer than a request
 */
export function planBlocks(points: readonly PointModel[], limits: Limits, cuts: Cuts = {}): Block[] {
  const blocks: Block[] = [];
  for (const table of ['coils', 'discrete-inputs', 'holding-registers', 'input-registers'] as const) {
    const ofTable = points.filter((point) => point.table === table);
    if (ofTable.length > 0) blocks.push(...planTable(table, spansOf(ofTable), limits, cuts[table] ?? new Set()));
  }
  return blocks;
}

function planTable(table: Table, spans: Span[], limits: Limits, cuts: ReadonlySet<number>): Block[] {
  const most = countMax(table, limits);
  const fromZero = isBitTable(table) && limits.bitsFromZero;
  const illegal = limits.illegal.filter((range) => range.table === table);
  const blocks: Block[] = [];
  let rest = spans;
  while (rest.length > 0) {
    const [first, ...later] = rest as [Span, ...Span[]];
    const start = fromZero ? 0 : first.start;
    if (first.end - start > most)
      throw new RangeError(`${first.points[0]?.id}: ${first.end - start} of ${table} in one request, at most ${most}`);
    const taken = [first];
    const left: Span[] = [];
    let end = first.end;
    for (const span of later) {
      const joined = Math.max(end, span.end);
      const reachable = fromZero || span.start - end <= limits.gap || span.start < end;
      const crossesIllegal = illegal.some((range) => range.from < span.start && range.to >= end);
      const crossesCut = crossesAny(cuts, start, joined);
      const fits = joined - start <= most && !limits.onePointPerRequest;
      if (fits && reachable && !crossesIllegal && !crossesCut) {
        taken.push(span);
        end = joined;
      } else left.push(span);
    }
    blocks.push({ table, address: start, count: end - start, points: taken.flatMap((span) => span.points) });
    rest = left;
  }
  return blocks;
}

/** A cut between two registers of one value is no cut: no value is ever torn. */
function crossesAny(cuts: ReadonlySet<number>, start: number, end: number): boolean {
  for (const cut of cuts) if (cut > start && cut < end) return true;
  return false;
}

/** Points that must share a request, by address: a total with its fraction, bits of one register, otherwise each alone. */
function spansOf(points: readonly PointModel[]): Span[] {
  const spans: Span[] = [];
  const joined = new Set<PointModel>();
  const sorted = [...points].sort((a, b) => a.address - b.address || b.length - a.length);
  for (const point of sorted) {
    if (joined.has(point)) continue;
    const same = sorted.filter(
      (other) =>
        !joined.has(other) &&
        (other === point ||
          other.plus === point.id ||
          other.id === point.plus ||
          (other.address === point.address && other.length === point.length)),
    );
    for (const member of same) joined.add(member);
    spans.push({
      start: Math.min(...same.map((member) => member.address)),
      end: Math.max(...same.map((member) => member.address + member.length)),
      points: same,
    });
  }
  return spans.sort((a, b) => a.start - b.start || b.end - a.end);
}

/**
 * Every way to read a block in two requests, the most even first. Overlapping values, and a total with its fraction, are
 * never parted.
 *
 * @returns none when it holds one value only
 */
export function waysToSplit(block: Block, limits: Limits): (readonly [Block, Block])[] {
  const spans = spansOf(block.points);
  if (limits.onePointPerRequest || (limits.bitsFromZero && isBitTable(block.table))) return [];
  const ways: (readonly [Block, Block])[] = [];
  for (let at = 1; at < spans.length; at++) {
    const [before, after] = [spans.slice(0, at), spans.slice(at)];
    const [first, second] = [blockOf(block.table, before), blockOf(block.table, after)];
    if (first.address + first.count <= second.address) ways.push([first, second]);
  }
  const unevenness = ([first, second]: readonly [Block, Block]) => Math.abs(first.points.length - second.points.length);
  return ways.sort((a, b) => unevenness(a) - unevenness(b));
}

function blockOf(table: Table, spans: readonly Span[]): Block {
  const address = Math.min(...spans.map((span) => span.start));
  const end = Math.max(...spans.map((span) => span.end));
  return { table, address, count: end - address, points: spans.flatMap((span) => span.points) };
}
