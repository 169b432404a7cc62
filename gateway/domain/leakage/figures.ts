/**
 * Figures a water utility reports. CJJ 92-2016 (2018 revision) 5.2.2 for the rates; UARL, ILI and background leakage
 * after Lambert et al. 1999; legitimate night use after McKenzie 1999 (SANFLOW).
 */

/** Supplied and used water of a period, m3. */
export interface WaterBalanceInput {
  readonly suppliedM3: number;
  /** Billed, metered or not. */
  readonly billedM3: number;
  /** Authorised but free: fire flow, flushing, own use. */
  readonly unbilledM3: number;
  /** Theft and meters that read low. */
  readonly apparentM3: number;
}

export interface WaterBalance {
  readonly authorisedM3: number;
  readonly lossesM3: number;
  readonly apparentM3: number;
  readonly realM3: number;
  readonly nonRevenueM3: number;
}

export function waterBalance(input: WaterBalanceInput): WaterBalance {
  const authorisedM3 = input.billedM3 + input.unbilledM3;
  const lossesM3 = input.suppliedM3 - authorisedM3;
  return {
    authorisedM3,
    lossesM3,
    apparentM3: input.apparentM3,
    realM3: lossesM3 - input.apparentM3,
    nonRevenueM3: input.suppliedM3 - input.billedM3,
  };
}

/** Which rate is shown is always said with it. */
export interface LossRate {
  readonly basis: 'gross' | 'corrected';
  readonly percent: number;
  /** CJJ 92 grades the corrected rate of a year only. */
  readonly grade?: 'I' | 'II' | 'worse than II';
}

/** R_WL = (Qs - Qa) / Qs x 100 %; undefined without supply. */
export function grossLossRate(suppliedM3: number, registeredM3: number): LossRate | undefined {
  if (!(suppliedM3 > 0)) return undefined;
  return { basis: 'gross', percent: (100 * (suppliedM3 - registeredM3)) / suppliedM3 };
}

/** Corrections of CJJ 92, percentage points: households read singly, pipe length, pressure, frost depth. */
export interface RateCorrections {
  readonly households: number;
  readonly pipeLength: number;
  readonly pressure: number;
  readonly frost: number;
}

/** R_BL = R_WL - Rn; grade I up to 10 %, grade II up to 12 %. */
export function correctedLossRate(gross: LossRate, corrections: RateCorrections): LossRate {
  const { households, pipeLength, pressure, frost } = corrections;
  const percent = gross.percent - (households + pipeLength + pressure + frost);
  return { basis: 'corrected', percent, grade: percent <= 10 ? 'I' : percent <= 12 ? 'II' : 'worse than II' };
}

/** Rates of several regions are weighted by what they were supplied. */
export function regionLossRate(
  parts: readonly { readonly suppliedM3: number; readonly percent: number }[],
): number | undefined {
  const supplied = parts.reduce((sum, part) => sum + part.suppliedM3, 0);
  return supplied > 0
    ? parts.reduce((sum, { suppliedM3, percent }) => sum + suppliedM3 * percent, 0) / supplied
    : undefined;
}

/**
 * Minimum night flow: the least mean over one hour, m3/h.
 *
 * @param flow - even samples of the night; null where unknown. Hours with a hole don't count
 * @param perHour - samples an hour
 */
export function minimumNightFlow(flow: readonly (number | null)[], perHour: number): number | undefined {
  let least: number | undefined;
  for (let from = 0; from + perHour <= flow.length; from++) {
    const hour = flow.slice(from, from + perHour);
    if (hour.some((value) => value === null)) continue;
    const mean = hour.reduce<number>((sum, value) => sum + (value ?? 0), 0) / perHour;
    if (least === undefined || mean < least) least = mean;
  }
  return least;
}

/** 6 % of the people flush 10 l an hour at night. @returns m3/h */
export const legitimateNightUse = (population: number): number => (population * 0.06 * 10) / 1000;

/**
 * Night-to-day factor, hours: what the leakage of the night hour has to be multiplied with for the day.
 *
 * @param pressures - 24 hourly means, m
 * @param night - pressure at the time of the minimum, m
 * @param exponent - 0.5 fixed holes, 1 usual, 1.5 cracks and joints
 */
export function nightToDayFactor(pressures: readonly number[], night: number, exponent = 1): number | undefined {
  if (pressures.length !== 24 || !(night > 0)) return undefined;
  return pressures.reduce((sum, pressure) => sum + (Math.max(0, pressure) / night) ** exponent, 0);
}

/** Pipes, connections and pressure of a zone. */
export interface NetworkSize {
  readonly mainsKm: number;
  readonly connections: number;
  /** Private pipe beyond the boundary, all connections together. */
  readonly privateKm: number;
  /** Mean pressure, m. */
  readonly pressure: number;
}

/** Leakage too small to be found: 40 l/km/h mains, 3 + 1 l/connection/h at 50 m, exponent 1.5. @returns m3/h */
export function backgroundLeakage({ mainsKm, connections, pressure }: NetworkSize): number {
  return ((40 * mainsKm + 4 * connections) / 1000) * (Math.max(0, pressure) / 50) ** 1.5;
}

/** Unavoidable annual real losses: (18 Lm + 0.8 Nc + 25 Lp) P litres a day. @returns m3/day */
export function unavoidableLosses({ mainsKm, connections, privateKm, pressure }: NetworkSize): number {
  return ((18 * mainsKm + 0.8 * connections + 25 * privateKm) * pressure) / 1000;
}

export interface LeakageIndex {
  readonly ili: number;
  readonly uarlM3PerDay: number;
  /** A to D, World Bank bands for developing countries. */
  readonly band: 'A' | 'B' | 'C' | 'D';
  /** Why it should not be quoted; empty: within the limits of the formula. */
  readonly doubts: readonly string[];
}

/** Fewer connections or less pressure than the formula was made for. */
const ILI_CONNECTIONS_MIN = 3000;
const ILI_PRESSURE_MIN_M = 25;

/** Infrastructure leakage index: current over unavoidable real losses. */
export function leakageIndex(realM3PerDay: number, size: NetworkSize): LeakageIndex | undefined {
  const uarlM3PerDay = unavoidableLosses(size);
  if (!(uarlM3PerDay > 0)) return undefined;
  const ili = realM3PerDay / uarlM3PerDay;
  const doubts: string[] = [];
  if (size.connections < ILI_CONNECTIONS_MIN) doubts.push(`fewer than ${ILI_CONNECTIONS_MIN} connections`);
  if (size.pressure < ILI_PRESSURE_MIN_M) doubts.push(`pressure below ${ILI_PRESSURE_MIN_M} m`);
  if (ili < 1) doubts.push('below 1: inputs contradict each other');
  return { ili, uarlM3PerDay, band: ili < 4 ? 'A' : ili < 8 ? 'B' : ili < 16 ? 'C' : 'D', doubts };
}
