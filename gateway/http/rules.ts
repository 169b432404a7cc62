import { createHash } from 'node:crypto';
import { z } from 'zod';
import { formatTime, type Millis } from '../../contract/time.ts';
import { ruleFinder, rulesAsWritten } from '../desk.ts';
import type { PointInfo, Rule } from '../domain/plant.ts';
import type { RuleChange } from '../rule-changes.ts';
import type { Identity } from './auth.ts';
import {
  countSchema,
  cursorSchema,
  decodeCursor,
  durationSchema,
  encodeCursor,
  isoSchema,
  momentSchema,
  present,
} from './inputs.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';
import { walk } from './walk.ts';

const limitFields = {
  setpoint: z.number().optional(),
  deadband: z.number(),
  onDelayMs: z.number(),
  offDelayMs: z.number(),
  priority: z.number(),
  enabled: z.boolean(),
};

const ruleView = z.object({
  key: z.string(),
  kind: z.string(),
  asset: z.string(),
  point: z.string(),
  title: z.string(),
  titleZh: z.string().optional(),
  unit: z.string().optional(),
  response: z.string().optional(),
  ...limitFields,
  version: z.string().meta({ description: 'of its limits as they are now; a PUT that names another is refused' }),
  changed: z
    .object({
      who: z.string(),
      at: isoSchema,
      reason: z.string(),
      until: isoSchema.optional().meta({ description: 'a temporary change: then what was before comes back' }),
      default: z.object(limitFields).meta({ description: 'what the files say' }),
    })
    .optional()
    .meta({ description: 'different from the files, and since when' }),
});

const DELAY_MAX_MS = 7 * 86_400_000;
/** Longest temporary change: what should hold for longer belongs into the files. */
const TEMPORARY_MAX_MS = 92 * 86_400_000;
const delaySchema = z
  .union([z.literal(0), z.literal('0s').transform(() => 0 as const), durationSchema])
  .refine((delayMs) => delayMs <= DELAY_MAX_MS, 'at most 7d');
const changeSchema = z
  .strictObject({
    setpoint: z.number().nullish().meta({ description: 'null, here and below: back to what the files say' }),
    deadband: z.number().min(0).nullish(),
    onDelay: delaySchema.nullish(),
    offDelay: delaySchema.nullish(),
    priority: z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4)]).nullish(),
    enabled: z.boolean().nullish().meta({ description: 'false: not judged; an alarm that is open is closed' }),
    until: momentSchema
      .optional()
      .meta({ description: 'a temporary change ends then, and what was before comes back' }),
    for: durationSchema.optional().meta({ description: 'the same as a length of time' }),
    version: z
      .string()
      .max(64)
      .optional()
      .meta({ description: 'of the rule this change was made for (or `If-Match`): 409 when it is another by now' }),
    reason: z.string().trim().min(1).max(1000),
  })
  .refine(
    ({ reason: _, version: _version, until: _until, for: _for, ...changes }) => Object.keys(changes).length > 0,
    'at least one change',
  );

