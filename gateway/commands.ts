import type { Logger } from 'pino';
import { z } from 'zod';
import { type Command, type CommandResult, commandResultSchema } from '../contract/state.ts';
import { formatDuration, type Millis } from '../contract/time.ts';
import { buildTopic, DELIVERY } from '../contract/topics.ts';
import type { Ingest } from './ingest.ts';
import type { Metrics } from './metrics.ts';
import type { Registry } from './registry.ts';
import type { Store } from './store/store.ts';
import type { MqttOut } from './subscriber.ts';

/** What a person asks for; the guards are the edge's (docs/commands.md). */
export type CommandRequest = Omit<Command, 'id' | 'who'>;

/** `open`: no answer yet. `unknown`: none came, so the device may have been written or not. The others are the edge's. */
export const COMMAND_STATUSES = ['open', ...commandResultSchema.shape.status.options, 'unknown'] as const;

export interface CommandAnswer {
  readonly id: string;
  readonly status: (typeof COMMAND_STATUSES)[number];
  readonly readBack?: number | undefined;
  readonly reason?: string | undefined;
}

export class CommandError extends Error {
  readonly code:
    | 'device-unknown'
    | 'device-without-edge'
    | 'edge-offline'
    | 'point-busy'
    | 'commands-busy'
    | 'not-ready';
  constructor(code: CommandError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Commands to devices, through the edge each hangs on. */
export interface Commands {
  /**
   * Writes the command into the audit, then sends it.
   *
   * @returns its id
   * @throws CommandError when it can't be sent; then nothing was
   */
  send(request: CommandRequest, who: string): Promise<string>;
  /** The answer, or `open` after `waitMs`; undefined when no such command is remembered. */
  answer(id: string, waitMs: number): Promise<CommandAnswer | undefined>;
}

export interface CommandBookOptions {
  readonly ingest: Pick<Ingest, 'audit'>;
  readonly store: Pick<Store, 'audit'>;
  readonly registry: Pick<Registry, 'device' | 'edge'>;
  readonly now: () => Millis;
  readonly monotonicMs: () => number;
  readonly newId: () => string;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Commands without an answer at a time, all edges together. */
export const COMMANDS_OPEN_MAX = 100;
/** Commands whose answer is remembered; the audit remembers all. */
export const COMMANDS_KEPT_MAX = 1000;
/** Beyond its time to live a command may be on its way to the device: write, read-back and the way of the answer. */
export const ANSWER_MARGIN_MS = 10_000;
/** Newest lines of the audit a start looks through for commands that were under way. */
const AUDIT_PAGE = 1000;
const AUDIT_PAGES_MAX = 5;
/** Who writes into the audit what no person and no edge said. */
const OURSELVES = 'gateway';

const SENT = 'command';
const ANSWERED = 'command-result';
const sentSchema = z.object({ id: z.string(), edge: z.string() });
const answeredSchema = z.object({
  id: z.string(),
  status: z.enum(COMMAND_STATUSES),
  readBack: z.number().optional(),
  reason: z.string().optional(),
});

interface Entry {
  readonly edge: string;
  /** `<device>/<measurement>` */
  readonly point: string;
  answer: CommandAnswer;
  /** Set once the edge answered: what comes again is the same. */
  heard: Promise<void> | undefined;
  timer: NodeJS.Timeout | undefined;
  givenUp: boolean;
  readonly waiting: Set<() => void>;
}

/**
 * The commands under way and the newest answers. Each command is in the audit before it is sent, each answer when it comes,
 * so that a start finds what was under way and answers it as `unknown`.
 */
export class CommandBook implements Commands {
  private readonly options: CommandBookOptions;
  private readonly entries = new Map<string, Entry>();
  private readonly busyPoints = new Set<string>();
  private readonly counters: { readonly [K in 'answers' | 'strays']: ReturnType<Metrics['counters']> };
  private out: MqttOut | undefined;
  private closed = false;

  private constructor(options: CommandBookOptions) {
    this.options = options;
    const { metrics } = options;
    this.counters = {
      answers: metrics.counters('hanfeng_commands_total', 'Commands answered, by status.', ['status']),
      strays: metrics.counters('hanfeng_command_results_ignored_total', 'Results nobody waits for.', ['why']),
    };
    metrics.gauge('hanfeng_commands_open', 'Commands without an answer.', () => this.busyPoints.size);
  }

  /** What the last run left without an answer is answered as `unknown`: an edge that still says more is heard. */
  static async open(options: CommandBookOptions): Promise<CommandBook> {
    const book = new CommandBook(options);
    await book.recover();
    return book;
  }

  /** Commands can be sent from now on. */
  start(out: MqttOut): void {
    this.out = out;
  }

  async send(request: CommandRequest, who: string): Promise<string> {
    const { ingest, now, monotonicMs, newId } = this.options;
    const { device, ttlMs, value, mode, select } = request;
    const out = this.out;
    if (this.closed || out === undefined) throw new CommandError('not-ready', 'The gateway starts or stops.');
    const edge = this.edgeOf(device);
    const point = `${device}/${request.point}`;
    if (this.busyPoints.has(point))
      throw new CommandError('point-busy', `A command to ${point} has no answer yet: one at a time.`);
    if (this.busyPoints.size >= COMMANDS_OPEN_MAX)
      throw new CommandError('commands-busy', `${COMMANDS_OPEN_MAX} commands have no answer yet.`);
    const id = newId();
    const askedMs = monotonicMs();
    // Held before the first wait, so that two people can't both find the point free.
    this.busyPoints.add(point);
    try {
      const detail = JSON.stringify({ id, edge, value, ttlMs, mode, select });
      await ingest.audit({ at: now(), who, what: SENT, target: point, detail });
    } catch (error) {
      this.busyPoints.delete(point);
      throw error;
    }
    const entry = this.remember(id, edge, point, { id, status: 'open' });
    const leftMs = Math.floor(ttlMs - (monotonicMs() - askedMs));
    if (this.closed || leftMs < 1) {
      const why = this.closed ? 'the gateway stops' : `the store took longer than ${formatDuration(ttlMs)}`;
      await this.concludeAnyway(entry, { id, status: 'expired', reason: `expired: not sent, ${why}` });
      return id;
    }
    entry.timer = setTimeout(
      () => this.giveUp(entry, `no-answer: nothing came from ${edge}`),
      leftMs + ANSWER_MARGIN_MS,
    );
    const command = { ...request, id, ttlMs: leftMs, who: who.slice(0, 64) };
    out.publish(buildTopic({ kind: 'edge-command', edge }), JSON.stringify(command), DELIVERY['edge-command']).catch(
      // It may have arrived all the same: whether it did only the edge can say.
      (error: Error) => this.giveUp(entry, `not-confirmed: the broker did not confirm it (${error.message})`),
    );
    return id;
  }

  async answer(id: string, waitMs: number): Promise<CommandAnswer | undefined> {
    const entry = this.entries.get(id);
    if (entry?.answer.status === 'open' && waitMs > 0) {
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          entry.waiting.delete(done);
          resolve();
        };
        const timer = setTimeout(done, waitMs);
        entry.waiting.add(done);
      });
    }
    return entry?.answer;
  }

