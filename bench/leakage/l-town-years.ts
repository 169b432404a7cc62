import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { createGzip, gzipSync } from 'node:zlib';
import { seeded } from './made-network.ts';

const STEP_S = 300;
const STEP_MS = STEP_S * 1000;
const DAY_MS = 86_400_000;
/** Codes of the EPANET 2.2 toolkit (its enumerated types), because the package exports them at run time only. */
const NODE = { emitter: 3, demand: 9, pressure: 11 } as const;
const TIME = { duration: 0, patternStart: 4 } as const;
const LINK_FLOW = 8;
const DEMAND_FACTOR = 4;
const STEPS = 105_120;
/** White noise of the demand, as identified from the flows of the competition. */
const NOISE = 0.058;
/** Total demand of zone C is this times the sum of its smart meters. */
const METERED_FACTOR = 1.105;
const METER_NOISE = 0.045;
const TANK_M2 = 201.062;
/** Where the first balance is not known yet, m3/h. */
const NIGHT_DEMAND_OF_C = 12;

export interface LTownPlan {
  /** Names the files, and sets everything that is left to chance. */
  readonly tag: string;
  readonly year: number;
  readonly seed: number;
  readonly leaks: number;
}

interface Leak {
  readonly pipe: string;
  readonly zone: string;
  readonly type: 'abrupt' | 'incipient';
  readonly start: number;
  readonly peak: number;
  readonly end: number;
  readonly diameter: number;
}

interface Network {
  readonly pipes: Readonly<Record<string, { readonly a: string; readonly b: string; readonly zone: string }>>;
  readonly pressure_sensors: readonly string[];
}

/**
 * A year of L-Town through EPANET with leaks of its own, in the form of the public years. Two to five minutes of work;
 * what is in `folder` already is taken as it is.
 *
 * @param data - folder with L-TOWN.inp and network.json; neither is copied
 */
export async function makeLTownYear(plan: LTownPlan, data: string, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const network = JSON.parse(readFileSync(join(data, 'network.json'), 'utf8')) as Network;
  if (existsSync(join(folder, `${plan.tag}_leaks.json`))) return;
  const { Project, Workspace } = await import('epanet-js');
  const random = seeded(plan.seed);
  const gauss = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const from = Date.UTC(plan.year, 0, 1);
  const leaks = drawLeaks(plan, network, random, from);
  const workspace = new Workspace();
  await workspace.loadModule();
  const model = new Project(workspace);
  workspace.writeFile('net.inp', readFileSync(join(data, 'L-TOWN.inp')));
  model.open('net.inp', 'net.rpt', 'net.bin');
  model.setTimeParameter(TIME.duration, STEPS * STEP_S);
  // So that the days of rest fall on Saturday and Sunday.
  model.setTimeParameter(TIME.patternStart, ((new Date(from).getUTCDay() + 5) % 7) * 86_400);
  const sensors = network.pressure_sensors.map((id) => model.getNodeIndex(id));
  const flows = ['PUMP_1', 'p227', 'p235'].map((id) => model.getLinkIndex(id));
  const tank = model.getNodeIndex('T1');
  const places = leaks.map(({ pipe }) => model.getNodeIndex(network.pipes[pipe]!.a));
  const scada = createGzip({ level: 4 });
  const scadaFile = join(folder, `${plan.tag}_scada.csv.gz`);
  const scadaOut = scada.pipe(createWriteStream(scadaFile));
  const meters = ['timestamp,D_AMR_TOTAL'];
  const leakLines = [['timestamp', ...leaks.map(({ pipe }) => pipe)].join(',')];
  scada.write(
    `${['timestamp', ...network.pressure_sensors.map((id) => `P_${id}`), 'Q_PUMP_1', 'Q_p227', 'Q_p235', 'L_T1'].join(',')}\n`,
  );
  const height = 0.1 + 0.04 * random();
  const phase = 0.15 * gauss();
  const second = 0.02 * gauss();
  const largest = leaks.map(() => 0);
  const volumes = leaks.map(() => 0);
  model.openH();
  model.initH(0);
  let seconds = 0;
  let pumped = 0;
  let lastLevel = 0;
  let lastLeaking = 0;
  while (seconds < STEPS * STEP_S) {
    const isWhole = seconds % STEP_S === 0;
    const step = seconds / STEP_S;
    const at = from + seconds * 1000;
    if (isWhole) {
      const angle = (2 * Math.PI * step) / STEPS + phase;
      const season = 1 - height * Math.cos(angle) + second * Math.sin(2 * angle);
      model.setOption(DEMAND_FACTOR, season * Math.max(0.5, 1 + NOISE * gauss()));
      const openings = new Map(places.map((place) => [place, 0]));
      leaks.forEach((leak, index) => {
        const place = places[index]!;
        openings.set(place, openings.get(place)! + emitter(diameterAt(leak, at)));
      });
      for (const [place, opening] of openings) model.setNodeValue(place, NODE.emitter, opening);
    }
    model.runH();
    // Controls of the tank put steps between.
    if (isWhole) {
      const stamp = stampOf(at);
      const pressures = sensors.map((index) => model.getNodeValue(index, NODE.pressure));
      const measured = flows.map((index) => Math.abs(model.getLinkValue(index, LINK_FLOW)));
      const level = model.getNodeValue(tank, NODE.pressure);
      scada.write(
        `${stamp},${[...pressures, ...measured, level].map((value) => Number(value.toFixed(2))).join(',')}\n`,
      );
      const leaking = leaks.map((leak, index) => {
        const pressure = model.getNodeValue(places[index]!, NODE.pressure);
        return emitter(diameterAt(leak, at)) * Math.sqrt(Math.max(0, pressure));
      });
      leaking.forEach((flow, index) => {
        largest[index] = Math.max(largest[index]!, flow);
        volumes[index]! += (flow * STEP_S) / 3600;
      });
      // By the balance of the tank: EPANET counts what emitters draw as demand, closed ones too.
      const hours = STEP_S / 3600;
      const demand = step === 0 ? NIGHT_DEMAND_OF_C : (pumped - TANK_M2 * (level - lastLevel)) / hours - lastLeaking;
      pumped = 0;
      lastLevel = level;
      lastLeaking = leaks.reduce((sum, { zone }, index) => sum + (zone === 'C' ? leaking[index]! : 0), 0);
      const metered = (Math.max(0, demand) * (1 + METER_NOISE * gauss())) / METERED_FACTOR;
      meters.push(`${stamp},${Math.round(1000 * metered)}`);
      leakLines.push([stamp, ...leaking.map((flow) => flow.toFixed(3))].join(','));
      if (scada.writableNeedDrain) await once(scada, 'drain');
    }
    const lifted = Math.abs(model.getLinkValue(flows[0]!, LINK_FLOW));
    const by = model.nextH();
    if (by <= 0) break;
    pumped += (lifted * by) / 3600;
    seconds += by;
  }
  scada.end();
  await finished(scadaOut);
  const truth = leaks.map((leak, index) => ({
    pipe: leak.pipe,
    zone: leak.zone,
    start: stampOf(leak.start),
    end: stampOf(leak.end),
    peak: stampOf(leak.peak),
    type: leak.type,
    max_flow_m3h: Number(largest[index]!.toFixed(2)),
    volume_m3: Math.round(volumes[index]!),
    carried_over: false,
  }));
  writeFileSync(join(folder, `${plan.tag}_amrtotal.csv.gz`), gzipSync(`${meters.join('\n')}\n`));
  writeFileSync(join(folder, `${plan.tag}_leakflows.csv.gz`), gzipSync(`${leakLines.join('\n')}\n`));
  writeFileSync(join(folder, 'network.json'), readFileSync(join(data, 'network.json')));
  const leaksFile = join(folder, `${plan.tag}_leaks.json`);
  writeFileSync(`${leaksFile}.partial`, JSON.stringify({ year: plan.year, step_s: 300, leaks: truth }));
  renameSync(`${leaksFile}.partial`, leaksFile);
}

