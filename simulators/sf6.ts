/** Usual fill of a ring main unit, gauge at 20 Cel, kPa. */
export const SF6_FILL_KPA = 40;
const AIR_KPA = 101.3;
const ZERO_K = 273.15;
const COMPENSATED_TO_K = ZERO_K + 20;
/** The tank follows the air around it with this time constant. */
const GAS_TAU_S = 3600;

/** Gas in the sealed tank of a ring main unit. */
export interface Sf6State {
  /** Gauge pressure the gas would have at 20 Cel, kPa: a measure of how much there is. */
  readonly fillKPa: number;
  readonly gasCel: number;
}

/** Gauge pressure of a fill at the temperature the gas has, kPa: ideal gas, within 1 % of SF6 at these pressures. */
export function gaugeKPa({ fillKPa, gasCel }: Sf6State): number {
  return ((fillKPa + AIR_KPA) * (gasCel + ZERO_K)) / COMPENSATED_TO_K - AIR_KPA;
}

/** What a density monitor makes of pressure and temperature of the gas: gauge pressure at 20 Cel, kPa. */
export function compensatedKPa(measuredKPa: number, gasCel: number): number {
  return ((measuredKPa + AIR_KPA) * COMPENSATED_TO_K) / (gasCel + ZERO_K) - AIR_KPA;
}

/**
 * The gas `seconds` later.
 *
 * @param leakKPaPerH - loss at full pressure; it slows with the root of the pressure left. undefined: tight, and filled
 * again if it was not
 */
export function stepSf6(
  state: Sf6State,
  {
    leakKPaPerH,
    ambientCel,
    seconds,
  }: { readonly leakKPaPerH: number | undefined; readonly ambientCel: number; readonly seconds: number },
): Sf6State {
  const gasCel = state.gasCel + (ambientCel - state.gasCel) * (1 - Math.exp(-seconds / GAS_TAU_S));
  if (leakKPaPerH === undefined) return { fillKPa: SF6_FILL_KPA, gasCel };
  const lost = leakKPaPerH * Math.sqrt(state.fillKPa / SF6_FILL_KPA) * (seconds / 3600);
  return { fillKPa: Math.max(0, state.fillKPa - lost), gasCel };
}
