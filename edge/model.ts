import { z } from 'zod';
import type { Checked, Mistake } from '../contract/mistakes.ts';
import { idSchema, REASONS, type Reason } from '../contract/reading.ts';
import { durationSchema } from '../contract/settings.ts';
import { isUnit, type UnitSymbol } from '../contract/units.ts';
import { readYaml } from '../contract/yaml.ts';

/** The four Modbus tables and the function code that reads each (MODBUS Application Protocol V1.1b3, 6.1-6.4). */
export const TABLES = { coils: 1, 'discrete-inputs': 2, 'holding-registers': 3, 'input-registers': 4 } as const;
export type Table = keyof typeof TABLES;

/** Length of each type in registers; a string names its own. */
export const TYPE_REGISTERS = {
  bool: 1,
  int16: 1,
  uint16: 1,
  bcd16: 1,
  int32: 2,
  uint32: 2,
  float32: 2,
  bcd32: 2,
  int64: 4,
  uint64: 4,
  float64: 4,
  string: 0,
} as const;
export type PointType = keyof typeof TYPE_REGISTERS;

/**
 * Order of the bytes on the wire, A the most significant. The four-letter names serve every length: `CDAB` is
 * "low word first" (64 bits: GHEFCDAB), `DCBA` "low byte first", `BADC` "bytes swapped in each word".
 */
export const ORDERS = [
  'ABCD',
  'CDAB',
  'BADC',
  'DCBA',
  'ABCDEFGH',
  'GHEFCDAB',
  'BADCFEHG',
  'HGFEDCBA',
  'CDABGHEF',
  'EFGHABCD',
] as const;
export type Order = (typeof ORDERS)[number];

const lengthOfTime = durationSchema({ minMs: 1, maxMs: 86_400_000 });

/** What a device is; decides which points may be reported by exception. */
export const DEVICE_CLASSES = [
  'flow-meter',
  'pressure',
  'level',
  'power-meter',
  'transformer',
  'residual-current',
  'lighting-cabinet',
  'lamp-controller',
  'drive',
  'gas-sensor',
  'weather',
  'climate',
  'ups',
  'io-module',
  'other',
] as const;
export type DeviceClass = (typeof DEVICE_CLASSES)[number];

const unitSchema = z
  .string()
  .refine(isUnit, 'a UCUM symbol of contract/units.ts, for example m3/h, kPa, Cel, %')
  .transform((text) => text as UnitSymbol);
const reasonSchema = z.enum(REASONS).refine((reason) => reason !== '', 'a reason');
const numberPair = z.tuple([z.number(), z.number()]).refine(([low, high]) => low <= high, 'low before high');
const codeKey = z.string().regex(/^(?:\d+|0x[0-9a-fA-F]+)$/, 'a raw value, decimal or 0x…');

const limitsSchema = z.strictObject({
  /** Most registers one request may ask for; the protocol allows 125. */
  maxRegisters: z.number().int().min(1).max(125).default(125),
  /** Most coils or discrete inputs of one request; the protocol allows 2000. */
  maxBits: z.number().int().min(1).max(2000).default(2000),
  /** Unread registers (or bits) we may read along between two wanted ones. */
  gap: z.number().int().min(0).max(124).default(0),
  /** The device answers only one value a request. */
  onePointPerRequest: z.boolean().default(false),
  /** Coils and discrete inputs can only be read from address 0. */
  bitsFromZero: z.boolean().default(false),
  /** Ranges that must never be asked for, not even in a gap. */
  illegal: z
    .array(
      z.strictObject({
        table: z.enum(Object.keys(TABLES) as [Table, ...Table[]]),
        from: z.number().int().min(0).max(65_535),
        to: z.number().int().min(0).max(65_535),
      }),
    )
    .default([]),
});
export type Limits = z.infer<typeof limitsSchema>;

const quirksSchema = z.strictObject({
  /** Sleeps when not asked for this long: the first request after it is lost and repeated at once. */
  wakeUpAfter: lengthOfTime.optional(),
  /** Silence the device needs before each request. */
  pauseBeforeRequest: lengthOfTime.optional(),
  timeout: lengthOfTime.optional(),
});
export type Quirks = z.infer<typeof quirksSchema>;

