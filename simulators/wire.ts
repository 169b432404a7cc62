import type { FaultKind } from './plant.ts';

/** Faults on the wire: of a whole line, or of one device on it. */
export const WIRE_FAULTS: readonly FaultKind[] = [
  { name: 'silence', what: 'no answer at all', unit: '1', usual: 1 },
  { name: 'late', what: 'the right answer, but after this long', unit: 'ms', usual: 3000 },
  { name: 'wrong-unit', what: 'answers carry the unit id of a neighbour', unit: '1', usual: 1 },
  { name: 'exception', what: 'every request is answered with this exception code', unit: '1', usual: 4 },
  {
    name: 'bad-crc',
    what: 'this share of the answers has a wrong check sum (serial framing; on TCP a torn frame)',
    unit: '%',
    usual: 100,
  },
  { name: 'noise', what: 'this share of the answers has stray bytes before it (serial framing)', unit: '%', usual: 30 },
];

/** What is wrong with one wire or one device on it, by fault name. */
export type WireFaults = ReadonlyMap<string, number>;

/** Faults that hold for one request: the device's own, then those of its line. */
export function faultsFor(line: WireFaults, device: WireFaults | undefined): (fault: string) => number | undefined {
  return (fault) => device?.get(fault) ?? line.get(fault);
}
