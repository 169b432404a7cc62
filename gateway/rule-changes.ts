import { z } from 'zod';
import type { Millis } from '../contract/time.ts';
import type { Rule } from './domain/plant.ts';
import type { PlantCatalog } from './plant-growth.ts';
import { SmallFile } from './small-file.ts';

/** More than a site changes by hand; beyond, the files are the place. */
const CHANGES_MAX = 10_000;

const oneChangeSchema = z.object({
  enabled: z.boolean().optional(),
  setpoint: z.number().optional(),
  deadband: z.number().optional(),
  onDelayMs: z.number().optional(),
  offDelayMs: z.number().optional(),
  priority: z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4)]).optional(),
  who: z.string(),
  at: z.number(),
  reason: z.string(),
});
const changeSchema = oneChangeSchema.extend({
  /** A temporary change ends then: what was before comes back. */
  until: z.number().optional(),
  /** The lasting change that this one replaced. */
  before: oneChangeSchema.optional(),
});
/** What a person made different from the files for one rule, and why; `enabled: false` switches it off. */
export type RuleChange = z.output<typeof changeSchema>;

const fileSchema = z.record(z.string(), changeSchema);

/** A change that makes no sense; nothing changed. */
export class RuleChangeError extends Error {
  readonly code: 'rule-invalid';
  constructor(message: string) {
    super(message);
    this.code = 'rule-invalid';
  }
}

/** Thresholds changed at run time, by rule key, in `rules.json` of the data folder; the files stay the default. */
export class RuleChanges {
  private readonly file: SmallFile;
  private changes = new Map<string, RuleChange>();
  /** Points with changed rules, once asked for. */
  private touched: ReadonlySet<string> | undefined;

  /**
   * @param file - undefined keeps everything in memory
   * @throws Error when the file is there and is not what it should be: silently ringing at other limits is worse than no start
   */
  constructor(file: string | undefined) {
    this.file = new SmallFile(file);
    const text = this.file.read();
    if (text !== undefined) this.changes = new Map(Object.entries(fileSchema.parse(JSON.parse(text))));
  }

  /** A temporary change with what lasts under it. */
  of(key: string): RuleChange | undefined {
    const change = this.changes.get(key);
    return change?.before === undefined || change.until === undefined
      ? change
      : { ...limitsIn(change.before), ...change };
  }

  /** Whether a rule of this point is changed; a rule's key begins with the name of what it watches. */
  touch(point: string): boolean {
    if (this.changes.size === 0) return false;
    this.touched ??= new Set([...this.changes.keys()].map((key) => key.slice(0, key.indexOf('#'))));
    return this.touched.has(point);
  }

  keys(): readonly string[] {
    return [...this.changes.keys()].sort();
  }

  /**
   * What it names is different from now on; what others changed besides stays. `null` goes back to what the files say. A
   * lasting change under a temporary one leaves the temporary one what it does not name. What was before comes back with
   * {@link undo} or at `until`. On disk when it resolves; in force at once. @throws RuleChangeError
   */
  async set(rule: Pick<Rule, 'key' | 'setpoint'>, wish: RuleWish): Promise<void> {
    if (typeof wish.setpoint === 'number' && rule.setpoint === undefined)
      throw new RuleChangeError(`${rule.key} has no setpoint to change.`);
    if (wish.until !== undefined && LIMIT_FIELDS.some((field) => wish[field] === null))
      throw new RuleChangeError('A temporary change says values: null takes back a lasting one.');
    if (!this.changes.has(rule.key) && this.changes.size >= CHANGES_MAX)
      throw new RuleChangeError(`${CHANGES_MAX} rules are changed already: put them into the files.`);
    const next = after(this.changes.get(rule.key), wish);
    if (next === undefined) this.changes.delete(rule.key);
    else this.changes.set(rule.key, next);
    await this.save();
  }

  /** Back to what was before the last change. @returns false when there is none */
  async undo(key: string): Promise<boolean> {
    const change = this.changes.get(key);
    if (change === undefined) return false;
    if (change.before === undefined) this.changes.delete(key);
    else this.changes.set(key, change.before);
    await this.save();
    return true;
  }

