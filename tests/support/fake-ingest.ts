import type { BatchEnvelope } from '../../contract/batch.ts';
import type { EdgeState } from '../../contract/state.ts';
import { type Committed, type DoorReceipt, type Ingest, OperatorError } from '../../gateway/ingest.ts';
import type { DeadLetter, LaneMark, Notification } from '../../gateway/store/store.ts';

/** An ingest that keeps what it was given and commits when told to, or at once. */
export class FakeIngest implements Ingest {
  readonly batches: { edge: string; envelope: BatchEnvelope }[] = [];
  readonly entries: unknown[] = [];
  readonly states: { edge: string; state: EdgeState }[] = [];
  readonly letters: DeadLetter[] = [];
  readonly outcomes: Notification[] = [];
  /** When set, every promise stays open until `commit()`. */
  held = false;
  failure: Error | undefined;
  private readonly open: { resolve: () => void; reject: (error: Error) => void }[] = [];
  private readonly listeners = new Set<(committed: Committed) => void>();
  private number = 0;

  async batch(edge: string, envelope: BatchEnvelope): Promise<LaneMark> {
    this.batches.push({ edge, envelope });
    await this.commitOf();
    const mark = laneMark(edge, envelope.outbox, envelope.seq);
    this.announce({ marks: [mark] });
    return mark;
  }
  async readings(_door: string, entries: readonly unknown[]): Promise<DoorReceipt> {
    this.entries.push(...entries);
    await this.commitOf();
    return { stored: entries.length, duplicate: 0, corrected: 0, rejected: [] };
  }
  async edgeState(edge: string, state: EdgeState): Promise<void> {
    this.states.push({ edge, state });
    await this.commitOf();
  }
  async operate(): Promise<never> {
    throw new OperatorError('alarm-unknown', 'none here');
  }
  async notified(outcome: Notification): Promise<void> {
    await this.commitOf();
    this.outcomes.push(outcome);
  }
  async deadLetter(letter: DeadLetter): Promise<void> {
    this.letters.push(letter);
    await this.commitOf();
  }
  async audit(): Promise<void> {}
  async tick(): Promise<void> {}
  async close(): Promise<void> {}
  async renewRules(): Promise<void> {}

  ready(): { ready: boolean } {
    return { ready: true };
  }
  onCommitted(listener: (committed: Committed) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Ends the wait of everything taken so far. */
  commit(): void {
    for (const { resolve } of this.open.splice(0)) resolve();
  }
  announce(part: Partial<Committed>): void {
    this.number += 1;
    const nothing = { alarms: [], journal: [], floods: [], marks: [], notifications: [], devices: [], edges: [] };
    const readings = {
      length: 0,
      point: new Int32Array(),
      tsMs: new Float64Array(),
      value: new Float64Array(),
      quality: new Uint8Array(),
      reason: new Uint8Array(),
    };
    for (const listener of this.listeners) listener({ number: this.number, at: 0, readings, ...nothing, ...part });
  }
  private async commitOf(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    if (this.held) await new Promise<void>((resolve, reject) => this.open.push({ resolve, reject }));
  }
}

export function laneMark(edge: string, lane: string, mark: number): LaneMark {
  return {
    edge,
    lane,
    mark,
    ahead: [],
    made: mark,
    stored: mark,
    rejected: 0,
    dropped: 0,
    duplicateBatches: 0,
    duplicateReadings: 0,
    lastAt: 0,
  };
}
