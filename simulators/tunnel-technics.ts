import { interpolate } from './demand.ts';
import { FaultBoard, type FaultKind, type Quantities, type Surroundings } from './plant.ts';

/** What of the tunnel is machinery rather than air: sump, uninterruptible supply, luminance and lighting stages. */
export const TECHNICS_PLACES = ['sump', 'ups', 'luminance'] as const;
export const TECHNICS_FAULTS: readonly FaultKind[] = [
  { name: 'sump-pump-failed', what: 'the pump of the sump does not run', unit: '1', usual: 1 },
  { name: 'mains-lost', what: 'the supply fails; the battery carries the load', unit: '1', usual: 1 },
  { name: 'lighting-stuck', what: 'the lighting stays at this stage (0 night .. 4 bright)', unit: '1', usual: 0 },
];

/** Seepage and washing water, and what rain brings in at the portals, m per minute; the pump's draw likewise. */
const SEEPAGE_M_PER_MIN = 0.004;
const RAIN_M_PER_MIN = 0.0012;
const PUMP_M_PER_MIN = 0.09;
const PUMP_ON_M = 0.42;
const PUMP_OFF_M = 0.15;
const UPS_MINUTES = 90;
/** Back to full takes four hours. */
const RECHARGE_SHARE_PER_S = 1 / (4 * 3600);
/** Luminance in the 20-degree cone before the portal, as a share of the horizontal illuminance: rock and road. */
const L20_PER_LX = 0.045;
/** Threshold-zone luminance over L20 that the design asks for, and the stages the lamps have, cd/m2. */
const DESIGN_K = 0.03;
const STAGE_CD_PER_M2 = [2, 20, 50, 95, 160] as const;

/** Machinery of the tunnel, moved with it. Level m, battery %, luminance cd/m2. */
export class TunnelTechnics {
  private readonly board = new FaultBoard();
  private hasSupply: () => boolean = () => true;
  private levelM = 0.25;
  private pumping = false;
  private charge = 1;
  private now: Readonly<Record<string, Quantities>> = {};

  feedFrom(hasSupply: () => boolean): void {
    this.hasSupply = hasSupply;
  }

  step(seconds: number, { rainMmPerH, illuminanceLx, hour, airCel }: Surroundings): void {
    this.stepSump(seconds, rainMmPerH);
    const lost = this.board.has('mains-lost', 'ups') || !this.hasSupply();
    const change = lost ? -seconds / (UPS_MINUTES * 60) : RECHARGE_SHARE_PER_S * seconds;
    this.charge = Math.min(1, Math.max(0, this.charge + change));
    const l20 = illuminanceLx * L20_PER_LX;
    const wanted = STAGE_CD_PER_M2.findIndex((luminance) => luminance >= DESIGN_K * l20);
    const stageCommand = wanted < 0 ? STAGE_CD_PER_M2.length - 1 : wanted;
    const stage = Math.trunc(this.board.get('lighting-stuck', 'luminance') ?? stageCommand);
    this.now = {
      sump: { level: this.levelM, pump1: this.pumping ? 1 : 0, in0: this.pumping ? 1 : 0 },
      ups: {
        onBattery: lost ? 1 : 0,
        battery: 100 * this.charge,
        minutesLeft: UPS_MINUTES * this.charge,
        batteryVoltage: 46 + 8 * this.charge,
        temperature: airCel * 0.3 + 18,
        load: 40 + 5 * interpolate([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0], hour),
      },
      luminance: {
        l20,
        lth: STAGE_CD_PER_M2[Math.min(4, Math.max(0, stage))] ?? 2,
        interior: 2.4,
        stage,
        stageCommand,
      },
    };
  }

  sense(place: string): Quantities | undefined {
    return this.now[place];
  }

  setFault(fault: string, place: string, value: number | undefined): boolean {
    const where: Readonly<Record<string, string>> = {
      'sump-pump-failed': 'sump',
      'mains-lost': 'ups',
      'lighting-stuck': 'luminance',
    };
    if (where[fault] !== place) return false;
    this.board.set(fault, place, value);
    return true;
  }

  private stepSump(seconds: number, rainMmPerH: number): void {
    if (this.levelM > PUMP_ON_M) this.pumping = true;
    else if (this.levelM < PUMP_OFF_M) this.pumping = false;
    const runs = this.pumping && !this.board.has('sump-pump-failed', 'sump');
    const perMinute = SEEPAGE_M_PER_MIN + RAIN_M_PER_MIN * rainMmPerH - (runs ? PUMP_M_PER_MIN : 0);
    this.levelM = Math.max(0, this.levelM + (perMinute * seconds) / 60);
  }
}
