import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { DeviceReadings } from '../../contract/reading.ts';
import type { Clock } from '../../edge/clock.ts';
import { OUTBOX_DEFAULTS, type OutboxSettings } from '../../edge/outbox/settings.ts';
import { Outbox } from '../../edge/outbox.ts';
import { removeFolder } from './folders.ts';

/** A clock that stands still until it is told to move. */
export class FakeClock implements Clock {
  boot = 'boot-1';
  wallMs = Date.UTC(2026, 10, 23, 12);
  elapsedMs = 0;
  isFree = false;
  offsetMs: number | undefined = 0;
  readonly now = () => this.wallMs;
  readonly monotonicMs = () => this.elapsedMs;
  readonly state = () => (this.isFree ? ('free' as const) : ('synced' as const));
  readonly freeOffsetMs = () => this.offsetMs;
  readonly steps = () => 0;

  advance(ms: number): void {
    this.wallMs += ms;
    this.elapsedMs += ms;
  }
}

let ids = 0;

export function openOutbox(
  folder: string,
  clock: FakeClock,
  options: { readonly settings?: Partial<OutboxSettings>; readonly gateways?: readonly string[] } = {},
): Promise<Outbox> {
  return Outbox.open({
    folder,
    settings: { ...OUTBOX_DEFAULTS, fsync: false, ...options.settings },
    gateways: options.gateways ?? ['gw'],
    clock,
    newId: () => `lane-${++ids}`,
    log: pino({ level: 'silent' }),
  });
}

/** One value that can be told from every other. */
export function numbered(value: number): DeviceReadings {
  return { device: 'counter', ts: Date.UTC(2026, 10, 23) + value, values: { count: value } };
}

/** Everything on disk: per lane and number, the values of the batch. */
export async function contents(outbox: Outbox): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>();
  for (const { id, last, gone } of outbox.laneViews()) {
    for (let seq = 1; seq <= last; seq++) {
      if (gone.some(({ from, to }) => from <= seq && seq <= to)) continue;
      const batch = await outbox.read(id, seq);
      if (batch === undefined) throw new Error(`${id} ${seq} can't be read`);
      if (batch.seq !== seq) throw new Error(`${id} ${seq} reads as ${batch.seq}`);
      found.set(
        `${id} ${seq}`,
        batch.readings.map(({ values }) => values.count as number),
      );
    }
  }
  return found;
}

/** Memory, where there is such a disk: an outbox waits for every write, and hundreds of starts would wait for minutes. */
const TEMPORARY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(TEMPORARY, 'hanfeng-outbox-'));
  return { path, remove: () => removeFolder(path) };
}
