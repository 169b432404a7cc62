import { join } from 'node:path';
import type { Logger } from 'pino';
import { ID_PATTERN } from '../../contract/reading.ts';
import type { StoredMark } from '../../contract/state.ts';
import type { Millis } from '../../contract/time.ts';
import { type Clock, isFreeTime } from '../clock.ts';
import { isDiskFull } from './files.ts';
import type { GoneRange } from './find-lane.ts';
import { Lane } from './lane.ts';
import { type Ledger, writeLedger } from './ledger.ts';
import { recoverOutbox } from './recovery.ts';
import type { OutboxSettings } from './settings.ts';

/** More lanes than this are not kept: each long outage, torn tail or new store makes one. Then live waits in the newest. */
const LANES_MAX = 64;
/** A lane ends here, so that its list of freed numbers stays below 4 MB. */
const LANE_NUMBERS_MAX = 1_000_000;

/** A lane as the sender sees it. Numbers 1..last exist; those in `gone` are no longer on disk. */
export interface LaneView {
  readonly id: string;
  readonly last: number;
  readonly ended: boolean;
  readonly gone: readonly GoneRange[];
}

export interface ShelfOptions {
  readonly folder: string;
  readonly settings: OutboxSettings;
  /** Gateways that must have a batch before it may be freed; none = every gateway ever heard. */
  readonly gateways: readonly string[];
  readonly clock: Clock;
  /** A new id that never repeats, for a lane. */
  readonly newId: () => string;
  readonly log: Logger;
}

/** All lanes of an outbox, their marks, and what must go when space is short. One owner, one call at a time. */
export class Shelf {
  private readonly options: ShelfOptions;
  private readonly lanes: Lane[];
  private ledger: Ledger;
  private dirty = false;

  private constructor(options: ShelfOptions, lanes: Lane[], ledger: Ledger) {
    this.options = options;
    this.lanes = lanes;
    this.ledger = ledger;
  }

  /** Reads back what the last process left, and has a live lane. */
  static async open(options: ShelfOptions): Promise<Shelf> {
    const { folder, clock, log } = options;
    const { lanes, ledger } = await recoverOutbox({
      folder,
      boot: clock.boot,
      laneNumbersMax: LANE_NUMBERS_MAX,
      log,
    });
    const shelf = new Shelf(options, lanes, ledger);
    const live = ledger.lanes.at(-1);
    if (live === undefined || live.end !== undefined) await shelf.openLane();
    else await shelf.save();
    return shelf;
  }

  /** The lane that takes live readings. */
  get live(): Lane {
    return this.lanes.at(-1) as Lane;
  }

  get isLiveLong(): boolean {
    return this.live.last >= LANE_NUMBERS_MAX;
  }

  /** Marks changed since the list was saved. */
  get isDirty(): boolean {
    return this.dirty;
  }

  lane(id: string): Lane | undefined {
    return this.lanes.find((lane) => lane.id === id);
  }

  /** Oldest first. */
  views(): readonly LaneView[] {
    return this.lanes.map((lane, index) => ({
      id: lane.id,
      last: lane.last,
      ended: this.ledger.lanes[index]?.end !== undefined,
      gone: lane.gone(),
    }));
  }

  marks(): Ledger['gateways'] {
    return this.ledger.gateways;
  }

  /** @returns false when the gateway has numbers of the live lane that were never given: this folder is an older copy */
  setMarks(gateway: string, { store, marks }: StoredMark): boolean {
    const known: Record<string, number> = {};
    for (const { id } of this.lanes) if (marks[id] !== undefined) known[id] = marks[id];
    this.ledger = { ...this.ledger, gateways: { ...this.ledger.gateways, [gateway]: { store, marks: known } } };
    this.dirty = true;
    return (known[this.live.id] ?? 0) <= this.live.last;
  }

  /** Values that overflowed memory and have a number of their own now. */
  addOverflowed(values: number): void {
    this.ledger = { ...this.ledger, overflowed: this.ledger.overflowed + values };
    this.dirty = true;
  }

  get count(): number {
    return this.lanes.length;
  }
  get bytes(): number {
    return this.lanes.reduce((sum, lane) => sum + lane.bytes, 0);
  }
  /** Values ever made, the growing batch included. */
  get made(): number {
    const inLanes = this.lanes.reduce((sum, lane) => sum + lane.made + (lane.growing?.count ?? 0), 0);
    return this.ledger.forgotten.made + inLanes;
  }
  get dropped(): number {
    const inLanes = this.lanes.reduce((sum, lane) => sum + lane.droppedValues, 0);
    return this.ledger.forgotten.dropped + this.ledger.overflowed + inLanes;
  }

  /** Values on disk that some gateway lacks, and when the oldest batch of them was sealed. */
  unstored(): { readonly values: number; readonly oldestAt?: Millis } {
    let values = 0;
    let oldestAt: Millis | undefined;
    for (const lane of this.lanes) {
      const held = lane.heldAbove(this.storedTo(lane));
      values += held.values;
      if (held.values > 0) oldestAt ??= held.oldestAt;
    }
    return { values, ...(oldestAt === undefined ? {} : { oldestAt }) };
  }