  /** Temporary changes that are over. */
  overAt(now: Millis): readonly string[] {
    return this.keys().filter((key) => (this.changes.get(key)?.until ?? Number.POSITIVE_INFINITY) <= now);
  }

  /** Back to what the files say. @returns false when it was not changed */
  async clear(key: string): Promise<boolean> {
    if (!this.changes.delete(key)) return false;
    await this.save();
    return true;
  }

  private save(): Promise<void> {
    this.touched = undefined;
    return this.file.write(() => JSON.stringify(Object.fromEntries(this.changes), null, 1));
  }
}

const LIMIT_FIELDS = ['enabled', 'setpoint', 'deadband', 'onDelayMs', 'offDelayMs', 'priority'] as const;
type Limits = Partial<Pick<RuleChange, (typeof LIMIT_FIELDS)[number]>>;
/** What somebody wants to be different; `null`: as the files say. */
export type RuleWish = { readonly [F in keyof Limits]?: Limits[F] | null } & Pick<
  RuleChange,
  'who' | 'at' | 'reason' | 'until'
>;

function limitsIn(change: { readonly [F in keyof Limits]?: Limits[F] | null }): Limits {
  return Object.fromEntries(
    LIMIT_FIELDS.flatMap((field) => (change[field] === undefined ? [] : [[field, change[field]]])),
  ) as Limits;
}

/** What is changed once `wish` is fulfilled; undefined: nothing is different from the files any more. */
function after(current: RuleChange | undefined, wish: RuleWish): RuleChange | undefined {
  const { who, at, reason, until } = wish;
  const by = { who, at, reason };
  const isTemporary = current?.until !== undefined;
  const lastingBefore = lasting(current);
  if (until !== undefined) {
    const own = { ...(isTemporary ? limitsIn(current) : {}), ...limitsIn(wish) };
    return { ...own, ...by, until, ...(lastingBefore === undefined ? {} : { before: lastingBefore }) };
  }
  const wanted = Object.entries({ ...limitsIn(lastingBefore ?? {}), ...limitsIn(wish) });
  const limits: Limits = Object.fromEntries(wanted.filter(([, value]) => value !== null));
  const lasts = Object.keys(limits).length > 0 ? { ...limits, ...by } : undefined;
  const own = isTemporary ? Object.entries(limitsIn(current)).filter(([field]) => !(field in limitsIn(wish))) : [];
  if (isTemporary && own.length > 0) {
    const { who, at, reason, until } = current;
    const rest = { ...Object.fromEntries(own), who, at, reason, until };
    return lasts === undefined ? rest : { ...rest, before: lasts };
  }
  if (lasts === undefined || lastingBefore === undefined) return lasts;
  return { ...lasts, before: lastingBefore };
}

/** A temporary change stands over a lasting one and never becomes one itself. */
function lasting(change: RuleChange | undefined): RuleChange['before'] {
  if (change?.until !== undefined) return change.before;
  if (change === undefined) return undefined;
  const { before: _, ...rest } = change;
  return rest;
}

/** Puts what people changed over what the files say; a rule that is switched off is not judged. */
export function withChanges(catalog: PlantCatalog, changes: RuleChanges): PlantCatalog {
  return {
    ...catalog,
    sheetFor: (point, device) =>
      changes.touch(`${point.device}/${point.measurement}`) ? undefined : catalog.sheetFor?.(point, device),
    rulesFor: (point, device, measuredBy) =>
      catalog
        .rulesFor(point, device, measuredBy)
        .filter(({ key }) => changes.of(key)?.enabled !== false)
        .map((rule) => changed(rule, changes.of(rule.key))),
  };
}

/** A rule as it is judged after a change. */
export function changed(rule: Rule, change: RuleChange | undefined): Rule {
  if (change === undefined) return rule;
  const { setpoint, deadband, onDelayMs, offDelayMs, priority } = change;
  return {
    ...rule,
    // The file may have lost its setpoint since: then there is nothing to change any more.
    ...(setpoint === undefined || rule.setpoint === undefined ? {} : { setpoint }),
    ...(deadband === undefined ? {} : { deadband }),
    ...(onDelayMs === undefined ? {} : { onDelayMs }),
    ...(offDelayMs === undefined ? {} : { offDelayMs }),
    ...(priority === undefined ? {} : { priority }),
  };
}
