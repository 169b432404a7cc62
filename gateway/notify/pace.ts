import type { Message, PaceLimit } from './channel.ts';

/** Messages in one digest; what is beyond goes into the next. */
export const DIGEST_MAX = 100;
/** Lines of a digest's text; the others are counted. */
const DIGEST_LINES_MAX = 20;

/** Counts what a channel was sent, and says how much more it takes. Pure but for its memory. */
export class Pace {
  private readonly limits: readonly PaceLimit[];
  /** Times of what was sent within the longest span, oldest first. */
  private readonly sent: number[] = [];

  /** @param limits - the longest span first */
  constructor(limits: readonly PaceLimit[]) {
    this.limits = limits;
  }

  /** When the next message may go. */
  nextAt(now: number): number {
    this.forget(now);
    const waits = this.limits.map((limit) => {
      const oldest = this.sent[this.sent.length - limit.messages];
      return oldest === undefined ? now : oldest + limit.perMs;
    });
    return Math.max(now, ...waits);
  }

  /** How many of `waiting` messages the next one should carry: one as long as they all fit with room to spare. */
  take(waiting: number, now: number): number {
    const longest = this.limits[0] as PaceLimit;
    this.forget(now);
    const left = longest.messages - this.within(longest, now);
    return waiting <= left / 2 ? 1 : Math.min(waiting, DIGEST_MAX);
  }

  spend(now: number): void {
    this.sent.push(now);
  }

  private within({ perMs }: PaceLimit, now: number): number {
    let count = 0;
    for (let i = this.sent.length - 1; i >= 0 && (this.sent[i] as number) > now - perMs; i--) count += 1;
    return count;
  }

  private forget(now: number): void {
    const longest = this.limits[0] as PaceLimit;
    while (this.sent.length > 0 && (this.sent[0] as number) <= now - longest.perMs) this.sent.shift();
    // A clock set back must not close the channel for hours.
    while (this.sent.length > 0 && (this.sent.at(-1) as number) > now) this.sent.pop();
  }
}

/** Several messages as one: the most urgent first, each with one line. Pure. */
export function digestOf(messages: readonly Message[]): Message {
  const [first] = messages as readonly [Message, ...Message[]];
  const sorted = messages.toSorted((a, b) => a.priority - b.priority);
  const count = (event: Message['event']) => messages.filter((message) => message.event === event).length;
  const parts = [
    [count('raise') + count('re-raise') + count('escalate'), 'new'],
    [count('acknowledge'), 'acknowledged'],
    [count('return'), 'back to normal'],
  ] as const;
  const shown = sorted.slice(0, DIGEST_LINES_MAX).map(({ title }) => title);
  const more = sorted.length - shown.length;
  const link = first.link === undefined ? undefined : new URL('/alarms', first.link).href;
  return {
    id: `${first.id}+${messages.length - 1}`,
    event: 'digest',
    priority: (sorted[0] as Message).priority,
    title: `${messages.length} alarm messages: ${parts
      .filter(([number]) => number > 0)
      .map(([number, what]) => `${number} ${what}`)
      .join(', ')}`,
    text: [...shown, ...(more === 0 ? [] : [`and ${more} more`])].join('\n'),
    ...(link === undefined ? {} : { link }),
    body: { event: 'digest', messages: messages.map(({ id, title, body }) => ({ id, title, ...(body as object) })) },
  };
}
