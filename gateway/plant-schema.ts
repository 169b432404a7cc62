import { z } from 'zod';
import { idSchema } from '../contract/reading.ts';
import { durationSchema } from '../contract/settings.ts';
import { isUnit, parseQuantity } from '../contract/units.ts';
import { CRS, type Crs } from './domain/coordinates.ts';
import { whenSchema } from './schedule-config.ts';

const DAY_MS = 86_400_000;
const delaySchema = durationSchema({ minMs: 0, maxMs: 31 * DAY_MS });
const textSchema = z.string().min(1).max(400);
/** Titles of alarms: brief, 8. */
const titleSchema = z.string().min(1).max(90);

export const unitSchema = z.string().refine(isUnit, 'a UCUM symbol we know, such as m3/h, kPa, Cel, [ppm], %');

const quantityWords = 'a number, or a number with its unit such as 80 m3/h or 70 [ppm]';
export const quantitySchema = z.union([z.number(), z.string()], { error: quantityWords }).transform((text, context) => {
  const quantity = parseQuantity(text);
  if (quantity !== undefined) return quantity;
  context.addIssue({ code: 'custom', message: quantityWords });
  return z.NEVER;
});
export type Quantity = z.output<typeof quantitySchema>;

/** A setpoint that follows an attribute of the device: `{attribute: ratedKVA, factor: 1.2, unit: kV.A}`. */
const fromAttributeSchema = z.strictObject({
  attribute: z.string().min(1).describe('Number in the attributes of the device; without it the alarm does not exist'),
  factor: z.number().default(1),
  plus: z.number().default(0),
  unit: unitSchema.optional().describe('Unit of the result'),
});
export const setpointSchema = z.union([fromAttributeSchema, quantitySchema], {
  error: `${quantityWords}, or {attribute, factor, plus, unit}`,
});

const deadbandWords = 'a number from 0, with unit or with %: 2 m3/h, 5 %';
const deadbandSchema = z.union([z.number(), z.string()], { error: deadbandWords }).transform((text, context) => {
  const quantity = parseQuantity(text);
  if (quantity !== undefined && quantity.value >= 0) return quantity;
  context.addIssue({ code: 'custom', message: deadbandWords });
  return z.NEVER;
});

export const LIMIT_KINDS = ['high', 'high-high', 'low', 'low-low'] as const;

const lengthSchema = durationSchema({ minMs: 1000, maxMs: 31 * DAY_MS });
const thresholdSchema = z.number().default(0.5).describe('Above it counts as on');

const pointNameSchema = z
  .string()
  .min(1)
  .max(140)
  .describe('Measurement of the same device, <device>/<measurement>, or {attribute}/<measurement>');
const celSchema = z
  .string()
  .min(1)
  .max(1000)
  .describe(
    'CEL over measurements and numeric attributes of the device, as doubles; sunElevation in degrees, scheduleLevel in percent, hourOfDay',
  );

