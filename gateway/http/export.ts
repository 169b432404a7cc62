import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { formatTime } from '../../contract/time.ts';
import type { Range } from '../store/store.ts';
import { plainPoint, readingsOf, type Selected, selectPoints } from './asset-points.ts';
import { rangeFields, rangeOf } from './inputs.ts';
import type { Outgoing } from './outgoing.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';

/** Rows read at once: some 600 KB of text, so an export costs little memory whatever its length. */
const PAGE_ROWS = 10_000;

const listSchema = z
  .union([z.string(), z.array(z.string())])
  .transform((value) =>
    (Array.isArray(value) ? value : [value]).flatMap((text) => text.split(',')).filter((id) => id !== ''),
  );

/** History as a file, streamed. */
export function exportRoutes(door: Door, outgoing: Outgoing): readonly Route[] {
  const { store, now } = door;
  return [
    route({
      method: 'GET',
      path: '/api/v1/export',
      access: 'viewer',
      tag: 'readings',
      summary: 'History as CSV or Parquet (timestamp, point, value, quality, reason), point by point, oldest first',
      query: z.strictObject({
        points: listSchema.optional().meta({ description: 'ids with commas between' }),
        device: z.string().optional(),
        class: z.string().optional(),
        site: z.string().optional(),
        measurement: z.string().optional(),
        ...rangeFields,
        format: z.enum(['csv', 'parquet']).default('csv'),
      }),
      answerTypes: ['text/csv', 'application/vnd.apache.parquet'],
      async handle({ query, reply }) {
        const range = rangeOf(query, now());
        const { points: ids, device, class: assetClass, site, measurement } = query;
        const selector = { device, class: assetClass, site, measurement };
        const isNamed = ids !== undefined && ids.length > 0;
        const named = isNamed ? ids : Object.values(selector).some((word) => word !== undefined) ? selector : undefined;
        const points = await selectPoints(door, named);
        const transfer = outgoing.begin();
        const done = () => transfer.end();
        const name = `hanfeng-${formatTime(range.from).slice(0, 10)}.${query.format}`;
        reply.header('content-disposition', `attachment; filename="${name}"`);
        if (query.format === 'csv') {
          const text = Readable.from(csvOf(door, points, range), { objectMode: false }).once('close', done);
          return reply.type('text/csv; charset=utf-8').send(text);
        }
        const dense = points.map((point) => {
          const plain = plainPoint(point, range);
          if (plain !== undefined) return plain.id;
          transfer.end();
          throw new Problem('input-invalid', `${point.id} has had several instruments: export it as CSV.`, {
            errors: [{ path: 'query.format', found: 'parquet', allowed: 'csv for points of assets' }],
          });
        });
        const file = await transfer.make((path) => store.exportParquet(dense, range, path));
        return reply.type('application/vnd.apache.parquet').send(createReadStream(file).once('close', done));
      },
    }),
  ];
}

/** The same columns that `hanfeng replay` reads. Reads on only as fast as the client takes it. */
async function* csvOf(door: Pick<Door, 'store'>, points: readonly Selected[], range: Range): AsyncGenerator<string> {
  yield 'timestamp,point,value,quality,reason\n';
  for (const point of points) {
    let { from } = range;
    while (from < range.to) {
      const page = await readingsOf(door, point, { from, to: range.to }, PAGE_ROWS);
      let text = '';
      for (const { ts, value, quality, reason } of page)
        text += `${formatTime(ts)},${point.id},${value ?? ''},${quality},${reason ?? ''}\n`;
      if (text !== '') yield text;
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_ROWS) break;
      from = last.ts + 1;
    }
  }
}
