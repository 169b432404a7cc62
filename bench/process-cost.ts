import { readdirSync, readFileSync, statSync } from 'node:fs';

/** CPU time of a process and of its main thread since it began, seconds; Linux only. */
export interface CpuTime {
  readonly wallS: number;
  readonly processS: number;
  readonly mainThreadS: number;
}

/** Clock ticks of /proc: 100 a second on every Linux we know. */
const TICKS_PER_S = 100;

export function cpuTime(pid: number): CpuTime {
  return {
    wallS: performance.now() / 1000,
    processS: ticks(`/proc/${pid}/stat`) / TICKS_PER_S,
    mainThreadS: ticks(`/proc/${pid}/task/${pid}/stat`) / TICKS_PER_S,
  };
}

/** Shares of one core between two moments, percent. */
export function cpuShare(from: CpuTime, to: CpuTime): { readonly process: number; readonly mainThread: number } {
  const wallS = to.wallS - from.wallS;
  return {
    process: Math.round((100 * (to.processS - from.processS)) / wallS),
    mainThread: Math.round((100 * (to.mainThreadS - from.mainThreadS)) / wallS),
  };
}

/** User and system time: fields 14 and 15, counted after the name, which may hold spaces. */
function ticks(file: string): number {
  const fields = readFileSync(file, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** Bytes of all files below a folder. */
export function folderBytes(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    try {
      bytes += statSync(`${entry.parentPath}/${entry.name}`).size;
    } catch {
      // Sealed away meanwhile.
    }
  }
  return bytes;
}
