import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { ConfigError, type Mistake } from '../contract/mistakes.ts';
import { parseDuration } from '../contract/time.ts';
import { readYaml } from '../contract/yaml.ts';

const DAY_MS = 86_400_000;
const lengthSchema = z.string().transform((text, context) => {
  const lengthMs = text === '0s' ? 0 : parseDuration(text);
  if (lengthMs !== undefined && lengthMs <= 7 * DAY_MS) return lengthMs;
  context.addIssue({ code: 'custom', message: 'a time such as 30s or 2m' });
  return z.NEVER;
});

const stepSchema = z
  .strictObject({
    at: lengthSchema.describe('From the start of the scenario'),
    on: z.string().optional().describe('Fault to switch on; `stop` ends an edge'),
    off: z.string().optional().describe('Fault to switch off; `stop` starts the edge again'),
    device: z.string().describe('Device, line, place or edge'),
    value: z.number().optional(),
  })
  .refine(({ on, off }) => (on === undefined) !== (off === undefined), 'either on or off');

const alarmSchema = z.strictObject({
  kind: z.string(),
  point: z.string().optional(),
  asset: z.string().optional(),
  priority: z.number().int().min(1).max(4).optional(),
});

const scenarioSchema = z.strictObject({
  title: z.string().min(3).describe('What happens, for people'),
  titleZh: z.string().optional(),
  see: z.string().optional().describe('What to look at while it runs'),
  start: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/, 'local date and time: 2026-11-24T02:00')
    .describe('Local moment an accelerated run begins at; by hand it begins now'),
  lasts: lengthSchema,
  speed: z.number().min(1).max(60).default(12).describe('Accelerated runs: seconds that pass in one'),
  seed: z.number().int().min(0).default(1),
  batch: z.string().optional().describe('Scenarios of one name are run together; they touch other devices'),
  edges: z.array(z.string()).min(1).describe('Edges of the demo it needs'),
  lines: z.array(z.string()).optional().describe('Only these lines of the simulation; all of those edges when absent'),
  timeline: z.array(stepSchema).max(500).default([]),
  must: z.array(alarmSchema).describe('Every alarm it raises; whatever else is raised is a failure'),
  may: z.array(alarmSchema).default([]).describe('Alarms that depend on the moment: neither asked for nor a failure'),
  standing: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe('So many alarms stand for themselves; all others are suppressed as their consequences'),
  mustNot: z.array(alarmSchema).min(1).describe('Alarms that would be wrong, named so that people can learn from them'),
});

export type Scenario = z.output<typeof scenarioSchema> & { readonly name: string };
export type ScenarioStep = Scenario['timeline'][number];
export type ExpectedAlarm = z.output<typeof alarmSchema>;

export function parseScenario(
  text: string,
  file: string,
): { readonly scenario?: Scenario; readonly mistakes: readonly Mistake[] } {
  const { value, mistakes } = readYaml(scenarioSchema, text, file);
  if (value === undefined) return { mistakes };
  const timeline = [...value.timeline].sort((a, b) => a.at - b.at);
  return { scenario: { ...value, timeline, name: basename(file, '.yaml') }, mistakes: [] };
}

/** All scenarios that come with the project, by name. */
export function readScenarios(root: string): ReadonlyMap<string, Scenario> {
  const folder = join(root, 'simulators', 'scenarios');
  const scenarios = readdirSync(folder)
    .filter((name) => name.endsWith('.yaml') && name !== 'asserted.yaml')
    .sort()
    .flatMap((name) => parseScenario(readFileSync(join(folder, name), 'utf8'), join(folder, name)).scenario ?? []);
  return new Map(scenarios.map((scenario) => [scenario.name, scenario]));
}

/** An alarm that was raised, as far as scenarios compare it. */
export interface RaisedAlarm {
  readonly kind: string;
  readonly asset: string;
  readonly point?: string;
  readonly priority: number;
  readonly message: string;
  /** `suppressed` among them: something else explains it. */
  readonly holds?: readonly string[];
}

/** What a run got wrong; all lists empty = passed. */
export interface Verdict {
  /** Asked for and not raised. */
  readonly missing: readonly ExpectedAlarm[];
  /** Raised though neither asked for nor allowed. */
  readonly unexpected: readonly RaisedAlarm[];
  /** Raised though named as wrong. */
  readonly wrong: readonly RaisedAlarm[];
  /** What stands for itself, where another number was asked for. */
  readonly standing: readonly RaisedAlarm[];
}

/**
 * Compares what was raised with what a scenario says. Kinds that are not asserted are left out on both sides.
 *
 * @param others - scenarios that ran at the same time: what they list is theirs, unless this one lists it too
 */