  /**
   * What an edge answered; only the edge that was asked is heard. Resolves when it is in the audit, rejects when it
   * can't be: the edge then says it again.
   */
  take(edge: string, { id, status, readBack, reason }: CommandResult): Promise<void> {
    const entry = this.entries.get(id);
    if (entry === undefined || entry.edge !== edge) {
      this.counters.strays.with(entry === undefined ? 'unknown id' : 'other edge').value += 1;
      this.options.log.debug({ edge, command: id, status }, 'a result nobody waits for');
      return Promise.resolve();
    }
    if (entry.heard !== undefined) {
      this.counters.strays.with('twice').value += 1;
      return entry.heard;
    }
    entry.heard = this.conclude(entry, { id, status, readBack, reason }, edge).catch((error: Error) => {
      entry.heard = undefined;
      if (entry.timer === undefined) this.giveUp(entry, 'no-answer: the result could not be stored');
      throw error;
    });
    return entry.heard;
  }

  /** What has no answer yet gets none from this run; the next one hears a late result. */
  async close(): Promise<void> {
    this.closed = true;
    const open = [...this.entries.values()].filter(({ answer }) => answer.status === 'open');
    await Promise.all(open.map((entry) => this.giveUp(entry, 'restart: the gateway was stopped')));
  }

  /** @throws CommandError */
  private edgeOf(device: string): string {
    const { registry } = this.options;
    const known = registry.device(device);
    if (known === undefined) throw new CommandError('device-unknown', `${device.slice(0, 64)} is not known here.`);
    if (known.edge === undefined)
      throw new CommandError('device-without-edge', `${device} hangs on no edge: nobody could write to it.`);
    if (registry.edge(known.edge)?.online !== true)
      throw new CommandError('edge-offline', `${known.edge} is offline: nothing was sent.`);
    return known.edge;
  }

