import { z } from 'zod';
import { formatTime } from '../../contract/time.ts';
import { csvLine } from '../csv.ts';
import type { ZoneFigures } from '../domain/leakage/report.ts';
import { FiguresError, type LeakageFigures } from '../leakage-figures.ts';
import { isoSchema, momentSchema, present } from './inputs.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';

const figureView = z.object({
  value: z.number(),
  unit: z.string(),
  origin: z.enum(['measured', 'estimated', 'configured', 'assumed', 'computed']),
  basis: z.string().optional(),
});
const volumeView = figureView.extend({
  coverage: z.number().meta({ description: 'part of the time that is known, 0..1; the rest is filled with its mean' }),
  source: z.enum(['register', 'flow', 'mixed']).meta({ description: 'differences of counters, or integrated flow' }),
  resets: z.number().meta({ description: 'how often a counter was set back' }),
  doubtfulHours: z.number().meta({ description: 'meter hours with substituted, manual or estimated values' }),
});
const rateView = z.object({
  basis: z.enum(['gross', 'corrected']),
  percent: z.number(),
  grade: z.enum(['I', 'II', 'worse than II']).optional().meta({ description: 'CJJ 92, whole years only' }),
});
const missingView = z.array(z.object({ figure: z.string(), reason: z.string() }));
const balanceView = z.object({
  authorisedM3: z.number(),
  lossesM3: z.number(),
  apparentM3: z.number(),
  realM3: z.number(),
  nonRevenueM3: z.number(),
});

const zoneView = z.object({
  zone: z.string(),
  name: z.string().optional(),
  nameZh: z.string().optional().meta({ description: 'the same for people who read Chinese' }),
  period: z.string().meta({ description: 'local date, month or year' }),
  from: isoSchema,
  to: isoSchema,
  days: z.number().meta({ description: 'days with data' }),
  supplied: volumeView.optional(),
  registered: volumeView.optional(),
  balance: balanceView.optional(),
  rates: z.array(rateView),
  shown: z.enum(['gross', 'corrected']).optional().meta({ description: 'which of the rates is the one for headlines' }),
  nightFlow: figureView.optional(),
  nightFlowPercentile: figureView.optional(),
  legitimateNightUse: figureView.optional(),
  nightToDay: figureView.optional(),
  realLossByNight: figureView.optional(),
  background: figureView.optional(),
  pressure: figureView.optional(),
  uarl: figureView.optional(),
  ili: figureView.extend({ band: z.enum(['A', 'B', 'C', 'D']) }).optional(),
  missing: missingView.meta({ description: 'figures that are absent, and why' }),
});

const networkView = z.object({
  period: z.string(),
  zones: z.number().meta({ description: 'zones that have a gross rate' }),
  suppliedM3: z.number().optional(),
  realM3: z.number().optional(),
  rate: rateView.optional().meta({ description: 'of the zones, weighted by what they were supplied' }),
  missing: missingView,
});

/** Where nobody watches zones. */
const NO_FIGURES: Pick<LeakageFigures, 'zones' | 'figures'> = {
  zones: [],
  figures: () => Promise.resolve({ zones: [], network: [] }),
};

/** The range when none is asked for. */
const DEFAULT_MS = { day: 31 * 86_400_000, month: 366 * 86_400_000, year: 366 * 86_400_000 } as const;

/** What a utility reports of its water. */
export function leakageFigureRoutes(door: Door): readonly Route[] {
  const { now } = door;
  const figures = door.figures ?? NO_FIGURES;
  return [
    route({
      method: 'GET',
      path: '/api/v1/leakage/figures',
      access: 'viewer',
      tag: 'leakage',
      summary: 'Water balance, loss rate, night flow, background leakage, UARL and ILI by zone and for the network',
      query: z.strictObject({
        zone: z.string().optional(),
        from: momentSchema.optional(),
        to: momentSchema.optional(),
        period: z.enum(['day', 'month', 'year']).default('day'),
        format: z.enum(['json', 'csv']).default('json'),
      }),
      answer: z.object({ zones: z.array(zoneView), network: z.array(networkView) }),
      answerTypes: ['text/csv'],
      async handle({ query, reply }) {
        const { zone, period, format } = query;
        const to = query.to ?? now();
        const from = query.from ?? to - DEFAULT_MS[period];
        if (from >= to)
          throw new Problem('input-invalid', 'query.from must be before query.to', {
            errors: [{ path: 'query.from', found: formatTime(from), allowed: 'a time before `to`' }],
          });
        const zones = figures.zones.filter(({ id }) => zone === undefined || id === zone);
        if (zone !== undefined && zones.length === 0)
          throw new Problem('zone-unknown', `No zone ${zone} in which leaks are looked for.`);
        const found = await figures.figures(zones, { from, to, period }).catch((error: unknown) => {
          if (error instanceof FiguresError) throw new Problem(error.code, error.message);
          throw error;
        });
        const zoneAnswers = found.zones.map(zoneAnswer);
        if (format === 'csv') {
          void reply.header('content-disposition', `attachment; filename="figures-${period}.csv"`);
          return reply.type('text/csv; charset=utf-8').send(csvOf(zoneAnswers));
        }
        return {
          zones: zoneAnswers,
          network: found.network.map(({ label, suppliedM3, realM3, rate, zones: count, missing }) => ({
            period: label,
            zones: count,
            ...present({
              suppliedM3: suppliedM3 === undefined ? undefined : rounded(suppliedM3),
              realM3: realM3 === undefined ? undefined : rounded(realM3),
              rate: rate === undefined ? undefined : { ...rate, percent: rounded(rate.percent) },
            }),
            missing,
          })),
        };
      },
    }),
  ];
}

