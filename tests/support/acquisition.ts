import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import pino from 'pino';
import type { DeviceReadings, WireValue } from '../../contract/reading.ts';
import { type Acquisition, createAcquisition } from '../../edge/acquire.ts';
import { loadEdgeConfig } from '../../edge/config.ts';
import { removeFolder } from './folders.ts';
import { PATIENCE_MS } from './ports.ts';

export const ROOT = resolve(import.meta.dirname, '../..');

/** Everything an acquisition handed over, in order. */
export interface Sampled {
  readonly device: string;
  readonly measurement: string;
  readonly ts: number;
  readonly wire: WireValue;
}

export interface Harness {
  readonly acquisition: Acquisition;
  readonly sampled: Sampled[];
  /** The `upTo` of each hand-over, in order. */
  readonly upTo: Readonly<Record<string, number>>[];
  /** Values handed over after an `upTo` that said everything until their time had been. */
  readonly tooLate: Sampled[];
  readonly folder: string;
  /** Waits until the samples satisfy a condition. @throws after the deadline, with the last samples */
  until(condition: (sampled: readonly Sampled[]) => boolean, deadlineMs?: number): Promise<void>;
  reload(lines: string): Promise<void>;
  close(): Promise<void>;
}

/** A device model whose values are their own addresses, so that a value under a wrong name shows. */
export function addressModel(
  points: readonly {
    readonly table: 'holding-registers' | 'input-registers' | 'coils' | 'discrete-inputs';
    readonly address: number;
  }[],
  more = '',
): string {
  const names = { 'holding-registers': 'h', 'input-registers': 'i', coils: 'c', 'discrete-inputs': 'd' };
  const lines = points.map(
    ({ table, address }) => `  ${names[table]}${address}: { table: ${table}, address: ${address} }`,
  );
  return `model: addresses\nname: address-coded test device\nmaker: tests\nclass: other\nsources: { test: made up for tests }\n${more}\npoints:\n${lines.join('\n')}\n`;
}

/** The value a point of {@link addressModel} must have, from its name. */
export function addressValue(measurement: string): number {
  const address = Number(measurement.slice(1));
  if (measurement.startsWith('i')) return 10_000 + address;
  return measurement.startsWith('h') ? address : address % 2;
}

/** Values that are not what their address says: must stay empty whatever a device does. */
export function wrongValues(sampled: readonly Sampled[]): Sampled[] {
  return sampled.filter(({ measurement, wire }) => {
    const value = typeof wire === 'number' ? wire : wire.value;
    return value !== undefined && value !== addressValue(measurement);
  });
}

/** Starts acquisition on lines given as YAML, with one extra model; `learned` is what an earlier run left on disk. */
export function acquire(lines: string, model = '', learned = ''): Harness {
  const folder = mkdtempSync(join(tmpdir(), 'hf-edge-'));
  mkdirSync(join(folder, 'models'));
  if (model !== '') writeFileSync(join(folder, 'models/addresses.yaml'), model);
  if (learned !== '') {
    mkdirSync(join(folder, 'data'));
    writeFileSync(join(folder, 'data/learned.json'), learned);
  }
  const file = join(folder, 'edge.yaml');
  const load = (text: string) => {
    writeFileSync(file, `edge: test\ndataDir: ${join(folder, 'data')}\nmodels: [models]\nlines:\n${text}`);
    return loadEdgeConfig(file, ROOT, {});
  };
  const sampled: Sampled[] = [];
  const tooLate: Sampled[] = [];
  const upTo: Readonly<Record<string, number>>[] = [];
  const onReadings = (readings: readonly DeviceReadings[], until: Readonly<Record<string, number>>) => {
    for (const { device, ts, values } of readings) {
      for (const [measurement, wire] of Object.entries(values)) {
        const one = { device, measurement, ts: ts ?? 0, wire };
        sampled.push(one);
        // The harness runs one line at a time; a millisecond is lost to rounding.
        if (one.ts < Math.max(0, ...Object.values(upTo.at(-1) ?? {})) - 1) tooLate.push(one);
      }
    }
    upTo.push(until);
  };
  const acquisition = createAcquisition({
    config: load(lines),
    clock: { now: Date.now, monotonicMs: () => performance.now() },
    log: pino({ level: process.env.HANFENG_LOG_LEVEL ?? 'silent' }),
    onReadings,
  });
  acquisition.start();
  return {
    acquisition,
    sampled,
    tooLate,
    upTo,
    folder,
    async until(condition, deadlineMs = PATIENCE_MS) {
      const endMs = performance.now() + deadlineMs;
      while (!condition(sampled)) {
        if (performance.now() > endMs)
          throw new Error(
            `not reached in ${deadlineMs} ms; last: ${JSON.stringify(sampled.slice(-8))}; ${JSON.stringify(acquisition.lines())}`,
          );
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    reload: (text) => acquisition.reload(load(text)),
    async close() {
      await acquisition.stop();
      removeFolder(folder);
    },
  };
}