export function judgeScenario(
  { must, may, mustNot, standing }: Pick<Scenario, 'must' | 'may' | 'mustNot' | 'standing'>,
  raised: readonly RaisedAlarm[],
  asserted: ReadonlySet<string>,
  others: readonly Pick<Scenario, 'must' | 'may'>[] = [],
): Verdict {
  const isListed = (lists: Pick<Scenario, 'must' | 'may'>, alarm: RaisedAlarm) =>
    [...lists.must, ...lists.may].some((expected) => fits(expected, alarm));
  const counted = raised.filter(
    (alarm) =>
      asserted.has(alarm.kind) && (isListed({ must, may }, alarm) || !others.some((other) => isListed(other, alarm))),
  );
  const stands = counted.filter(({ holds = [] }) => !holds.includes('suppressed'));
  // Where it is said how many stand for themselves, the rest may be whatever they explain.
  const judged = standing === undefined ? counted : stands;
  return {
    missing: must.filter((expected) => asserted.has(expected.kind) && !counted.some((alarm) => fits(expected, alarm))),
    unexpected: judged.filter((alarm) => !isListed({ must, may }, alarm)),
    wrong: judged.filter((alarm) => mustNot.some((expected) => fits(expected, alarm))),
    standing: standing === undefined || stands.length === standing ? [] : stands,
  };
}

/** Scenarios that run together, by batch; one without a batch runs alone. In the order of the first of each. */
export function batchesOf(scenarios: Iterable<Scenario>): readonly (readonly Scenario[])[] {
  const batches = new Map<string, Scenario[]>();
  for (const scenario of scenarios) {
    const key = scenario.batch === undefined ? `alone/${scenario.name}` : `batch/${scenario.batch}`;
    const known = batches.get(key);
    if (known === undefined) batches.set(key, [scenario]);
    else known.push(scenario);
  }
  return [...batches.values()];
}

/** A batch as one run: everything that one of them needs, and all that happens in them. */
export function joinBatch(batch: readonly Scenario[]): Scenario {
  const [first, ...rest] = batch as readonly [Scenario, ...Scenario[]];
  const all = (pick: (scenario: Scenario) => readonly string[]) => [...new Set(batch.flatMap(pick))];
  const lines = batch.every((scenario) => scenario.lines !== undefined) ? all((one) => one.lines ?? []) : undefined;
  return {
    ...first,
    name: [first, ...rest].map(({ name }) => name).join(' + '),
    lasts: Math.max(...batch.map(({ lasts }) => lasts)),
    edges: all(({ edges }) => edges),
    lines,
    timeline: batch.flatMap(({ timeline }) => timeline).sort((a, b) => a.at - b.at),
    must: batch.flatMap(({ must }) => must),
    may: batch.flatMap(({ may }) => may),
  };
}

function fits({ kind, point, asset, priority }: ExpectedAlarm, alarm: RaisedAlarm): boolean {
  return (
    kind === alarm.kind &&
    (point === undefined || point === alarm.point) &&
    (asset === undefined || asset === alarm.asset) &&
    (priority === undefined || priority === alarm.priority)
  );
}

/** Plays a timeline: waits for each step and hands it over; `speed` squeezes the waiting. */
export async function playTimeline(
  timeline: readonly ScenarioStep[],
  {
    sleep,
    act,
    speed = 1,
  }: {
    readonly sleep: (ms: number) => Promise<void>;
    readonly act: (step: ScenarioStep) => void | Promise<void>;
    readonly speed?: number;
  },
): Promise<void> {
  let now = 0;
  for (const step of timeline) {
    if (step.at > now) await sleep((step.at - now) / speed);
    now = step.at;
    await act(step);
  }
}

const assertedSchema = z.strictObject({
  asserted: z.array(z.string()).min(1),
  groups: z.record(z.string(), z.array(z.string()).min(1)),
});

/** What is wrong with the text of an asserted.yaml. */
export function checkAsserted(text: string, file: string): readonly Mistake[] {
  return readYaml(assertedSchema, text, file).mistakes;
}

/** Kinds of alarms that runs are judged by; `asserted.yaml` names them, in groups where a word stands for several kinds. */
export function readAsserted(root: string): { readonly words: readonly string[]; readonly kinds: ReadonlySet<string> } {
  const file = join(root, 'simulators', 'scenarios', 'asserted.yaml');
  const { value, mistakes } = readYaml(assertedSchema, readFileSync(file, 'utf8'), file);
  if (value === undefined) throw new ConfigError(mistakes);
  const { asserted, groups } = value;
  return { words: asserted, kinds: new Set(asserted.flatMap((word) => groups[word] ?? [word])) };
}
