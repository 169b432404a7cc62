import type { Logger } from 'pino';
import { z } from 'zod';
import type { Quality } from '../contract/reading.ts';
import { durationSchema } from '../contract/settings.ts';
import { type Command, type CommandResult, commandSchema } from '../contract/state.ts';
import { formatDuration, type Millis } from '../contract/time.ts';

const pointIdSchema = z.string().regex(/^[A-Za-z0-9._-]{1,64}\/[A-Za-z0-9._-]{1,64}$/, '<device>/<measurement>');

const conditionSchema = z
  .strictObject({
    point: pointIdSchema.describe('A point of this edge'),
    is: z.number().optional(),
    min: z.number().optional(),
    max: z.number().optional(),
    maxAge: durationSchema({ minMs: 100, maxMs: 3_600_000 })
      .prefault('1m')
      .describe('An older value counts as unknown'),
  })
  .refine(({ is, min, max }) => is !== undefined || min !== undefined || max !== undefined, 'is, min or max');

/** Key `commands` of edge.yaml: what may be written from outside, and when. */
export const commandsSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('false: this edge only reads'),
    perMinute: z.number().int().min(1).max(6000).default(60).describe('Most commands a minute, all points together'),
    selectFor: durationSchema({ minMs: 1000, maxMs: 300_000 }).prefault('30s').describe('How long a selection holds'),
    points: z
      .record(
        pointIdSchema,
        z.strictObject({
          range: z.tuple([z.number(), z.number()]).optional().describe('Narrower than the model allows'),
          select: z.boolean().default(false).describe('Select before operate'),
          remote: conditionSchema.optional().describe('The local/remote switch: commands only while this holds'),
          interlocks: z.array(conditionSchema).max(20).default([]).describe('All must hold'),
          notFasterThan: durationSchema({ minMs: 0, maxMs: 3_600_000 })
            .prefault('1s')
            .describe('Least time between two commands to this point'),
          tolerance: z.number().min(0).default(0).describe('Largest difference between the value and its read-back'),
        }),
      )
      .default({})
      .describe('Guards by point; a point not named here has those of its model'),
  })
  .describe('Commands from outside');

export type CommandSettings = z.output<typeof commandsSchema>;
export type Condition = z.output<typeof conditionSchema>;
type PointGuards = CommandSettings['points'][string];

const NO_GUARDS: PointGuards = { select: false, interlocks: [], notFasterThan: 1000, tolerance: 0 };

/** Results kept to answer a command that comes twice, and to send again what the broker did not confirm. */
const RESULTS_MAX = 256;
const SELECTIONS_MAX = 64;
const RESEND_AFTER_MS = 10_000;

/** What commands need of acquisition. */
export interface CommandTarget {
  point(
    device: string,
    measurement: string,
  ): { readonly writable?: { readonly range: readonly [number, number] } } | undefined;
  latest(point: string): { readonly ts: Millis; readonly value?: number; readonly quality: Quality } | undefined;
  /** @throws Error saying why it was not done */
  write(
    device: string,
    measurement: string,
    value: number,
    signal: AbortSignal,
  ): Promise<{ readonly readBack?: number }>;
}

export interface CommandOptions {
  readonly settings: CommandSettings;
  readonly target: CommandTarget;
  readonly clock: { now(): Millis; monotonicMs(): number };
  readonly inService: (device: string) => boolean;
  /** @returns false when there is no connection; `confirmed` is called once the broker has it */
  readonly publish: (result: CommandResult, confirmed: () => void) => boolean;
  readonly log: Logger;
}

interface Selection {
  readonly device: string;
  readonly point: string;
  readonly value: number;
  readonly untilMs: number;
}

/**
 * Carries out commands from outside, one at a time per point, each only while every guard holds. A command is answered once,
 * whatever happens to it; the same id again gets the same answer and nothing is done twice.
 */
