import type { Instrument } from '../instrument.ts';
import { faultsFor, type WireFaults } from '../wire.ts';
import { type Answer, answer, type Request } from './answer.ts';

/** What goes back on the wire for one request, and when. */
export type Reply =
  | { readonly kind: 'silence' }
  | {
      readonly kind: 'reply';
      readonly unitId: number;
      readonly delayMs: number;
      readonly answer: Answer;
      /** Spoil the frame: a wrong check sum, or stray bytes before it. */
      readonly spoil?: 'bad-crc' | 'noise';
    };

/** The instruments behind one port or one serial wire, and what is wrong with it. */
export interface SimulatedLine {
  readonly id: string;
  readonly units: ReadonlyMap<number, Instrument>;
  readonly faults: WireFaults;
  readonly deviceFaults: ReadonlyMap<string, WireFaults>;
  /** How long a device thinks before it answers, ms. */
  readonly turnaroundMs: number;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
}

/** Exception "gateway target device failed to respond" (MODBUS Application Protocol V1.1b3, 7). */
const TARGET_SILENT = 11;

/** Decides what one request gets. An unknown unit id gets silence, as on a real bus. */
export function replyTo(line: SimulatedLine, unitId: number, request: Request): Reply {
  const instrument = line.units.get(unitId);
  if (instrument === undefined) return { kind: 'silence' };
  const fault = faultsFor(line.faults, line.deviceFaults.get(instrument.id));
  if (fault('silence') !== undefined) return { kind: 'silence' };
  // Behind a gateway a unit without power is told by the gateway itself.
  const exception = fault('exception') ?? (instrument.isDark() ? TARGET_SILENT : undefined);
  const spoil = (['bad-crc', 'noise'] as const).find((name) => line.chance() * 100 < (fault(name) ?? 0));
  return {
    kind: 'reply',
    unitId: fault('wrong-unit') === undefined ? unitId : (unitId % 247) + 1,
    delayMs: line.turnaroundMs + (fault('late') ?? 0),
    answer: exception === undefined ? answer(instrument, request) : { kind: 'exception', code: Math.trunc(exception) },
    ...(spoil === undefined ? {} : { spoil }),
  };
}
