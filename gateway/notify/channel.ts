import type { Priority } from '../../contract/alarm.ts';
import type { Notification } from '../store/store.ts';

/** What is sent: short text for people, the alarm for systems. */
export interface Message {
  /** Stable over retries; receivers may use it to drop a second copy. */
  readonly id: string;
  /** `digest`: several messages in one, because the channel takes no more at this pace. */
  readonly event: Notification['event'] | 'digest';
  /** Of a digest: the highest in it. */
  readonly priority: Priority;
  /** One line. */
  readonly title: string;
  readonly text: string;
  readonly link?: string;
  /** The alarm as `GET /api/v1/alarms/{id}` shows it, and the event that made this message. */
  readonly body: unknown;
}

export interface Receipt {
  /** What the other side answered, cut to 500 characters. */
  readonly answer: string;
}

/** At most this many messages within any span of this length. */
export interface PaceLimit {
  readonly messages: number;
  readonly perMs: number;
}

/** Sends one message to one receiver. */
export interface Channel {
  readonly name: string;
  /** What the receiver takes, the longest span first; what comes faster is sent as digests. Absent: no limit. */
  readonly pace?: readonly PaceLimit[];
  /** @throws ChannelError */
  send(message: Message, signal: AbortSignal): Promise<Receipt>;
}

/** The sender says whether trying again can help; dispatch.ts does the retrying. */
export class ChannelError extends Error {
  readonly code = 'channel-failed';
  readonly retryable: boolean;
  /** The other side asked us to wait this long. */
  readonly retryAfterMs: number | undefined;
  constructor(message: string, options: { retryable: boolean; retryAfterMs?: number; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
  }
}