  /**
   * Ends the live lane and opens another, unless it is still empty or there are too many.
   *
   * @throws the system's error; then the live lane goes on
   */
  async roll(): Promise<void> {
    const { live } = this;
    live.seal();
    if (live.last === 0) return;
    if (this.lanes.length >= LANES_MAX) await this.forgetOldest();
    if (this.lanes.length >= LANES_MAX) {
      this.options.log.warn({ code: 'outbox-lanes-full', lanes: LANES_MAX }, 'no room for another lane');
      return;
    }
    await live.close();
    const before = this.ledger.lanes;
    const end = { seq: live.last, made: live.made };
    for (;;) {
      try {
        this.ledger = { ...this.ledger, lanes: [...before.slice(0, -1), { id: live.id, end }] };
        return await this.openLane();
      } catch (error) {
        this.ledger = { ...this.ledger, lanes: before };
        if (!isDiskFull(error) || !(await this.freeStored())) throw error;
      }
    }
  }

  /** Frees the oldest file whose batches every gateway has. */
  async freeStored(): Promise<boolean> {
    for (const lane of this.lanes) {
      const segment = lane.oldestSegment();
      if (segment === undefined || segment.last > this.storedTo(lane)) continue;
      await lane.freeOldest(segment.last);
      return true;
    }
    return false;
  }

  /** Stored batches go first, then the oldest whoever lacks them. @returns true when anything went */
  async freeOverLimit(): Promise<boolean> {
    let freed = false;
    while (this.bytes > this.options.settings.bytes) {
      if (!(await this.freeStored()) && !(await this.dropOldest())) break;
      freed = true;
    }
    return freed;
  }

  /** @returns true when anything went */
  async freeAged(): Promise<boolean> {
    const { clock, settings } = this.options;
    if (clock.state() === 'free') return false;
    const oldest = clock.now() - settings.age;
    let freed = false;
    for (const lane of this.lanes) {
      for (;;) {
        const segment = lane.oldestSegment();
        if (segment === undefined || isFreeTime(segment.newestAt) || segment.newestAt >= oldest) break;
        await this.drop(lane, 'age');
        freed = true;
      }
    }
    return freed;
  }

  /** @param clean - the process ends in order: the next one may go on with the numbers in any case */
  async save(clean = false): Promise<void> {
    this.dirty = false;
    this.ledger = { ...this.ledger, boot: this.options.clock.boot, clean };
    try {
      await writeLedger(join(this.options.folder, 'lanes.json'), this.ledger);
    } catch (error) {
      this.dirty = true;
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const lane of this.lanes) await lane.close();
  }

  /** The list is on disk before the first number of a lane is. */
  private async openLane(): Promise<void> {
    const id = this.options.newId();
    if (!ID_PATTERN.test(id)) throw new Error(`lane id ${id}`);
    const lane = await Lane.create(id, join(this.options.folder, id));
    this.ledger = { ...this.ledger, lanes: [...this.ledger.lanes, { id }] };
    try {
      await this.save();
    } catch (error) {
      this.ledger = { ...this.ledger, lanes: this.ledger.lanes.slice(0, -1) };
      await lane.remove();
      throw error;
    }
    this.lanes.push(lane);
  }

  /** Drops the oldest file though somebody lacks it. */
  private async dropOldest(): Promise<boolean> {
    const lane = this.lanes.find((candidate) => candidate.oldestSegment() !== undefined);
    if (lane === undefined) return false;
    await this.drop(lane, 'space');
    return true;
  }

  private async drop(lane: Lane, why: 'space' | 'age'): Promise<void> {
    const values = await lane.freeOldest(this.storedTo(lane));
    if (values > 0) this.options.log.error({ code: 'outbox-dropped', lane: lane.id, values, why }, 'values dropped');
  }

  /** Takes the oldest ended lane off list and disk of which every number is stored or explained everywhere. */
  private async forgetOldest(): Promise<void> {
    const index = this.lanes.findIndex((lane) => lane !== this.live && this.storedTo(lane) >= lane.last);
    const lane = this.lanes[index];
    if (lane === undefined) return;
    const { forgotten } = this.ledger;
    this.ledger = {
      ...this.ledger,
      lanes: this.ledger.lanes.filter(({ id }) => id !== lane.id),
      forgotten: { made: forgotten.made + lane.made, dropped: forgotten.dropped + lane.droppedValues },
    };
    this.lanes.splice(index, 1);
    await this.save();
    await lane.remove();
  }

  /** Every gateway that counts has the numbers of the lane up to this. */
  private storedTo(lane: Lane): number {
    const required = this.options.gateways.length > 0 ? this.options.gateways : Object.keys(this.ledger.gateways);
    if (required.length === 0) return 0;
    return Math.min(...required.map((id) => this.ledger.gateways[id]?.marks[lane.id] ?? 0), lane.last);
  }
}
