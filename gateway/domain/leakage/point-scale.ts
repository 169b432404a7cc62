import { convert, type Dimension, isUnit, UNITS, type UnitSymbol } from '../../../contract/units.ts';

/** What leaks are reckoned in. */
const RECKONED_IN: Partial<Record<Dimension, UnitSymbol>> = {
  'volume-flow': 'm3/h',
  pressure: 'm[H2O]',
  length: 'm',
};

/**
 * Loggers tell kPa or MPa, meters L/s; leaks are reckoned in m3/h and m of water.
 *
 * @param unit - of the point, UCUM; a unit of another quantity, or none, counts as what is reckoned in
 * @returns what a value is multiplied with
 */
export function pointScale(unit: string | undefined): number {
  if (unit === undefined || !isUnit(unit)) return 1;
  const wanted = RECKONED_IN[UNITS[unit].dimension];
  return wanted === undefined || wanted === unit ? 1 : convert(1, unit, wanted);
}
