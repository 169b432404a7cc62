import { limitSide } from './alarm/limit.ts';
import type { PointInfo, Rule } from './plant.ts';

/**
 * The rules of many points of one kind, where all of them are plain limits: what judging needs of each, and the rules
 * themselves, which are made for a point when something happens to it. 658,000 of them as objects took a third of a start
 * and of the memory.
 */
export interface RuleSheet {
  readonly limits: readonly Limit[];
  /** The rules of a point in the order of the limits; their keys are `<device>/<measurement>#…`. */
  make(point: PointInfo): readonly Rule[];
}

export interface Limit {
  readonly side: -1 | 1;
  readonly setpoint: number;
}

/** What rules of one point must be for a sheet; undefined: at least one is no plain limit of this point by its own name. */
export function limitsOf(rules: readonly Rule[]): readonly Limit[] | undefined {
  const limits = rules.flatMap((rule): Limit[] => {
    const side = limitSide(rule);
    const isOwn = rule.key.startsWith(`${rule.pointId}#`) && rule.explains === undefined;
    return side === 0 || rule.setpoint === undefined || !isOwn ? [] : [{ side, setpoint: rule.setpoint }];
  });
  return limits.length === rules.length ? limits : undefined;
}

/** What is known of a sheet. */
interface Sheet {
  /** In the list of all sheets. */
  readonly row: number;
  readonly sides: Int8Array;
  /** All limits are quiet in between. */
  readonly low: number;
  readonly high: number;
  readonly make: RuleSheet['make'];
}

/** Finds a point by its name. */
export type FindPoint = (name: string) => number | undefined;

/** All rules by dense row: those of the configuration, and the built-in ones (stale, offline …) as they are first needed. */
export class RuleTable {
  length = 0;
  /** Point whose readings carry the rule's event time; -1 for rules on the gateway's own clock. */
  point = new Int32Array(1024);
  /** +1 above, -1 below, 0 not a limit. */
  side = new Int8Array(1024);
  /** Undefined: of a sheet, and not made yet. */
  private readonly rules: (Rule | undefined)[] = [];
  private readonly sheets = new Map<RuleSheet, Sheet>();
  private readonly sheetList: Sheet[] = [];
  /** Row of a sheet in the list above, and place within it. */
  private sheet = new Int32Array(1024);
  private place = new Uint16Array(1024);
  /** Per point the first row of the sheet it has; -1: none. */
  private sheetRow = new Int32Array(0);
  private readonly infos: readonly PointInfo[];
  private readonly builtIn = new Map<string, number>();
  private readonly builtInRows = new Set<number>();

  /** @param infos - points by their dense id */
  constructor(infos: readonly PointInfo[]) {
    this.infos = infos;
  }

  rule(row: number): Rule {
    return this.rules[row] ?? this.make(row);
  }

  add(rule: Rule, point: number): number {
    const row = this.length++;
    if (row >= this.point.length) this.widen();
    this.point[row] = point;
    this.side[row] = limitSide(rule);
    this.rules[row] = rule;
    return row;
  }

  /** Rows for a point's limits, one after another. @returns between which values all of them are quiet */
  addSheet(sheet: RuleSheet, point: number): { readonly low: number; readonly high: number } {
    const { row, sides, low, high } = this.sheets.get(sheet) ?? this.note(sheet);
    const first = this.length;
    this.length += sides.length;
    while (this.length > this.point.length) this.widen();
    for (let place = 0; place < sides.length; place++) {
      this.point[first + place] = point;
      this.side[first + place] = sides[place]!;
      this.sheet[first + place] = row;
      this.place[first + place] = place;
    }
    if (point >= this.sheetRow.length) {
      const wider = new Int32Array(Math.max(1024, 2 * point)).fill(-1);
      wider.set(this.sheetRow);
      this.sheetRow = wider;
    }
    this.sheetRow[point] = first;
    return { low, high };
  }

  private note(sheet: RuleSheet): Sheet {
    const setpoints = (side: number) => sheet.limits.flatMap((limit) => (limit.side === side ? [limit.setpoint] : []));
    const noted: Sheet = {
      row: this.sheetList.length,
      sides: Int8Array.from(sheet.limits, ({ side }) => side),
      low: Math.max(...setpoints(-1)),
      high: Math.min(...setpoints(1)),
      make: (point) => sheet.make(point),
    };
    this.sheetList.push(noted);
    this.sheets.set(sheet, noted);
    return noted;
  }

  /** Row of a built-in rule; made on first use. */
  builtInRow(key: string, point: number, make: () => Rule): number {
    const known = this.builtIn.get(key);
    if (known !== undefined) return known;
    const row = this.add(make(), point);
    this.builtIn.set(key, row);
    this.builtInRows.add(row);
    return row;
  }

  /** Row of a built-in rule that was made already. */
  builtInKnown(key: string): number | undefined {
    return this.builtIn.get(key);
  }

  /** Rows of these keys; of a rule that was replaced, the newest. */
  rowsByKey(wanted: ReadonlySet<string>, find: FindPoint): Map<string, number> {
    const rows = new Map<string, number>();
    if (wanted.size === 0) return rows;
    // A rule of a sheet bears the name of its point.
    for (const key of wanted) this.makeAll(find(key.slice(0, Math.max(0, key.indexOf('#')))));
    for (let row = 0; row < this.length; row++) {
      const key = this.rules[row]?.key;
      if (key !== undefined && wanted.has(key)) rows.set(key, row);
    }
    return rows;
  }

  isBuiltIn(row: number): boolean {
    return this.builtInRows.has(row);
  }

  get builtIns(): Iterable<number> {
    return this.builtInRows;
  }

  snapshotBuiltIn(): unknown {
    return [...this.builtInRows].map((row) => ({ rule: this.rules[row], point: this.point[row] }));
  }

  restoreBuiltIn(state: readonly { readonly rule: Rule; readonly point: number }[]): void {
    for (const { rule, point } of state) this.builtInRow(rule.key, point, () => rule);
  }

  private make(row: number): Rule {
    const point = this.point[row]!;
    const made = this.sheetList[this.sheet[row]!]!.make(this.infos[point]!);
    const first = row - this.place[row]!;
    made.forEach((rule, place) => {
      this.rules[first + place] = rule;
    });
    return this.rules[row]!;
  }

  private makeAll(point: number | undefined): void {
    const first = point === undefined ? undefined : this.sheetRow[point];
    if (first !== undefined && first >= 0 && this.point[first] === point) this.rule(first);
  }

  /** Room for so many rows. */
  reserve(rows: number): void {
    if (rows > this.point.length) this.widen(rows);
  }

  private widen(capacity = 2 * this.point.length): void {
    const widen = <T extends Int32Array | Int8Array | Uint16Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.point = widen(this.point, new Int32Array(capacity));
    this.side = widen(this.side, new Int8Array(capacity));
    this.sheet = widen(this.sheet, new Int32Array(capacity));
    this.place = widen(this.place, new Uint16Array(capacity));
    while (this.rules.length < capacity) this.rules.push(undefined);
  }
}