  private remember(id: string, edge: string, point: string, answer: CommandAnswer): Entry {
    const entry: Entry = {
      edge,
      point,
      answer,
      heard: undefined,
      timer: undefined,
      givenUp: false,
      waiting: new Set(),
    };
    this.entries.set(id, entry);
    for (const [oldest, { answer: old }] of this.entries) {
      if (this.entries.size <= COMMANDS_KEPT_MAX) break;
      if (old.status !== 'open') this.entries.delete(oldest);
    }
    return entry;
  }

  /** Nobody knows what became of it. */
  private async giveUp(entry: Entry, why: string): Promise<void> {
    clearTimeout(entry.timer);
    entry.timer = undefined;
    if (entry.answer.status !== 'open' || entry.heard !== undefined || entry.givenUp) return;
    entry.givenUp = true;
    const reason = `${why}; look before you repeat it`;
    await this.concludeAnyway(entry, { id: entry.answer.id, status: 'unknown', reason });
  }

  /** Never throws: a person waits. */
  private async concludeAnyway(entry: Entry, answer: CommandAnswer): Promise<void> {
    await this.conclude(entry, answer, OURSELVES).catch((error: Error) => {
      this.options.log.error({ err: error, command: answer.id }, 'answer of a command not written into the audit');
      this.settle(entry, answer);
    });
  }

  private async conclude(entry: Entry, answer: CommandAnswer, who: string): Promise<void> {
    const { ingest, now } = this.options;
    await ingest.audit({ at: now(), who, what: ANSWERED, target: entry.point, detail: JSON.stringify(answer) });
    this.settle(entry, answer);
  }

  private settle(entry: Entry, answer: CommandAnswer): void {
    const before = entry.answer.status;
    // What the edge said in the meantime counts more than that we had given up.
    if (answer.status === 'unknown' && before !== 'open') return;
    if (before === 'open') this.busyPoints.delete(entry.point);
    clearTimeout(entry.timer);
    entry.timer = undefined;
    entry.answer = answer;
    this.counters.answers.with(answer.status).value += 1;
    for (const done of entry.waiting) done();
    const { id, status, reason } = answer;
    this.options.log.info({ command: id, edge: entry.edge, point: entry.point, status, reason }, 'command answered');
  }

  private async recover(): Promise<void> {
    const answers = new Map<string, CommandAnswer>();
    const sent: { readonly id: string; readonly edge: string; readonly point: string }[] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < AUDIT_PAGES_MAX; pages++) {
      const page = await this.options.store.audit({ limit: AUDIT_PAGE, ...(cursor === undefined ? {} : { cursor }) });
      // Newest first: the last answer to a command is met before the others, and before the command itself.
      for (const { what, target, detail } of page.items) {
        const answer = what === ANSWERED ? read(answeredSchema, detail) : undefined;
        if (answer !== undefined && !answers.has(answer.id)) answers.set(answer.id, answer);
        const command = what === SENT ? read(sentSchema, detail) : undefined;
        if (command !== undefined && sent.length < COMMANDS_KEPT_MAX) sent.push({ ...command, point: target });
      }
      cursor = page.cursor;
      if (cursor === undefined) break;
    }
    const lost: Entry[] = [];
    for (const { id, edge, point } of sent.reverse()) {
      const answer = answers.get(id);
      const entry = this.remember(id, edge, point, answer ?? { id, status: 'open' });
      if (answer === undefined) lost.push(entry);
      else if (answer.status !== 'unknown') entry.heard = Promise.resolve();
    }
    await Promise.all(lost.map((entry) => this.giveUp(entry, 'restart: the gateway ended before an answer came')));
  }
}

function read<T>(schema: z.ZodType<T>, detail: string | undefined): T | undefined {
  try {
    return schema.safeParse(JSON.parse(detail ?? '')).data;
  } catch {
    return undefined;
  }
}
