import { Readable } from 'node:stream';
import { z } from 'zod';
import { formatTime } from '../../contract/time.ts';
import type { PointInfo } from '../domain/plant.ts';
import type { Range, Store } from '../store/store.ts';
import { rangeFields, rangeOf } from './inputs.ts';
import { selectPoints } from './points.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';

/** Rows read at once: some 600 KB of text, so an export costs little memory whatever its length. */
const PAGE_ROWS = 10_000;
/** Exports at once: each reads the disk as fast as its client takes it. */
const EXPORTS_MAX = 2;

const listSchema = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (Array.isArray(value) ? value : [value]).flatMap((text) => text.split(',')));

/** History as a file, streamed. */
export function exportRoutes(door: Door): readonly Route[] {
  const { store, registry, now } = door;
  let running = 0;
  return [
    route({
      method: 'GET',
      path: '/api/v1/export',
      access: 'viewer',
      tag: 'readings',
      summary: 'History as CSV (timestamp, point, value, quality, reason), point by point, oldest first',
      query: z.strictObject({
        points: listSchema.optional().meta({ description: 'ids with commas between' }),
        device: z.string().optional(),
        class: z.string().optional(),
        site: z.string().optional(),
        measurement: z.string().optional(),
        ...rangeFields,
        format: z.enum(['csv']).default('csv'),
      }),
      answerType: 'text/csv',
      handle({ query, reply }) {
        const range = rangeOf(query, now());
        const { points: ids, device, class: assetClass, site, measurement } = query;
        const selector = { device, class: assetClass, site, measurement };
        const named = ids ?? (Object.values(selector).some((word) => word !== undefined) ? selector : undefined);
        const points = selectPoints(door, named).flatMap((id) => registry.point(id) ?? []);
        if (running >= EXPORTS_MAX)
          throw new Problem('exports-busy', `${EXPORTS_MAX} exports are running.`, {
            headers: { 'retry-after': '10' },
          });
        running++;
        const text = Readable.from(csvOf(store, points, range), { objectMode: false });
        text.once('close', () => {
          running--;
        });
        reply.header(
          'content-disposition',
          `attachment; filename="hanfeng-${formatTime(range.from).slice(0, 10)}.csv"`,
        );
        return reply.type('text/csv; charset=utf-8').send(text);
      },
    }),
  ];
}

/** The same columns that `hanfeng replay` reads. Reads on only as fast as the client takes it. */
async function* csvOf(store: Store, points: readonly PointInfo[], range: Range): AsyncGenerator<string> {
  yield 'timestamp,point,value,quality,reason\n';
  for (const { id, device, measurement } of points) {
    let { from } = range;
    while (from < range.to) {
      const page = await store.readings(id, { from, to: range.to }, PAGE_ROWS);
      let text = '';
      for (const { ts, value, quality, reason } of page)
        text += `${formatTime(ts)},${device}/${measurement},${value ?? ''},${quality},${reason ?? ''}\n`;
      if (text !== '') yield text;
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_ROWS) break;
      from = last.ts + 1;
    }
  }
}