const registerSchema = z.number().int().min(0).max(65_535);
const pointDefaultsSchema = z.strictObject({
  table: z.enum(Object.keys(TABLES) as [Table, ...Table[]]).optional(),
  type: z.enum(Object.keys(TYPE_REGISTERS) as [PointType, ...PointType[]]).optional(),
  order: z.enum(ORDERS).optional(),
  unit: unitSchema.optional(),
  scale: z.number().optional(),
  group: idSchema.optional(),
  source: z.string().optional(),
  page: z.union([z.string(), z.number()]).optional(),
});

const pointSchema = pointDefaultsSchema.extend({
  /** Address on the wire, 0-based. */
  address: registerSchema.optional(),
  /** What people read. */
  label: z.string().max(120).optional(),
  /** Length of a string in registers. */
  registers: z.number().int().min(1).max(60).optional(),
  /** One bit of a register (0 = least significant), delivered as 0 or 1. */
  bit: z.number().int().min(0).max(63).optional(),
  /** A field of bits, lowest and highest, delivered as a number. */
  bits: z.tuple([z.number().int().min(0).max(63), z.number().int().min(0).max(63)]).optional(),
  /** The bit or coil means the opposite. */
  inverted: z.boolean().optional(),
  offset: z.number().optional(),
  /** Raw (unsigned) values that are no measurement, and what they mean. */
  sentinels: z.record(codeKey, reasonSchema).optional(),
  /** Believable engineering values; outside there is no value. */
  range: numberPair.optional(),
  labels: z.record(codeKey, z.string()).optional(),
  /** Measurement holding the fraction of this integer total; both are read in one request. */
  plus: idSchema.optional(),
  /** Measurements (ratios of transformers, multipliers) this value is multiplied by. */
  scaleBy: z.array(idSchema).max(4).optional(),
  /** Measurement telling the number of decimals: the raw value is divided by ten to its power. */
  decimalsFrom: idSchema.optional(),
  /** Measurement telling a power of ten this value is multiplied by. */
  exponentFrom: idSchema.optional(),
  /** Measurement telling the unit as a code. */
  unitFrom: z.strictObject({ point: idSchema, units: z.record(codeKey, unitSchema) }).optional(),
  /** Value of a configuration point until (or unless) the device tells. */
  assume: z.number().optional(),
  /** Part of another point or of the configuration, not a measurement of its own. */
  hidden: z.boolean().optional(),
  /** May be written by command, within this range. */
  writable: z
    .strictObject({ range: numberPair, function: z.enum(['single', 'multiple']).default('single') })
    .optional(),
});

const asciiSchema = z.strictObject({
  /** What to send for a value; without it the instrument streams by itself. `\r`, `\n`, `\x02` are understood. */
  prompt: z.string().max(64).optional(),
  terminator: z.string().min(1).max(8).default('\\r\\n'),
  /** A regular expression with named groups, one per measurement (`-` and `.` of an id written as `_`). */
  pattern: z.string().max(400),
});

const modelSchema = z.strictObject({
  model: idSchema,
  name: z.string().min(3).max(120),
  maker: z.string().max(60),
  class: z.enum(DEVICE_CLASSES),
  /** Where the facts come from: key -> title and address of the document. */
  sources: z.record(z.string(), z.string().min(5)),
  /** What is not known or only inferred, said plainly. */
  notes: z.array(z.string()).default([]),
  /** How the device leaves the factory; information for the person who wires it. */
  serial: z
    .strictObject({
      baud: z.number().int(),
      parity: z.enum(['none', 'even', 'odd']).default('none'),
      unitId: z.number().int().optional(),
    })
    .optional(),
  limits: limitsSchema.prefault({}),
  quirks: quirksSchema.prefault({}),
  /** How often each group is read, unless the edge's file says otherwise; `normal` follows the device's `every`. */
  groups: z.record(idSchema, lengthOfTime).default({}),
  ascii: asciiSchema.optional(),
  defaults: pointDefaultsSchema.default({}),
  points: z.record(idSchema, pointSchema),
});

