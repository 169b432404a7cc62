import type { Millis } from '../contract/time.ts';
import type { RejectReason } from '../contract/wire-readings.ts';
import type { Rejection } from './admission.ts';
import type { Bundle } from './bundle.ts';
import type { DeadLetter } from './store/store.ts';

/** Bytes of a dead letter's payload that are kept. */
export const DEAD_LETTER_BYTES_MAX = 4096;
/** Dead letters of one message; the other rejections are counted in its receipt and lane. */
const LETTERS_PER_MESSAGE_MAX = 100;

/** What can't be taken: counted by reason, and kept as dead letters of the next commit. */
export class Burial {
  /** Since the start. */
  readonly counts = new Map<RejectReason, number>();
  private readonly filling: () => Pick<Bundle, 'deadLetters'>;
  private readonly newId: () => string;

  constructor(filling: () => Pick<Bundle, 'deadLetters'>, newId: () => string) {
    this.filling = filling;
    this.newId = newId;
  }

  /** A message that was no use as a whole. */
  bury(letter: DeadLetter): void {
    this.count(letter.reason as RejectReason, 1);
    this.filling().deadLetters.push({ ...letter, payload: letter.payload.slice(0, DEAD_LETTER_BYTES_MAX) });
  }

  /** Parts of a message. @param rejected - all of them; `rejections` tells the first in detail */
  buryParts(
    rejections: readonly Rejection[],
    rejected: number,
    { door, source, at }: { readonly door: string; readonly source: string; readonly at: Millis },
  ): void {
    if (rejected === 0) return;
    for (const { reason } of rejections) this.count(reason, 1);
    if (rejected > rejections.length) this.count('too-large', rejected - rejections.length);
    for (const { reason, detail, entry } of rejections.slice(0, LETTERS_PER_MESSAGE_MAX)) {
      const payload = (JSON.stringify(entry) ?? '').slice(0, DEAD_LETTER_BYTES_MAX);
      this.filling().deadLetters.push({ id: this.newId(), at, door, source, reason, detail, payload });
    }
  }

  private count(reason: RejectReason, count: number): void {
    this.counts.set(reason, (this.counts.get(reason) ?? 0) + count);
  }
}
