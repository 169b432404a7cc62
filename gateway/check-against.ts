import { existsSync } from 'node:fs';
import { z } from 'zod';
import { parseTime } from '../contract/time.ts';
import type { OpenChanges } from './check.ts';
import { openDesk } from './desk.ts';
import { type RuleChange, RuleChanges } from './rule-changes.ts';

const TIMEOUT_MS = 10_000;
/** Pages of rules read from a gateway: more than it can have changed. */
const PAGES_MAX = 100;
const FIELDS = ['setpoint', 'deadband', 'onDelayMs', 'offDelayMs', 'priority', 'enabled'] as const;

const limits = {
  setpoint: z.number().optional(),
  deadband: z.number(),
  onDelayMs: z.number(),
  offDelayMs: z.number(),
  priority: z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4)]),
  enabled: z.boolean(),
};
const time = z.string().transform((text) => parseTime(text) ?? 0);
const pageSchema = z.object({
  rules: z.array(
    z.object({
      key: z.string(),
      ...limits,
      changed: z.object({
        who: z.string(),
        at: time,
        reason: z.string(),
        until: time.optional(),
        default: z.object(limits),
      }),
    }),
  ),
  cursor: z.string().optional(),
});
type ChangedRule = z.output<typeof pageSchema>['rules'][number];

/**
 * What people changed at another gateway: at a running one by its API, or in a data folder.
 *
 * @param against - `http://host:port` or a folder
 * @throws Error, in words for people, when it can't be asked
 */
export async function changesAt(against: string, token: string | undefined): Promise<OpenChanges> {
  if (!/^https?:\/\//.test(against)) {
    if (!existsSync(against)) throw new Error(`there is no data folder ${against}`);
    return (files) => openDesk(files, against);
  }
  if (token === undefined) throw new Error('a running gateway needs --token-file (hanfeng token add)');
  const changes = new RuleChanges(undefined);
  for (const rule of await changedRules(against.replace(/\/$/, ''), token)) {
    const { key, setpoint } = rule;
    await changes.set({ key, ...(setpoint === undefined ? {} : { setpoint }) }, changeOf(rule));
  }
  return (files) => ({ ...openDesk(files, undefined), changes });
}

async function changedRules(base: string, token: string): Promise<readonly ChangedRule[]> {
  const rules: ChangedRule[] = [];
  let cursor = '';
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await fetch(`${base}/api/v1/rules?changed=true&limit=1000${cursor}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((error: unknown) => {
      throw new Error(`${base} does not answer: ${((error as Error).cause as Error | undefined)?.message ?? error}`);
    });
    if (!answer.ok) throw new Error(`${base} answers ${answer.status}: is the token in force?`);
    const found = pageSchema.safeParse(await answer.json().catch(() => undefined));
    if (!found.success) throw new Error(`${base} is no gateway of this version`);
    rules.push(...found.data.rules);
    if (found.data.cursor === undefined) break;
    cursor = `&cursor=${encodeURIComponent(found.data.cursor)}`;
  }
  return rules;
}

/** What of a rule is another than its gateway's own files say. */
function changeOf(rule: ChangedRule): RuleChange {
  const { who, at, reason, until, default: files } = rule.changed;
  const different = FIELDS.filter((field) => rule[field] !== undefined && rule[field] !== files[field]);
  return {
    ...Object.fromEntries(different.map((field) => [field, rule[field]])),
    ...{ who, at, reason },
    ...(until === undefined ? {} : { until }),
  };
}
