import { BAD, QUALITIES, REASONS } from '../../contract/reading.ts';
import type { Readings } from '../domain/readings.ts';

/** What a point is called in InfluxDB. */
export interface SeriesName {
  readonly device: string;
  readonly measurement: string;
  /** Asset class of the device. */
  readonly class?: string | undefined;
  readonly site?: string | undefined;
}

/**
 * The part of a line that a point's lines begin with: `flow,class=flow-meter,device=fm-12,site=binhu `. Tags in the order
 * of their names, which InfluxDB sorts them into otherwise.
 */
export function seriesKey({ device, measurement, class: assetClass, site }: SeriesName): string {
  let key = measurement.replaceAll(/[\\, \n]/g, escaped);
  if (assetClass !== undefined && assetClass !== '') key += `,class=${tag(assetClass)}`;
  key += `,device=${tag(device)}`;
  if (site !== undefined && site !== '') key += `,site=${tag(site)}`;
  return `${key} `;
}

/** A backslash can't be escaped at the end of a tag: it would take the comma with it. */
function tag(text: string): string {
  return text.replaceAll('\\', '/').replaceAll(/[,= \n]/g, escaped);
}

function escaped(character: string): string {
  return character === '\n' ? '\\ ' : `\\${character}`;
}

/** Fields of a reading without its value, by quality and reason. */
const WORDS = QUALITIES.map((quality) => REASONS.map((reason) => `quality="${quality}",reason="${reason ?? ''}"`));

/**
 * Readings as line protocol, one line each, times in milliseconds. Every line writes all fields, so that a corrected
 * reading leaves nothing of the one it replaces; where there is no value, `empty=true` says that an older one is void.
 *
 * @param from - first row; `to` exclusive
 * @param keyOf - {@link seriesKey} of a point; undefined: the point is unknown and its rows are left out
 */
export function encodeLines(
  readings: Readings,
  from: number,
  to: number,
  keyOf: (point: number) => string | undefined,
): string {
  const { point, tsMs, value, quality, reason } = readings;
  let text = '';
  for (let row = from; row < to; row++) {
    const key = keyOf(point[row] as number);
    if (key === undefined) continue;
    const words = WORDS[quality[row] as number]?.[reason[row] as number] ?? WORDS[BAD]?.[0];
    const number = value[row] as number;
    const hasValue = Number.isFinite(number);
    const empty = (quality[row] as number) >= BAD || !hasValue ? `,empty=${!hasValue}` : '';
    text += `${key}${hasValue ? `value=${number},` : ''}${words}${empty} ${tsMs[row]}\n`;
  }
  return text;
}
