import { Readable } from 'node:stream';
import { z } from 'zod';
import { QUALITIES } from '../../contract/reading.ts';
import { formatTime } from '../../contract/time.ts';
import { Fold } from '../across.ts';
import type { Series, SeriesQuery } from '../store/store.ts';
import { POINTS_SELECTED_MAX, plainPoint, type Selected, selectPoints, seriesOf } from './asset-points.ts';
import { durationSchema, isoSchema, rangeFields, rangeOf } from './inputs.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';

/** Slots of one series, and values of the whole answer (some 60 bytes each as JSON). */
const SLOTS_MAX = 20_000;
const VALUES_MAX = 1_000_000;
/** Values read and written at once, some 1.5 MB of text: what is longer goes out in pieces, each read when the last was taken. */
const VALUES_AT_ONCE = 25_000;

/** Steps of this and its multiples are read from sums. */
const SUMMED_STEP_MS = 900_000;
/** Values of single points that are folded into one series, at once and in all. */
const FOLDED_AT_ONCE = 100_000;
const FOLDED_VALUES_MAX = 5_000_000;

const idsSchema = z.array(z.string().max(129)).min(1).max(POINTS_SELECTED_MAX);
const selectorSchema = z.strictObject({
  points: idsSchema.optional(),
  device: z.string().optional(),
  class: z.string().optional(),
  site: z.string().optional(),
  measurement: z.string().optional(),
});

const querySchema = z.strictObject({
  points: z.union([idsSchema, selectorSchema]).optional(),
  selector: selectorSchema.optional().meta({ description: 'the same as an object in `points`' }),
  ...rangeFields,
  step: durationSchema,
  aggregate: z.enum(['min', 'max', 'mean', 'sum', 'last', 'count']).default('mean'),
  across: z.enum(['sum', 'mean', 'max']).optional().meta({ description: 'folds all points into one series' }),
});

export function queryRoutes(door: Door): readonly Route[] {
  const { store, now } = door;
  return [
    route({
      method: 'POST',
      path: '/api/v1/query',
      access: 'viewer',
      tag: 'readings',
      summary: 'Many points in equal steps, each or folded into one',
      body: querySchema,
      answer: z.object({
        series: z.array(
          z.object({
            point: z.string().optional(),
            values: z.array(
              z.object({ ts: isoSchema, value: z.number(), count: z.number(), worstQuality: z.enum(QUALITIES) }),
            ),
          }),
        ),
      }),
      async handle({ body, reply }) {
        const range = rangeOf(body, now());
        const points = await selectPoints(door, body.points ?? body.selector);
        const slots = Math.ceil((range.to - range.from) / body.step);
        const values = slots * (body.across === undefined ? points.length : 1);
        if (slots > SLOTS_MAX || values > VALUES_MAX)
          throw new Problem(
            'query-too-large',
            `${points.length} points in ${slots} steps: at most ${SLOTS_MAX} steps and ${VALUES_MAX} values. Take a longer step, a shorter range, or \`across\`.`,
          );
        const { step: stepMs, aggregate, across } = body;
        const plain = points.map((point) => plainPoint(point, range));
        if (across !== undefined && plain.includes(undefined))
          throw new Problem('input-invalid', 'Points of assets whose instrument changed can not be folded into one.', {
            errors: [{ path: 'body.across', found: across, allowed: 'points with one instrument over the range' }],
          });
        const query = { ...range, stepMs, aggregate };
        if (across !== undefined) {
          const dense = plain.flatMap((point) => point?.id ?? []);
          const folded = dense.length === 0 ? [] : await acrossOf(store, { ...query, points: dense, across }, slots);
          return { series: folded.map(({ values }) => ({ values: values.map(viewValue) })) };
        }
        const pieces = inPieces(door, points, query, Math.max(1, Math.floor(VALUES_AT_ONCE / slots)));
        // What can not be answered says so before the answer begins.
        const { value: first = [] } = await pieces.next();
        if (first.length === points.length) return { series: first };
        return reply
          .type('application/json; charset=utf-8')
          .send(Readable.from(textOf(first, pieces), { objectMode: false }));
      },
    }),
  ];
}

/** Steps that are no sums yet are read for some points after the other: of hundreds at once they are more than one read may take. */
async function acrossOf(
  store: Pick<Door['store'], 'query'>,
  query: SeriesQuery & { readonly across: NonNullable<SeriesQuery['across']> },
  slots: number,
): Promise<readonly Series[]> {
  const { across, points, ...each } = query;
  const isSummed = query.stepMs % SUMMED_STEP_MS === 0 && query.from % SUMMED_STEP_MS === 0;
  if (isSummed || slots * points.length > FOLDED_VALUES_MAX) return store.query(query);
  const pointsAtOnce = Math.max(1, Math.floor(FOLDED_AT_ONCE / slots));
  const fold = new Fold();
  for (let from = 0; from < points.length; from += pointsAtOnce)
    fold.add(await store.query({ ...each, points: points.slice(from, from + pointsAtOnce) }));
  return [{ values: fold.end(across) }];
}

interface SeriesView {
  readonly point: string;
  readonly values: readonly ReturnType<typeof viewValue>[];
}

/** Series of some points after the other; between two pieces nobody holds a reader of the store. */
async function* inPieces(
  door: Door,
  points: readonly Selected[],
  query: Omit<SeriesQuery, 'points' | 'across'>,
  pointsAtOnce: number,
): AsyncGenerator<readonly SeriesView[], undefined> {
  for (let from = 0; from < points.length; from += pointsAtOnce) {
    const piece = points.slice(from, from + pointsAtOnce);
    const plain = piece.map((point) => plainPoint(point, query)?.id);
    const dense = plain.filter((id) => id !== undefined);
    const together = dense.length === 0 ? [] : await door.store.query({ ...query, points: dense });
    const byPoint = new Map(together.map(({ point, values }) => [point, values]));
    const series: SeriesView[] = [];
    for (const [index, point] of piece.entries()) {
      const values = byPoint.get(plain[index]) ?? (await seriesOf(door, point, query));
      series.push({ point: point.id, values: values.map(viewValue) });
    }
    yield series;
  }
}

/** The same answer as text; a failure on the way breaks the connection, so that a part is never taken for the whole. */
async function* textOf(
  first: readonly SeriesView[],
  rest: AsyncIterable<readonly SeriesView[]>,
): AsyncGenerator<string> {
  const listed = (series: readonly SeriesView[]) => series.map((each) => JSON.stringify(each)).join(',');
  yield `{"series":[${listed(first)}`;
  for await (const series of rest) yield `,${listed(series)}`;
  yield ']}';
}

function viewValue(value: Series['values'][number]) {
  return { ...value, ts: formatTime(value.ts) };
}
