/** What a unit measures; only units of one dimension convert into each other. */
export type Dimension =
  | 'dimensionless'
  | 'volume-flow'
  | 'volume'
  | 'pressure'
  | 'length'
  | 'speed'
  | 'temperature'
  | 'current'
  | 'voltage'
  | 'power'
  | 'apparent-power'
  | 'reactive-power'
  | 'energy'
  | 'reactive-energy'
  | 'frequency'
  | 'time'
  | 'illuminance'
  | 'luminance'
  | 'extinction'
  | 'fraction-of-air'
  | 'mass-concentration'
  | 'angle'
  | 'resistance'
  | 'volume-per-area'
  | 'sound-level';

interface Unit {
  readonly dimension: Dimension;
  /** value in the dimension's base unit = value * factor + offset */
  readonly factor: number;
  readonly offset?: number;
  /** What people see after the number. */
  readonly label: string;
}

const unit = (dimension: Dimension, factor: number, label: string, offset = 0): Unit => ({
  dimension,
  factor,
  label,
  offset,
});

/** Units by their UCUM symbol (https://ucum.org). Factors are exact or from NIST SP 811, appendix B. */
export const UNITS = {
  '1': unit('dimensionless', 1, ''),
  '%': unit('dimensionless', 0.01, '%'),
  'm3/h': unit('volume-flow', 1 / 3600, 'm³/h'),
  'm3/s': unit('volume-flow', 1, 'm³/s'),
  'L/s': unit('volume-flow', 0.001, 'L/s'),
  'L/min': unit('volume-flow', 0.001 / 60, 'L/min'),
  'L/h': unit('volume-flow', 0.001 / 3600, 'L/h'),
  m3: unit('volume', 1, 'm³'),
  L: unit('volume', 0.001, 'L'),
  mm3: unit('volume', 1e-9, 'mm³'),
  Pa: unit('pressure', 1, 'Pa'),
  kPa: unit('pressure', 1000, 'kPa'),
  MPa: unit('pressure', 1e6, 'MPa'),
  bar: unit('pressure', 1e5, 'bar'),
  mbar: unit('pressure', 100, 'mbar'),
  'm[H2O]': unit('pressure', 9806.65, 'm'),
  'mm[H2O]': unit('pressure', 9.80665, 'mmH₂O'),
  '[psi]': unit('pressure', 6894.757_293_168, 'psi'),
  'kgf/cm2': unit('pressure', 98_066.5, 'kgf/cm²'),
  m: unit('length', 1, 'm'),
  cm: unit('length', 0.01, 'cm'),
  mm: unit('length', 0.001, 'mm'),
  km: unit('length', 1000, 'km'),
  'm/s': unit('speed', 1, 'm/s'),
  'mm/s': unit('speed', 0.001, 'mm/s'),
  'mm/h': unit('speed', 0.001 / 3600, 'mm/h'),
  'km/h': unit('speed', 1 / 3.6, 'km/h'),
  K: unit('temperature', 1, 'K'),
  Cel: unit('temperature', 1, '°C', 273.15),
  '[degF]': unit('temperature', 5 / 9, '°F', 273.15 - (32 * 5) / 9),
  A: unit('current', 1, 'A'),
  mA: unit('current', 0.001, 'mA'),
  V: unit('voltage', 1, 'V'),
  mV: unit('voltage', 0.001, 'mV'),
  kV: unit('voltage', 1000, 'kV'),
  W: unit('power', 1, 'W'),
  kW: unit('power', 1000, 'kW'),
  'V.A': unit('apparent-power', 1, 'VA'),
  'kV.A': unit('apparent-power', 1000, 'kVA'),
  var: unit('reactive-power', 1, 'var'),
  kvar: unit('reactive-power', 1000, 'kvar'),
  'W.h': unit('energy', 3600, 'Wh'),
  'kW.h': unit('energy', 3.6e6, 'kWh'),
  'MW.h': unit('energy', 3.6e9, 'MWh'),
  GJ: unit('energy', 1e9, 'GJ'),
  'GJ/h': unit('power', 1e9 / 3600, 'GJ/h'),
  'kvar.h': unit('reactive-energy', 1000, 'kvarh'),
  Hz: unit('frequency', 1, 'Hz'),
  'r/min': unit('frequency', 1 / 60, 'rpm'),
  ms: unit('time', 0.001, 'ms'),
  s: unit('time', 1, 's'),
  min: unit('time', 60, 'min'),
  h: unit('time', 3600, 'h'),
  d: unit('time', 86_400, 'd'),
  lx: unit('illuminance', 1, 'lx'),
  'cd/m2': unit('luminance', 1, 'cd/m²'),
  '1/m': unit('extinction', 1, 'm⁻¹'),
  '[ppm]': unit('fraction-of-air', 1e-6, 'ppm'),
  '[ppb]': unit('fraction-of-air', 1e-9, 'ppb'),
  '%[vol]': unit('fraction-of-air', 0.01, '% vol'),
  '%[LEL]': unit('dimensionless', 0.01, '% LEL'),
  'mg/m3': unit('mass-concentration', 1e-6, 'mg/m³'),
  'ug/m3': unit('mass-concentration', 1e-9, 'µg/m³'),
  deg: unit('angle', 1, '°'),
  Ohm: unit('resistance', 1, 'Ω'),
  kOhm: unit('resistance', 1000, 'kΩ'),
  dB: unit('sound-level', 1, 'dB'),
} as const satisfies Readonly<Record<string, Unit>>;

export type UnitSymbol = keyof typeof UNITS;

export function isUnit(symbol: string): symbol is UnitSymbol {
  return Object.hasOwn(UNITS, symbol);
}

/** What people see for a unit: `m3/h` -> `m³/h`; a symbol we don't know is shown as it is. */
export function unitLabel(symbol: string): string {
  return isUnit(symbol) ? UNITS[symbol].label : symbol;
}

/**
 * Converts a value between two units of one dimension.
 *
 * @throws RangeError if the dimensions differ: a configuration mistake that `hanfeng check` reports first
 */
export function convert(value: number, from: UnitSymbol, to: UnitSymbol): number {
  if (from === to) return value;
  const source: Unit = UNITS[from];
  const target: Unit = UNITS[to];
  if (source.dimension !== target.dimension)
    throw new RangeError(`${from} is ${source.dimension}, ${to} is ${target.dimension}`);
  return (value * source.factor + (source.offset ?? 0) - (target.offset ?? 0)) / target.factor;
}

/** Parses `12 m3/h`, `0.4 MPa` or a bare number (then without unit). */
export function parseQuantity(
  text: string | number,
): { readonly value: number; readonly unit?: UnitSymbol } | undefined {
  if (typeof text === 'number') return Number.isFinite(text) ? { value: text } : undefined;
  const match = /^\s*([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*(\S*)\s*$/i.exec(text);
  if (match === null) return undefined;
  const [, digits, symbol] = match as unknown as [string, string, string];
  if (symbol === '') return { value: Number(digits) };
  return isUnit(symbol) ? { value: Number(digits), unit: symbol } : undefined;
}
