const WIDTH = 720;
const HEIGHT = 240;
const LEFT = 48;
const BOTTOM = 28;
const TOP = 40;

/** What an alarm file holds of a leak. */
export interface AlarmLine {
  readonly time: string;
  readonly location: string;
  readonly message?: string;
  readonly since?: string;
  readonly evidence?: {
    readonly type?: string;
    readonly zone?: string;
    readonly size?: number;
    readonly interval?: readonly [number, number];
    readonly series?: readonly (readonly [string, number | null, number | null])[];
  };
}

/** Flow and expectation before an alarm, and since when the leak runs, as a small SVG; undefined without a series. */
export function alarmPicture({ time, location, since, evidence }: AlarmLine): string | undefined {
  const series = evidence?.series ?? [];
  const values = series.flatMap(([, flow, expected]) => [flow, expected].filter((value) => value !== null));
  if (series.length < 2 || values.length === 0) return undefined;
  const from = Date.parse(series[0]![0]);
  const to = Date.parse(series.at(-1)![0]);
  const most = Math.max(...values) * 1.05;
  const least = Math.min(0, ...values);
  const x = (at: number) => LEFT + ((WIDTH - LEFT - 8) * (at - from)) / (to - from);
  const y = (value: number) => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * (value - least)) / (most - least);
  const line = (column: 1 | 2) => {
    let path = '';
    let isOpen = false;
    for (const row of series) {
      const value = row[column];
      if (value === null) isOpen = false;
      else {
        path += `${isOpen ? 'L' : 'M'}${x(Date.parse(row[0])).toFixed(1)} ${y(value).toFixed(1)}`;
        isOpen = true;
      }
    }
    return path;
  };
  const began = Math.max(from, Date.parse(since ?? time));
  const size = `${evidence?.size} m3/h (${evidence?.interval?.join(' to ')})`;
  const title = `${time}  zone ${evidence?.zone}, at ${location}: ${evidence?.type}, ${size}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12" fill="#24292f"><rect width="100%" height="100%" fill="#ffffff"/><text x="8" y="18" font-weight="600">${title}</text><text x="8" y="34" fill="#57606a">m3/h: blue flow, grey expectation; shaded since ${since}</text><rect x="${x(began).toFixed(1)}" y="${TOP}" width="${(WIDTH - 8 - x(began)).toFixed(1)}" height="${HEIGHT - BOTTOM - TOP}" fill="#ffebe9"/><path d="${line(2)}" fill="none" stroke="#8b949e" stroke-width="1.5"/><path d="${line(1)}" fill="none" stroke="#1f6feb" stroke-width="1.5"/><text x="4" y="${y(most / 1.05).toFixed(0)}">${(most / 1.05).toPrecision(3)}</text><text x="4" y="${y(least).toFixed(0)}">${least.toFixed(0)}</text><text x="${LEFT}" y="${HEIGHT - 8}">${series[0]![0].slice(0, 16)}</text><text x="${WIDTH - 120}" y="${HEIGHT - 8}">${series.at(-1)![0].slice(0, 16)}</text></svg>\n`;
}