/** One measurement of a device model, with every default filled in. */
export interface PointModel {
  readonly id: string;
  readonly label: string;
  readonly table: Table;
  /** 0-based address on the wire. */
  readonly address: number;
  readonly type: PointType;
  /** Length in registers, or in bits for coils and discrete inputs. */
  readonly length: number;
  readonly order: Order;
  readonly unit: UnitSymbol;
  readonly scale: number;
  readonly offset: number;
  readonly bit?: number;
  readonly bits?: readonly [number, number];
  readonly inverted: boolean;
  /** Raw unsigned value -> why it is none. */
  readonly sentinels?: ReadonlyMap<number, Reason>;
  readonly range?: readonly [number, number];
  readonly labels?: ReadonlyMap<number, string>;
  readonly group: string;
  readonly plus?: string;
  readonly scaleBy: readonly string[];
  readonly decimalsFrom?: string;
  readonly exponentFrom?: string;
  readonly unitFrom?: { readonly point: string; readonly units: ReadonlyMap<number, UnitSymbol> };
  readonly assume?: number;
  readonly hidden: boolean;
  readonly writable?: { readonly range: readonly [number, number]; readonly function: 'single' | 'multiple' };
  /** Document and page. */
  readonly source: string;
}

/** A kind of device: its registers and its manners. */
export interface DeviceModel {
  readonly id: string;
  readonly name: string;
  readonly maker: string;
  readonly class: DeviceClass;
  readonly notes: readonly string[];
  readonly limits: Limits;
  readonly quirks: Quirks;
  readonly groups: Readonly<Record<string, number>>;
  readonly ascii?: z.infer<typeof asciiSchema>;
  readonly points: readonly PointModel[];
}

/** YAML text of one model file to a model, or every mistake in it. */
export function parseModel(file: string, text: string): Checked<DeviceModel> {
  const parsed = readYaml(modelSchema, text, file);
  if (parsed.value === undefined) return { mistakes: parsed.mistakes };
  const mistakes: Mistake[] = [];
  const wrong = (path: string, found: string, allowed: string) => mistakes.push({ file, path, found, allowed });
  const raw = parsed.value;
  const points = Object.entries(raw.points).map(([id, point]) => fillPoint(id, point, raw, wrong));
  checkReferences(points, raw, wrong);
  if (raw.ascii !== undefined) checkPattern(raw.ascii.pattern, points, wrong);
  if (mistakes.length > 0) return { mistakes };
  const { model: id, name, maker, class: deviceClass, notes, limits, quirks, groups, ascii } = raw;
  const value = { id, name, maker, class: deviceClass, notes, limits, quirks, groups, points };
  return { value: ascii === undefined ? value : { ...value, ascii }, mistakes };
}

function checkPattern(pattern: string, points: readonly PointModel[], wrong: Wrong): void {
  try {
    new RegExp(pattern);
  } catch (error) {
    wrong('ascii.pattern', (error as Error).message, 'a regular expression');
    return;
  }
  for (const { id } of points) {
    const group = id.replaceAll(/[-.]/g, '_');
    if (!pattern.includes(`(?<${group}>`))
      wrong('ascii.pattern', `no group (?<${group}>…)`, 'one named group for each measurement');
  }
}

type RawModel = z.infer<typeof modelSchema>;
type RawPoint = z.infer<typeof pointSchema>;
type Wrong = (path: string, found: string, allowed: string) => void;

