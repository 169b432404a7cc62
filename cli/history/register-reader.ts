import type { DeviceConfig } from '../../edge/config.ts';
import { decodePoint } from '../../edge/decode.ts';
import { wantedPoints } from '../../edge/device.ts';
import type { DeviceModel, PointModel } from '../../edge/model.ts';
import type { Block } from '../../edge/plan.ts';
import type { Instrument } from '../../simulators/instrument.ts';
import type { Table } from '../../simulators/registers/memory.ts';

const TABLES: Readonly<Record<Block['table'], Table>> = {
  coils: 'coil',
  'discrete-inputs': 'discreteInput',
  'holding-registers': 'holdingRegister',
  'input-registers': 'inputRegister',
};

/** Where a value stands, alone: history has no wire on which requests would be saved. */
interface Spot {
  readonly point: PointModel;
  readonly block: Block;
  readonly bytes: Uint8Array;
}

/** Reads an instrument's registers as the edge does, by the same device model and under the same names; without a wire. */
export interface RegisterReader {
  readonly measurements: readonly string[];
  /** One value a measurement, in the order of {@link measurements}; NaN where the device has none. */
  read(into: Float64Array): void;
}

export function createRegisterReader(instrument: Instrument, config: DeviceConfig, model: DeviceModel): RegisterReader {
  const { points, names } = wantedPoints(config, model);
  const spots = points.map((point) => spotOf(point, points));
  const shown = spots.filter(({ point }) => names.has(point.id) && point.type !== 'string');
  const settings = new Map<string, number>();
  const read = ({ point, block, bytes }: Spot): number => {
    const words = instrument.memory.read(TABLES[block.table], block.address, block.count);
    if (words === undefined) return Number.NaN;
    const isBits = block.table === 'coils' || block.table === 'discrete-inputs';
    for (let at = 0; at < words.length; at++) {
      const word = words[at] as number;
      if (isBits) bytes[at] = word;
      else {
        bytes[2 * at] = word >> 8;
        bytes[2 * at + 1] = word & 0xff;
      }
    }
    const decoded = decodePoint(point, bytes, block, settings);
    return 'value' in decoded ? decoded.value : Number.NaN;
  };
  let knowsSettings = false;
  return {
    measurements: shown.map(({ point }) => names.get(point.id) as string),
    read(into) {
      instrument.refresh();
      if (!knowsSettings) {
        // Units, decimals and ratios of our instruments never change.
        knowsSettings = true;
        for (const spot of spots) {
          const value = read(spot);
          if (Number.isFinite(value)) settings.set(spot.point.id, value);
        }
      }
      for (let at = 0; at < shown.length; at++) into[at] = read(shown[at] as Spot);
    },
  };
}

/** A point with its fraction, if it has one. */
function spotOf(point: PointModel, all: readonly PointModel[]): Spot {
  const plus = all.find(({ id }) => id === point.plus);
  const points = plus === undefined ? [point] : [point, plus];
  const address = Math.min(...points.map((one) => one.address));
  const count = Math.max(...points.map((one) => one.address + one.length)) - address;
  const bytes = new Uint8Array(2 * count);
  return { point, block: { table: point.table, address, count, points }, bytes };
}
