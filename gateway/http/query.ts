import { z } from 'zod';
import { QUALITIES } from '../../contract/reading.ts';
import { formatTime } from '../../contract/time.ts';
import type { Series } from '../store/store.ts';
import { POINTS_SELECTED_MAX, plainPoint, selectPoints, seriesOf } from './asset-points.ts';
import { durationSchema, isoSchema, present, rangeFields, rangeOf } from './inputs.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';

/** Slots of one series, and values of the whole answer (some 60 bytes each as JSON). */
const SLOTS_MAX = 20_000;
const VALUES_MAX = 1_000_000;

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
      async handle({ body }) {
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
        const dense = plain.flatMap((point) => point?.id ?? []);
        const together =
          dense.length === 0
            ? []
            : await store.query({ ...range, points: dense, stepMs, aggregate, ...present({ across }) });
        if (across !== undefined) return { series: together.map(({ values }) => ({ values: values.map(viewValue) })) };
        const byPoint = new Map(together.map(({ point, values }) => [point, values]));
        const series = [];
        for (const [index, point] of points.entries()) {
          const own = byPoint.get(plain[index]?.id);
          const values = own ?? (await seriesOf(door, point, { ...range, stepMs, aggregate }));
          series.push({ point: point.id, values: values.map(viewValue) });
        }
        return { series };
      },
    }),
  ];
}

function viewValue(value: Series['values'][number]) {
  return { ...value, ts: formatTime(value.ts) };
}
