import { limitSide } from './alarm/limit.ts';
import type { Rule } from './plant.ts';

/** All rules by dense row: those of the configuration, and the built-in ones (stale, offline …) as they are first needed. */
export class RuleTable {
  readonly rules: Rule[] = [];
  /** Point whose readings carry the rule's event time; -1 for rules on the gateway's own clock. */
  readonly point: number[] = [];
  /** +1 above, -1 below, 0 not a limit. */
  readonly side: (-1 | 0 | 1)[] = [];
  private readonly builtIn = new Map<string, number>();
  private readonly builtInRows = new Set<number>();

  add(rule: Rule, point: number): number {
    const row = this.rules.length;
    this.rules.push(rule);
    this.point.push(point);
    this.side.push(limitSide(rule));
    return row;
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
  rowsByKey(wanted: ReadonlySet<string>): Map<string, number> {
    const rows = new Map<string, number>();
    this.rules.forEach(({ key }, row) => {
      if (wanted.has(key)) rows.set(key, row);
    });
    return rows;
  }

  isBuiltIn(row: number): boolean {
    return this.builtInRows.has(row);
  }

  snapshotBuiltIn(): unknown {
    return [...this.builtInRows].map((row) => ({ rule: this.rules[row], point: this.point[row] }));
  }

  restoreBuiltIn(state: readonly { readonly rule: Rule; readonly point: number }[]): void {
    for (const { rule, point } of state) this.builtInRow(rule.key, point, () => rule);
  }
}
