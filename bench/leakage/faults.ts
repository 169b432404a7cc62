import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { seeded } from './made-network.ts';

const PRESSURE_NOISE_M = 0.05;
const FLOW_NOISE = 0.01;
const MISSING = 0.02;

/** The same recording with worse instruments: noise on pressures and flows, samples missing, the first pressure stuck. */
export function withFaults(from: string, to: string, seed: number): void {
  const random = seeded(seed);
  const gauss = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const [head, ...rows] = gunzipSync(readFileSync(from)).toString().trimEnd().split('\n');
  const names = head!.split(',');
  const stuckAt = names.findIndex((name) => name.startsWith('P_'));
  const stuckValue = rows[0]!.split(',')[stuckAt];
  const worse = rows.map((row) =>
    row
      .split(',')
      .map((cell, column) => {
        const name = names[column]!;
        if (column === 0 || cell === '') return cell;
        if (random() < MISSING) return '';
        if (column === stuckAt) return stuckValue;
        if (name.startsWith('P_')) return (Number(cell) + PRESSURE_NOISE_M * gauss()).toFixed(2);
        return name.startsWith('Q_') ? (Number(cell) * (1 + FLOW_NOISE * gauss())).toFixed(2) : cell;
      })
      .join(','),
  );
  writeFileSync(to, gzipSync([head, ...worse].join('\n'), { level: 4 }));
}