type ZoneAnswer = z.output<typeof zoneView>;

function zoneAnswer({ label, from, to, supplied, registered, balance, rates, ...rest }: ZoneFigures): ZoneAnswer {
  return {
    ...roundedAll(rest),
    period: label,
    from: formatTime(from),
    to: formatTime(to),
    ...present({
      supplied: supplied === undefined ? undefined : roundedAll(supplied),
      registered: registered === undefined ? undefined : roundedAll(registered),
      balance: balance === undefined ? undefined : roundedAll(balance),
    }),
    rates: rates.map((rate) => ({ ...rate, percent: rounded(rate.percent) })),
  } as ZoneAnswer;
}

/** Five digits of every number in it. */
function roundedAll<T>(value: T): T {
  if (typeof value === 'number') return rounded(value) as T;
  if (Array.isArray(value)) return value.map(roundedAll) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, roundedAll(entry)])) as T;
}

const rounded = (value: number): number =>
  // A volume is never coarser than a cubic metre: sums of zones and the network's must agree.
  Math.abs(value) >= 100_000 ? Math.round(value) : Number(value.toPrecision(5));

const COLUMNS: readonly (readonly [string, (row: ZoneAnswer) => string | number | undefined])[] = [
  ['zone', ({ zone }) => zone],
  ['period', ({ period }) => period],
  ['from', ({ from }) => from],
  ['to', ({ to }) => to],
  ['supplied m3', ({ supplied }) => supplied?.value],
  ['supplied origin', ({ supplied }) => supplied?.origin],
  ['supplied source', ({ supplied }) => supplied?.source],
  ['supplied coverage', ({ supplied }) => supplied?.coverage],
  ['registered m3', ({ registered }) => registered?.value],
  ['registered origin', ({ registered }) => registered?.origin],
  ['apparent losses m3', ({ balance }) => balance?.apparentM3],
  ['real losses m3', ({ balance }) => balance?.realM3],
  ['non-revenue m3', ({ balance }) => balance?.nonRevenueM3],
  ['gross rate %', ({ rates }) => rates.find(({ basis }) => basis === 'gross')?.percent],
  ['corrected rate %', ({ rates }) => rates.find(({ basis }) => basis === 'corrected')?.percent],
  ['grade', ({ rates }) => rates.find(({ grade }) => grade !== undefined)?.grade],
  ['rate shown', ({ shown }) => shown],
  ['night flow m3/h', ({ nightFlow }) => nightFlow?.value],
  ['night flow 20th percentile m3/h', ({ nightFlowPercentile }) => nightFlowPercentile?.value],
  ['legitimate night use m3/h', ({ legitimateNightUse }) => legitimateNightUse?.value],
  ['night-to-day h', ({ nightToDay }) => nightToDay?.value],
  ['real losses by night m3/day', ({ realLossByNight }) => realLossByNight?.value],
  ['background m3/h', ({ background }) => background?.value],
  ['pressure m', ({ pressure }) => pressure?.value],
  ['UARL m3/day', ({ uarl }) => uarl?.value],
  ['ILI', ({ ili }) => ili?.value],
  ['missing', ({ missing }) => missing.map(({ figure, reason }) => `${figure}: ${reason}`).join('; ')],
];

function csvOf(rows: readonly ZoneAnswer[]): string {
  const lines = rows.map((row) => csvLine(COLUMNS.map(([, of]) => String(of(row) ?? ''))));
  return `${[csvLine(COLUMNS.map(([name]) => name)), ...lines].join('\n')}\n`;
}