/** Alarm rules and their management of change: who made a limit different from the files, when and why. */
export function ruleRoutes(door: Door): readonly Route[] {
  const { desk, registry, ingest, now } = door;
  const audit = (who: string, what: string, target: string, detail: unknown) =>
    ingest.audit({ at: now(), who, what, target, detail: JSON.stringify(detail) });
  const rulesOf = (point: PointInfo) => {
    const device = registry.device(point.device);
    return device === undefined ? [] : rulesAsWritten(desk, point, device);
  };
  const defaultOf = (point: PointInfo, key: string) => {
    const device = registry.device(point.device);
    return device === undefined
      ? undefined
      : desk.defaults.rulesAsWritten(point, device).find((rule) => rule.key === key);
  };
  const view = (point: PointInfo, rule: Rule) => viewRule(rule, desk.changes.of(rule.key), defaultOf(point, rule.key));
  const locate = ruleFinder(desk, registry, (point, device) => rulesAsWritten(desk, point, device));
  const find = (key: string) => {
    const found = locate(key);
    if (found === undefined) throw new Problem('rule-unknown', `${key.slice(0, 200)} watches nothing here.`);
    return found;
  };

  return [
    route({
      method: 'GET',
      path: '/api/v1/rules',
      access: 'viewer',
      tag: 'rules',
      summary: 'Alarm rules as they are judged, with what was changed at run time',
      query: z.strictObject({
        asset: z.string().max(64).optional(),
        point: z.string().max(129).optional(),
        changed: z.enum(['true', 'false']).optional(),
        limit: countSchema(1, 1000).default(200),
        cursor: cursorSchema.optional(),
      }),
      answer: z.object({ rules: z.array(ruleView), cursor: z.string().optional() }),
      async handle({ query }) {
        const after = decodeCursor(query.cursor, 'number') ?? -1;
        const rules: z.infer<typeof ruleView>[] = [];
        let last = after;
        let isMore = false;
        await walk(registry.points(), (point) => {
          if (point.id <= after) return true;
          // A point's rules stay together on one page.
          isMore = rules.length >= query.limit;
          if (isMore) return false;
          last = point.id;
          for (const rule of rulesOf(point)) {
            const isChanged = desk.changes.of(rule.key) !== undefined;
            if (query.asset !== undefined && rule.asset !== query.asset) continue;
            if (query.point !== undefined && rule.pointId !== query.point) continue;
            if (query.changed !== undefined && String(isChanged) !== query.changed) continue;
            rules.push(view(point, rule));
          }
          return true;
        });
        return { rules, ...(isMore ? { cursor: encodeCursor(last) } : {}) };
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/rules/{key}',
      access: 'viewer',
      tag: 'rules',
      summary: 'One rule: what is judged, and what the files say where that is something else',
      params: z.object({ key: z.string() }),
      answer: ruleView,
      handle({ params }) {
        const { point, rule } = find(params.key);
        return view(point, rule);
      },
    }),
    route({
      method: 'PUT',
      path: '/api/v1/rules/{key}',
      access: 'admin',
      tag: 'rules',
      summary: 'Change what is named of limits, delays or priority, with a reason; the files stay the default',
      params: z.object({ key: z.string() }),
      body: changeSchema,
      answer: ruleView,
      async handle({ params, body, identity, request }) {
        const { point, rule } = find(params.key);
        const who = (identity as Identity).name;
        const { onDelay, offDelay, reason, version, until: _, for: _for, ...rest } = body;
        mustBeOf(version ?? request.headers['if-match'], view(point, rule));
        const at = now();
        const from = limitsOf(rule, desk.changes.of(rule.key));
        const until = endOf(body, at);
        await desk.changes.set(rule, {
          ...present({ ...rest, onDelayMs: onDelay, offDelayMs: offDelay, until }),
          who,
          at,
          reason,
        });
        await ingest.renewRules([point.device], { keys: [rule.key], by: { who, why: reason }, at });
        const to = limitsOf(find(rule.key).rule, desk.changes.of(rule.key));
        await audit(who, 'change-rule', rule.key, { from, to, change: body });
        return view(point, find(rule.key).rule);
      },
    }),
    route({
      method: 'DELETE',
      path: '/api/v1/rules/{key}',
      access: 'admin',
      tag: 'rules',
      summary: 'Back to what the files say',
      params: z.object({ key: z.string() }),
      answer: ruleView,
      async handle({ params, identity }) {
        const { point, rule } = find(params.key);
        const from = limitsOf(rule, desk.changes.of(rule.key));
        if (await desk.changes.clear(rule.key)) {
          const { name: who } = identity as Identity;
          const by = { who, why: 'Back to what the files say.' };
          await ingest.renewRules([point.device], { keys: [rule.key], by, at: now() });
          await audit(who, 'reset-rule', rule.key, { from });
        }
        return view(point, find(rule.key).rule);
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/rules/{key}/undo',
      access: 'admin',
      tag: 'rules',
      summary: 'Back to what was before the last change',
      params: z.object({ key: z.string() }),
      body: z.strictObject({ reason: z.string().trim().min(1).max(1000).optional() }).optional(),
      answer: ruleView,
      async handle({ params, body, identity }) {
        const { point, rule } = find(params.key);
        const from = limitsOf(rule, desk.changes.of(rule.key));
        if (await desk.changes.undo(rule.key)) {
          const { name: who } = identity as Identity;
          const by = { who, why: body?.reason ?? 'The last change was taken back.' };
          await ingest.renewRules([point.device], { keys: [rule.key], by, at: now() });
          const to = limitsOf(find(rule.key).rule, desk.changes.of(rule.key));
          await audit(who, 'undo-rule', rule.key, { from, to, ...body });
        }
        return view(point, find(rule.key).rule);
      },
    }),
  ];
}

/** @throws Problem when somebody else changed the rule since it was read */
function mustBeOf(wanted: string | undefined, now: z.infer<typeof ruleView>): void {
  const version = wanted?.replace(/^(W\/)?"(.*)"$/, '$2');
  if (version === undefined || version === '*' || version === now.version) return;
  const { who, at, reason } = now.changed ?? {};
  const by = who === undefined ? 'as the files say' : `changed by ${who} at ${at}: ${reason}`;
  throw new Problem('rule-changed', `It is another by now: ${by}. Read it again.`);
}

/** The same for the same limits, changed by the same person at the same time. */
function versionOf(...of: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(of)).digest('base64url').slice(0, 16);
}

function limitsOf({ setpoint, deadband, onDelayMs, offDelayMs, priority }: Rule, change?: RuleChange) {
  const enabled = change?.enabled !== false;
  return { deadband, onDelayMs, offDelayMs, priority, enabled, ...present({ setpoint }) };
}

/** @throws Problem when the end is past, or further away than a temporary change may be */
function endOf(body: { readonly until?: Millis | undefined; readonly for?: Millis | undefined }, now: Millis) {
  const until = body.for === undefined ? body.until : now + body.for;
  if (until === undefined || (until > now && until <= now + TEMPORARY_MAX_MS)) return until;
  throw new Problem('input-invalid', 'A temporary change ends later than now, and within 92 days.', {
    errors: [{ path: 'body.until', found: formatTime(until), allowed: 'a time within the next 92 days' }],
  });
}

function viewRule(rule: Rule, change: RuleChange | undefined, fromFiles: Rule | undefined): z.infer<typeof ruleView> {
  const { key, kind, asset, pointId, title, titleZh, unit, response } = rule;
  return {
    key,
    kind,
    asset,
    point: pointId,
    title,
    ...limitsOf(rule, change),
    version: versionOf(limitsOf(rule, change), change?.who, change?.at, change?.reason, change?.until),
    ...present({ titleZh, unit, response }),
    ...(change === undefined || fromFiles === undefined
      ? {}
      : {
          changed: {
            who: change.who,
            at: formatTime(change.at),
            reason: change.reason,
            ...(change.until === undefined ? {} : { until: formatTime(change.until) }),
            default: limitsOf(fromFiles),
          },
        }),
  };
}