export class CommandDesk {
  private readonly options: CommandOptions;
  private readonly answers = new Map<string, CommandResult>();
  private readonly unconfirmed = new Map<string, number>();
  private readonly running = new Set<string>();
  private readonly busyPoints = new Set<string>();
  private readonly lastAtMs = new Map<string, number>();
  private readonly selections = new Map<string, Selection>();
  private recentMs: number[] = [];
  private enabledHere = true;
  malformed = 0;

  constructor(options: CommandOptions) {
    this.options = options;
  }

  get enabled(): boolean {
    return this.enabledHere && this.options.settings.enabled;
  }

  /** The switch at the cabinet; what the file forbids it can't allow. */
  setEnabled(enabled: boolean, who: string): void {
    this.enabledHere = enabled;
    this.selections.clear();
    this.options.log.info({ enabled, who }, enabled ? 'commands are taken' : 'all commands are refused');
  }

  /** Takes a message of the command topic. Never throws. */
  async take(payload: string): Promise<void> {
    const receivedMs = this.options.clock.monotonicMs();
    const command = parseCommand(payload);
    if (command === undefined) {
      this.malformed++;
      this.options.log.warn({ code: 'command-malformed', payload: payload.slice(0, 200) }, 'a command nobody can read');
      return;
    }
    const known = this.answers.get(command.id);
    if (known !== undefined) return this.send(known);
    if (this.running.has(command.id)) return;
    this.running.add(command.id);
    const result = await this.carryOut(command, receivedMs);
    this.running.delete(command.id);
    const { id, device, point, value, mode, who } = command;
    this.options.log.info({ command: id, device, point, value, mode, who, ...result }, `command ${result.status}`);
    this.answers.set(id, result);
    for (const oldest of this.answers.keys()) {
      if (this.answers.size <= RESULTS_MAX) break;
      this.answers.delete(oldest);
      this.unconfirmed.delete(oldest);
    }
    this.send(result);
  }

  /** Sends again what the broker has not confirmed; call now and then. */
  resend(): void {
    const nowMs = this.options.clock.monotonicMs();
    for (const [id, sentAtMs] of this.unconfirmed) {
      const result = this.answers.get(id);
      if (result !== undefined && nowMs - sentAtMs >= RESEND_AFTER_MS) this.send(result);
    }
  }

  private send(result: CommandResult): void {
    const sent = this.options.publish(result, () => this.unconfirmed.delete(result.id));
    this.unconfirmed.set(result.id, sent ? this.options.clock.monotonicMs() : Number.NEGATIVE_INFINITY);
  }

  private async carryOut(command: Command, receivedMs: number): Promise<CommandResult> {
    const { id, device, point, value } = command;
    const { target, clock, settings } = this.options;
    const name = `${device}/${point}`;
    const refusal = this.refusal(command, name);
    if (refusal !== undefined) return { id, status: 'rejected', reason: refusal };
    if (command.mode === 'select') return this.select(command, receivedMs);
    if (command.select !== undefined) this.selections.delete(command.select);
    this.recentMs.push(receivedMs);
    this.lastAtMs.set(name, receivedMs);
    this.busyPoints.add(name);
    const expiry = new AbortController();
    const leftMs = receivedMs + command.ttlMs - clock.monotonicMs();
    const timer = setTimeout(() => expiry.abort(), Math.max(0, leftMs));
    try {
      const { readBack } = await target.write(device, point, value, expiry.signal);
      const { tolerance } = settings.points[name] ?? NO_GUARDS;
      if (readBack === undefined)
        return { id, status: 'failed', reason: 'read-back: written, but it could not be read back' };
      if (Math.abs(readBack - value) > tolerance)
        return { id, status: 'failed', readBack, reason: `read-back: reads ${readBack} after writing ${value}` };
      return { id, status: 'done', readBack };
    } catch (error) {
      if ((error as { name?: string }).name === 'AbortError')
        return {
          id,
          status: 'expired',
          reason: `expired: not sent within ${formatDuration(command.ttlMs)} of its receipt`,
        };
      return { id, status: 'failed', reason: `write: ${(error as Error).message}`.slice(0, 500) };
    } finally {
      clearTimeout(timer);
      this.busyPoints.delete(name);
    }
  }