const stampOf = (at: number): string => `${new Date(at).toISOString().slice(0, 16)}Z`;

/** Cd 0.75 through a hole, m3/h at 1 m of pressure. */
const emitter = (diameter: number): number => 0.75 * Math.sqrt(19.62) * 3600 * ((Math.PI * diameter ** 2) / 4);

function diameterAt({ type, start, peak, end, diameter }: Leak, at: number): number {
  if (at < start || at >= end) return 0;
  return type === 'abrupt' || at >= peak ? diameter : (diameter * (at - start)) / (peak - start);
}

function drawLeaks(plan: LTownPlan, { pipes }: Network, random: () => number, from: number): Leak[] {
  const names = Object.keys(pipes).filter((name) => pipes[name]!.zone.length === 1);
  const ofZone = (zone: string) => names.filter((name) => pipes[name]!.zone === zone);
  const drawn: Leak[] = [];
  while (drawn.length < plan.leaks) {
    const dice = random();
    const among = ofZone(dice < 0.14 ? 'C' : dice < 0.26 ? 'B' : 'A');
    const pipe = among[Math.floor(random() * among.length)]!;
    if (drawn.some((leak) => leak.pipe === pipe)) continue;
    const type = random() < 0.48 ? ('abrupt' as const) : ('incipient' as const);
    const toStep = (at: number) => Math.floor(at / STEP_MS) * STEP_MS;
    const start = toStep(from + (8 + 335 * ((drawn.length + random()) / plan.leaks)) * DAY_MS);
    const peak = type === 'abrupt' ? start : toStep(start + (4 + 75 * random()) * DAY_MS);
    const isKept = random() < 0.1;
    const end = isKept
      ? from + 365 * DAY_MS
      : toStep(Math.min(from + 365 * DAY_MS, peak + (5 + 30 * random()) * DAY_MS));
    if (peak > from + 360 * DAY_MS) continue;
    // 5 to 32 m3/h at about 45 m; the pump of C lifts no more than 44 m3/h for all its customers.
    const zone = pipes[pipe]!.zone;
    const isCrowded = drawn.some((other) => other.zone === 'C' && start < other.end + 5 * DAY_MS && end > other.start);
    if (zone === 'C' && isCrowded) continue;
    const size = zone === 'C' ? 5 + 6 * random() : type === 'abrupt' ? 8 + 24 * random() : 5 + 25 * random();
    drawn.push({ pipe, zone, type, start, peak, end, diameter: Math.sqrt(size / emitter(1) / Math.sqrt(45)) });
  }
  return drawn;
}