/** How an alarm that is no plain limit finds its truth; one of these forms. */
export const testSchema = z
  .union(
    [
      z.enum(['above', 'below']).transform((type) => ({ limit: type })),
      z.strictObject({ equals: z.array(z.number()).min(1).describe('Values of a discrete point') }),
      z.strictObject({
        outside: z.tuple([z.number(), z.number()]).describe('What the value can be, low and high'),
        sentinels: z.array(z.number()).default([]).describe('Words that mean "no value"'),
      }),
      z.strictObject({
        rate: lengthSchema.describe('Window over which the change is measured'),
        per: lengthSchema.prefault('1m').describe('The setpoint is a change in this time'),
        direction: z.enum(['rise', 'fall', 'either']).default('rise'),
      }),
      z.strictObject({
        mean: lengthSchema.describe('Window of the time-weighted mean'),
        direction: z.enum(['above', 'below']).default('above'),
      }),
      z.strictObject({
        frozen: z.literal(true).describe('The same value again and again for the on-delay'),
        exemptUpTo: z.number().min(0).optional().describe('Values up to this may stand still: zero flow at night'),
      }),
      z.strictObject({
        counter: z.literal(true).describe('Went back or leapt'),
        maxPerHour: z.number().positive().optional(),
        wrapAt: z.number().positive().optional().describe('Where the counter starts again from 0'),
      }),
      z.strictObject({
        count: z.number().int().min(2).max(1000).describe('This many within the window'),
        window: lengthSchema,
        of: z.enum(['starts', 'changes']).default('starts'),
        threshold: thresholdSchema,
      }),
      z.strictObject({
        deviationFrom: pointNameSchema,
        percent: z.boolean().default(false).describe('The setpoint is in percent of the other'),
      }),
      z.strictObject({
        feedback: pointNameSchema,
        threshold: thresholdSchema,
      }),
      z.strictObject({
        shareOf: idSchema.describe('This measurement of all devices whose upstream is this one'),
        side: z.enum(['above', 'below']).default('below'),
        limit: z.number().describe('Beyond it a member counts; the setpoint is in percent of the members'),
      }),
      z.strictObject({
        cel: celSchema,
        instead: z
          .record(idSchema, z.union([z.number(), z.literal('scheduleLevel')]))
          .default({})
          .describe('What counts for a measurement that the device does not have'),
      }),
      z.strictObject({
        evenings: z.number().int().min(2).max(14).describe('On so many evenings in a row, at each for `held`'),
        cel: celSchema,
        fine: celSchema.describe('True when it works: ends the count'),
        held: lengthSchema.prefault('5m'),
        instead: z.record(idSchema, z.union([z.number(), z.literal('scheduleLevel')])).default({}),
      }),
      z.strictObject({
        nights: z.number().int().min(1).max(31).describe('So many nights in a row; the setpoint is in percent'),
        against: z.string().min(1).max(64).describe('Attribute with the power at full level, in the unit of the point'),
        model: z
          .enum(['schedule', 'level'])
          .default('schedule')
          .describe('Full level by the schedule, or by the measured level while it is above 98 %'),
        direction: z.enum(['above', 'below', 'either']).default('either'),
      }),
      z.strictObject({
        baseline: z.number().min(1.05).max(10).describe('Beyond this multiple of its own usual value'),
        floor: z.number().min(0).describe('Never below this, in the unit of the point'),
        beside: pointNameSchema.optional().describe('Only while this other point was above `wet` in the last hours'),
        wet: z.number().default(0),
        within: lengthSchema.prefault('2h'),
      }),
      z.strictObject({
        runOf: idSchema.describe('This measurement of the devices downstream, in the order of their attribute `pole`'),
        side: z.enum(['above', 'below']).default('below'),
        limit: z.number().describe('Beyond it a member counts as out'),
        count: z.number().int().min(2).max(100).default(3).describe('So many neighbours'),
        of: z
          .enum(['neighbours', 'rest'])
          .default('neighbours')
          .describe(
            'neighbours: anywhere, also along one phase; rest: all from one pole to the end, and none before it',
          ),
        current: idSchema.optional().describe('rest: current of the circuit; silent members count when it has fallen'),
      }),
      z.strictObject({
        integralOf: idSchema.describe('Flow whose sum over a day must fit this counter; the setpoint is in percent'),
        least: z
          .number()
          .min(0)
          .default(1)
          .describe('Days with less than this say nothing, in the unit of the counter'),
      }),
      z.strictObject({
        profile: z
          .enum(['above', 'below', 'either'])
          .describe('Compared with what this hour of the week usually shows'),
        floor: z.number().positive().describe('Smallest spread believed, in the unit of the point'),
      }),
    ],
    {
      error:
        'above, below, or one of {equals}, {outside}, {rate}, {mean}, {frozen}, {counter}, {count, window}, {deviationFrom}, {feedback}, {shareOf, limit}, {cel}, {profile, floor}, {evenings, cel, fine}, {nights, against}, {baseline, floor}, {runOf, limit}, {integralOf}',
    },
  )
  .describe('How its truth is found; a plain limit when absent');
export type TestSettings = z.output<typeof testSchema>;

