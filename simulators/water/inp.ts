import { type Network, PRV_M, PUMP, SPRING_HEAD_M, TANK, WORKS_HEAD_M } from './network.ts';

/** Longest run EPANET is told to expect, h: more than ten years, inside its 32-bit seconds. */
const DURATION_H = 90_000;

/**
 * The network as an EPANET input file (flows m3/h, heads m, Hazen-Williams, emitter exponent 0.5 = the orifice law).
 *
 * @see EPANET 2.2 user manual, appendix C
 */
export function toInp({ junctions, pipes }: Network): string {
  const section = (name: string, rows: readonly (readonly (string | number)[])[]) =>
    `[${name}]\n${rows.map((row) => row.map(cell).join(' ')).join('\n')}\n`;
  return [
    section(
      'JUNCTIONS',
      junctions.map(({ id, elevationM, meanM3PerH }) => [id, elevationM, meanM3PerH]),
    ),
    section('RESERVOIRS', [
      ['works', WORKS_HEAD_M],
      ['spring', SPRING_HEAD_M],
    ]),
    section('TANKS', [['tank', TANK.elevationM, TANK.startM, TANK.lowestM, TANK.highestM, TANK.diameterM, 0]]),
    section('PIPES', [
      ...pipes.map(({ id, from, to, lengthM, diameterMm, roughness, closed }) => [
        id,
        from,
        to,
        lengthM,
        diameterMm,
        roughness,
        0,
        closed ? 'Closed' : 'Open',
      ]),
      ['spring-main', 'spring', 'T4', 3400, 200, 120, 0, 'CV'],
      ['tank-main', 'T4', 'tank', 620, 350, 125, 0, 'Open'],
    ]),
    section('PUMPS', [
      ['pump-1', 'works', 'T0', 'HEAD', 'pump-curve'],
      ['pump-2', 'works', 'T0', 'HEAD', 'pump-curve'],
    ]),
    section('VALVES', [['prv-4', 'T1', 'V4', 250, 'PRV', PRV_M, 0]]),
    section('CURVES', [['pump-curve', PUMP.flowM3PerH, PUMP.headM]]),
    section('OPTIONS', [
      ['Units', 'CMH'],
      ['Headloss', 'H-W'],
      ['Emitter', 'Exponent', 0.5],
      // Without pressure nobody can draw: demand falls by the square root below 14 m, none at 0.
      ['Demand', 'Model', 'PDA'],
      ['Minimum', 'Pressure', 0],
      ['Required', 'Pressure', 14],
      ['Pressure', 'Exponent', 0.5],
      ['Accuracy', 0.00001],
      ['Trials', 200],
      ['Unbalanced', 'Continue', 10],
    ]),
    section('TIMES', [
      ['Duration', DURATION_H],
      ['Hydraulic', 'Timestep', '0:00:05'],
      ['Pattern', 'Timestep', '1000:00'],
      ['Report', 'Timestep', '1000:00'],
    ]),
    '[REPORT]\nStatus No\nMessages No\n[END]\n',
  ].join('\n');
}

function cell(value: string | number): string {
  return typeof value === 'number' ? String(Number(value.toFixed(5))) : value;
}