function fillPoint(id: string, point: RawPoint, model: RawModel, wrong: Wrong): PointModel {
  const path = `points.${id}`;
  const merged = { ...model.defaults, ...point };
  const table = merged.table ?? 'holding-registers';
  const isBits = table === 'coils' || table === 'discrete-inputs';
  const type = isBits ? 'bool' : (merged.type ?? 'uint16');
  if (type === 'bool' && !isBits)
    wrong(`${path}.type`, 'bool', 'coils and discrete-inputs only; use `bit` on a register');
  if (type === 'string' && merged.registers === undefined)
    wrong(`${path}.registers`, 'nothing', 'length of the string');
  if (model.ascii === undefined && point.address === undefined) wrong(`${path}.address`, 'nothing', '0..65535');
  const length = type === 'string' ? (merged.registers ?? 1) : TYPE_REGISTERS[type];
  const address = point.address ?? 0;
  if (address + length > 65_536) wrong(`${path}.address`, String(address), 'the value must end below 65536');
  const widest = length * 16 - 1;
  if ((merged.bit ?? 0) > widest) wrong(`${path}.bit`, String(merged.bit), `0..${widest}`);
  if (merged.bits !== undefined && (merged.bits[1] > widest || merged.bits[0] > merged.bits[1]))
    wrong(`${path}.bits`, JSON.stringify(merged.bits), `lowest and highest bit, 0..${widest}`);
  if (merged.order !== undefined && merged.order.length === 8 && length !== 4)
    wrong(`${path}.order`, merged.order, 'four letters unless the value has 64 bits');
  const sourceKey = merged.source ?? Object.keys(model.sources)[0] ?? '';
  const source = model.sources[sourceKey];
  if (source === undefined) wrong(`${path}.source`, sourceKey || 'nothing', 'a key of sources');
  const numbered = <T>(record: Readonly<Record<string, T>> | undefined) =>
    record === undefined
      ? undefined
      : new Map(Object.entries(record).map(([code, meaning]) => [Number(code), meaning]));
  const sentinels = numbered(merged.sentinels);
  const labels = numbered(merged.labels);
  return {
    id,
    label: merged.label ?? id,
    table,
    address,
    type,
    length,
    order: merged.order ?? 'ABCD',
    unit: merged.unit ?? '1',
    scale: merged.scale ?? 1,
    offset: merged.offset ?? 0,
    inverted: merged.inverted ?? false,
    group: merged.group ?? 'normal',
    scaleBy: merged.scaleBy ?? [],
    hidden: merged.hidden ?? false,
    source: merged.page === undefined ? (source ?? '') : `${source ?? ''}, p. ${merged.page}`,
    ...(merged.bit !== undefined && { bit: merged.bit }),
    ...(merged.bits !== undefined && { bits: merged.bits }),
    ...(sentinels !== undefined && { sentinels }),
    ...(merged.range !== undefined && { range: merged.range }),
    ...(labels !== undefined && { labels }),
    ...(merged.plus !== undefined && { plus: merged.plus }),
    ...(merged.decimalsFrom !== undefined && { decimalsFrom: merged.decimalsFrom }),
    ...(merged.exponentFrom !== undefined && { exponentFrom: merged.exponentFrom }),
    ...(merged.unitFrom !== undefined && {
      unitFrom: {
        point: merged.unitFrom.point,
        units: numbered(merged.unitFrom.units) as ReadonlyMap<number, UnitSymbol>,
      },
    }),
    ...(merged.assume !== undefined && { assume: merged.assume }),
    ...(merged.writable !== undefined && { writable: merged.writable }),
  };
}

function checkReferences(points: readonly PointModel[], model: RawModel, wrong: Wrong): void {
  const byId = new Map(points.map((point) => [point.id, point]));
  for (const point of points) {
    const path = `points.${point.id}`;
    const named = [...point.scaleBy, point.decimalsFrom, point.exponentFrom, point.unitFrom?.point, point.plus];
    for (const id of named) {
      if (id !== undefined && !byId.has(id)) wrong(path, id, 'a measurement of this model');
      if (id === point.id) wrong(path, id, 'another measurement than itself');
    }
    const fraction = point.plus === undefined ? undefined : byId.get(point.plus);
    if (fraction !== undefined) {
      const span =
        Math.max(point.address + point.length, fraction.address + fraction.length) -
        Math.min(point.address, fraction.address);
      if (fraction.table !== point.table || span > model.limits.maxRegisters)
        wrong(`${path}.plus`, fraction.id, 'a measurement that fits into the same request');
    }
    if (point.writable !== undefined && (point.table === 'discrete-inputs' || point.table === 'input-registers'))
      wrong(`${path}.writable`, point.table, 'coils or holding-registers');
    if (point.writable !== undefined && (point.bit !== undefined || point.bits !== undefined || point.length > 4))
      wrong(`${path}.writable`, 'a part of a register', 'a whole value: writing bits would overwrite their neighbours');
    if (point.group !== 'normal' && model.groups[point.group] === undefined)
      wrong(`${path}.group`, point.group, '`normal` or a key of groups');
    if (point.length > model.limits.maxRegisters && point.type !== 'bool')
      wrong(path, `${point.length} registers`, `at most maxRegisters (${model.limits.maxRegisters})`);
  }
}