const alarmKeys = {
  point: idSchema.describe('Measurement it watches'),
  kind: idSchema.describe('Name of the fault; high, high-high, low and low-low are plain limits by themselves'),
  test: testSchema,
  when: z
    .union([whenSchema.transform((one) => [one]), z.array(whenSchema).min(1).max(8)], {
      error:
        'always, schedule-on, schedule-off, dark, daylight, sun-up, sun-down, {calendar: …}, {notCalendar: …}, {lit: 10m}, {settled: 10m}, {between: 22:00..05:00}, or a list of these',
    })
    .describe('Looked at only while all of this is so; otherwise the condition is false'),
  explains: z
    .array(idSchema)
    .describe('A root alarm: explains all alarms downstream, and those of this asset of these kinds'),
  standsAlone: z.boolean().describe('Never explained by what is upstream: a danger rings also while the power is away'),
  name: idSchema.optional().describe('Tells several alarms of one kind on one point apart'),
  setpoint: setpointSchema.describe('Trips strictly beyond it'),
  deadband: deadbandSchema.describe('How far the value must come back; in % of the setpoint, or in its unit'),
  onDelay: delaySchema.describe('How long it must hold before it is raised'),
  offDelay: delaySchema.describe('How long it must be gone before it returns'),
  priority: z
    .union([z.literal(1), z.literal(2), z.literal(3), z.literal(4)], { error: '1 critical, 2 high, 3 medium or 4 low' })
    .describe('1 critical, 2 high, 3 medium, 4 low'),
  latch: z.boolean().describe('Stays until a person resets it'),
  reAlarm: durationSchema({ minMs: 60_000, maxMs: 31 * DAY_MS }).describe(
    'Acknowledged and still there after this: rings again',
  ),
  escalate: z
    .strictObject({
      after: durationSchema({ minMs: 60_000, maxMs: 31 * DAY_MS }),
      priority: z.union([z.literal(1), z.literal(2), z.literal(3)], { error: '1, 2 or 3' }),
    })
    .describe('Still in alarm after this: this priority from then on, and it rings again whoever acknowledged it'),
  title: titleSchema.describe('What, in words; the figures follow'),
  titleZh: titleSchema,
  response: textSchema.describe('What to do; its first sentence goes into messages'),
  responseZh: textSchema,
  cause: textSchema.describe('What is usually behind it'),
  causeZh: textSchema,
  consequence: textSchema.describe('What happens when nobody acts'),
  consequenceZh: textSchema,
  timeToRespond: delaySchema.describe('How long people have; by priority unless said: 10m, 4h, 7d, 30d'),
  basis: textSchema.describe('Where the numbers come from: standard and clause, or engineering default'),
};

/** An alarm of a class: complete, with defaults. */
export const classAlarmSchema = z.strictObject({
  ...alarmKeys,
  name: alarmKeys.name,
  test: alarmKeys.test.optional(),
  when: alarmKeys.when.optional(),
  explains: alarmKeys.explains.optional(),
  setpoint: alarmKeys.setpoint.optional(),
  deadband: alarmKeys.deadband.optional(),
  onDelay: alarmKeys.onDelay.prefault('0s'),
  offDelay: alarmKeys.offDelay.prefault('0s'),
  latch: alarmKeys.latch.default(false),
  standsAlone: alarmKeys.standsAlone.default(false),
  reAlarm: alarmKeys.reAlarm.optional(),
  escalate: alarmKeys.escalate.optional(),
  titleZh: alarmKeys.titleZh.optional(),
  response: alarmKeys.response,
  responseZh: alarmKeys.responseZh.optional(),
  cause: alarmKeys.cause.optional(),
  causeZh: alarmKeys.causeZh.optional(),
  consequence: alarmKeys.consequence.optional(),
  consequenceZh: alarmKeys.consequenceZh.optional(),
  timeToRespond: alarmKeys.timeToRespond.optional(),
  basis: alarmKeys.basis.optional(),
});

const { point, kind, name, ...fields } = alarmKeys;
const overrideKeys = {
  kind,
  name,
  ...z.strictObject(fields).partial().shape,
  enabled: z.boolean().default(true).describe('false switches the alarm of the class off'),
};

/** What a device file says about one alarm; with the kind and point of a class alarm it changes that one. */
export const deviceAlarmSchema = z.strictObject({ point, ...overrideKeys });

/** The same in gateway.yaml, where the point names its device. */
export const alarmOverrideSchema = z.strictObject({
  point: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}\/[A-Za-z0-9._-]{1,64}$/, '<device>/<measurement>')
    .describe('<device>/<measurement>'),
  ...overrideKeys,
});