  /** The first guard that does not hold, or undefined. */
  private refusal(command: Command, name: string): string | undefined {
    const { settings, target, clock, inService } = this.options;
    const { device, point, value, mode } = command;
    const nowMs = clock.monotonicMs();
    if (!settings.enabled) return 'commands-off: this edge only reads (commands.enabled)';
    if (!this.enabledHere) return 'commands-off: refused at the cabinet';
    const known = target.point(device, point);
    if (known === undefined) return `unknown-point: no ${name} on this edge`;
    if (known.writable === undefined) return `not-writable: the model does not mark ${name} as writable`;
    const guards = settings.points[name] ?? NO_GUARDS;
    for (const [low, high] of [known.writable.range, guards.range ?? known.writable.range]) {
      if (!(value >= low && value <= high)) return `out-of-range: ${value} is outside ${low}..${high}`;
    }
    if (inService(device)) return `service: somebody works on ${device}`;
    if (guards.remote !== undefined) {
      const why = this.fails(guards.remote);
      if (why !== undefined) return `local: the switch is not on remote: ${why}`;
    }
    for (const interlock of guards.interlocks) {
      const why = this.fails(interlock);
      if (why !== undefined) return `interlock: ${why}`;
    }
    if (this.busyPoints.has(name)) return `busy: a command to ${name} is under way`;
    const holder = this.selectedBy(name, nowMs);
    if (holder !== undefined && holder !== command.select) return `busy: ${name} is selected by ${holder}`;
    if (mode === 'operate') {
      const selection = this.selections.get(command.select as string);
      if (selection === undefined || selection.untilMs <= nowMs) return 'not-selected: no such selection, or it ended';
      if (selection.device !== device || selection.point !== point || selection.value !== value)
        return 'not-selected: the selection was for another point or value';
    } else if (mode === 'direct' && guards.select)
      return `select-first: ${name} must be selected before it is operated`;
    if (mode === 'select') return this.selections.size >= SELECTIONS_MAX ? 'busy: too many selections' : undefined;
    this.recentMs = this.recentMs.filter((atMs) => nowMs - atMs < 60_000);
    if (this.recentMs.length >= settings.perMinute) return `rate: more than ${settings.perMinute} commands a minute`;
    const lastMs = this.lastAtMs.get(name);
    if (lastMs !== undefined && nowMs - lastMs < guards.notFasterThan)
      return `rate: the last command to ${name} was ${formatDuration(nowMs - lastMs)} ago, at least ${formatDuration(guards.notFasterThan)}`;
    return undefined;
  }

  private select({ id, device, point, value, ttlMs }: Command, receivedMs: number): CommandResult {
    const untilMs = receivedMs + Math.min(ttlMs, this.options.settings.selectFor);
    this.selections.set(id, { device, point, value, untilMs });
    return { id, status: 'selected' };
  }

  private selectedBy(name: string, nowMs: number): string | undefined {
    for (const [id, { device, point, untilMs }] of this.selections) {
      if (untilMs <= nowMs) this.selections.delete(id);
      else if (`${device}/${point}` === name) return id;
    }
    return undefined;
  }

  /** Why a condition does not hold; what is not known for certain does not hold. */
  private fails({ point, is, min, max, maxAge }: Condition): string | undefined {
    const { target, clock } = this.options;
    const latest = target.latest(point);
    if (latest?.value === undefined) return `${point} has no value`;
    const { value, quality, ts } = latest;
    if (quality !== 'good') return `${point} is ${quality}`;
    const ageMs = clock.now() - ts;
    if (ageMs > maxAge) return `${point} is ${formatDuration(ageMs)} old`;
    if (is !== undefined && value !== is) return `${point} is ${value}, not ${is}`;
    if (min !== undefined && value < min) return `${point} is ${value}, below ${min}`;
    if (max !== undefined && value > max) return `${point} is ${value}, above ${max}`;
    return undefined;
  }
}

function parseCommand(payload: string): Command | undefined {
  try {
    return commandSchema.safeParse(JSON.parse(payload)).data;
  } catch {
    return undefined;
  }
}
