import type { Instrument } from '../instrument.ts';
import type { Table } from '../registers/memory.ts';

/** A request as it came over the wire, unwrapped from its framing. */
export type Request =
  | { readonly kind: 'read'; readonly table: Table; readonly address: number; readonly count: number }
  | {
      readonly kind: 'write';
      readonly table: 'coil' | 'holdingRegister';
      readonly address: number;
      readonly values: readonly number[];
    };

/** What the device says: values in address order, done, or an exception code (MODBUS Application Protocol V1.1b3, 7). */
export type Answer =
  | { readonly kind: 'values'; readonly values: readonly number[] }
  | { readonly kind: 'done' }
  | { readonly kind: 'exception'; readonly code: number };

export const ILLEGAL_ADDRESS = 2;
export const ILLEGAL_VALUE = 3;

/** Most values of one request: registers 125 read and 123 written, bits 2000 read and 1968 written (the same document, 6). */
const READ_MAX: Readonly<Record<Table, number>> = {
  coil: 2000,
  discreteInput: 2000,
  inputRegister: 125,
  holdingRegister: 125,
};

/** Answers from the registers of one instrument, brought up to date first. */
export function answer(instrument: Instrument, request: Request): Answer {
  instrument.refresh();
  if (request.kind === 'write') {
    const written = instrument.memory.write(request.table, request.address, request.values);
    return written ? { kind: 'done' } : { kind: 'exception', code: ILLEGAL_ADDRESS };
  }
  if (request.count < 1 || request.count > READ_MAX[request.table]) return { kind: 'exception', code: ILLEGAL_VALUE };
  const values = instrument.memory.read(request.table, request.address, request.count);
  return values === undefined ? { kind: 'exception', code: ILLEGAL_ADDRESS } : { kind: 'values', values };
}