const labelsSchema = z.record(z.string().regex(/^-?\d{1,6}$/, 'a whole number'), z.string().min(1).max(40));

export const pointSchema = z.strictObject({
  unit: unitSchema.optional().describe('UCUM symbol'),
  label: z.string().min(1).max(60).optional(),
  labelZh: z.string().min(1).max(60).optional(),
  every: durationSchema({ minMs: 20, maxMs: 31 * DAY_MS })
    .optional()
    .describe('How often a reading is expected'),
  maxSilence: durationSchema({ minMs: 1000, maxMs: 366 * DAY_MS })
    .optional()
    .describe(
      'Older than this the value is stale; three times `every` unless said otherwise, or 5m; the alarm about a point without any of these learns its interval',
    ),
  reportingDelay: durationSchema({ minMs: 0, maxMs: 31 * DAY_MS })
    .optional()
    .describe('How long readings may be under way in normal operation: 26h for a logger that reports daily'),
  normal: z
    .tuple([z.number(), z.number()], { error: 'two numbers, low and high' })
    .refine(([low, high]) => low <= high, 'low must not be above high')
    .optional()
    .describe('Band drawn behind the value, in its unit'),
  labels: labelsSchema.optional().describe('What whole numbers of a contact or code mean: {0: open, 1: closed}'),
  labelsZh: labelsSchema.optional(),
});

export const classSchema = z.strictObject({
  class: idSchema.describe('Name of the class, also of its file'),
  label: z.string().min(1).max(60),
  labelZh: z.string().min(1).max(60).optional(),
  points: z.record(idSchema, pointSchema).default({}),
  attributes: z
    .record(
      z.string().regex(/^[A-Za-z_]\w{0,63}$/, 'a name of letters, digits and _'),
      z.strictObject({
        label: z.string().min(1).max(100),
        unit: unitSchema.optional(),
        default: z
          .number()
          .optional()
          .describe('Without it, alarms that need the attribute exist only where it is given'),
      }),
    )
    .default({})
    .describe('Numbers of a device that its alarms use'),
  alarms: z.array(classAlarmSchema).default([]),
});

export const deviceSchema = z
  .strictObject({
    id: idSchema,
    class: idSchema.default('generic').describe('A file of gateway/classes/ or of the folders in classes:'),
    name: z.string().min(1).max(100).optional(),
    nameZh: z.string().min(1).max(100).optional(),
    model: z.string().min(1).max(64).optional(),
    site: idSchema.optional(),
    location: z.string().min(1).max(100).optional().describe('Zone or place in words'),
    locationZh: z.string().min(1).max(100).optional().describe('The same in Chinese, for Chinese messages and pages'),
    latitude: z.number().min(-90).max(90).optional(),
    longitude: z.number().min(-180).max(180).optional().describe('East is positive'),
    crs: z.enum(CRS).optional().describe('System of latitude and longitude; that of gateway.yaml unless said'),
    upstream: idSchema.optional().describe('What it hangs on: feeder, cabinet, substation'),
    schedule: idSchema
      .optional()
      .describe('When it should be on: a name of schedules: in gateway.yaml; that of what it hangs on unless said'),
    edge: idSchema.optional().describe('Edge it hangs on'),
    line: idSchema.optional().describe('Line of that edge'),
    attributes: z.record(z.string().min(1).max(64), z.union([z.string(), z.number(), z.boolean()])).default({}),
    points: z.record(idSchema, pointSchema).default({}),
    alarms: z.array(deviceAlarmSchema).default([]),
  })
  .refine(({ latitude, longitude }) => (latitude === undefined) === (longitude === undefined), {
    error: 'latitude and longitude, or neither',
    path: ['latitude'],
  });

export type ClassAlarm = z.output<typeof classAlarmSchema>;
export type DeviceAlarm = z.output<typeof deviceAlarmSchema>;
export type AssetClass = z.output<typeof classSchema>;
/** Read with its coordinates in WGS-84. */
export type DeviceFileEntry = z.output<typeof deviceSchema> & { readonly sourceCrs?: Crs };
export type PointSettings = z.output<typeof pointSchema>;
