import { z } from 'zod';
import { idSchema } from '../contract/reading.ts';
import type { Millis } from '../contract/time.ts';
import { CRS } from './domain/coordinates.ts';
import { SmallFile } from './small-file.ts';

/** Assets of one site, and bindings of one measurement of one asset over its life. */
const ASSETS_MAX = 100_000;
const BINDINGS_MAX = 1000;
/** Levels of the asset tree: district, system, zone, station, equipment, and as much again. */
const DEPTH_MAX = 10;

const wordsSchema = z.string().trim().min(1).max(200);

export const assetSchema = z.strictObject({
  id: idSchema,
  name: wordsSchema.optional(),
  nameZh: wordsSchema.optional(),
  class: idSchema.default('generic'),
  parent: idSchema.optional(),
  site: idSchema.optional(),
  location: wordsSchema.optional(),
  latitude: z.number().min(-90).max(90).optional(),
  longitude: z.number().min(-180).max(180).optional(),
  crs: z.enum(CRS).optional().meta({ description: 'system of the coordinates given here; WGS-84 unless said' }),
  sourceCrs: z.enum(CRS).optional().meta({ description: 'system they came in; what is kept and answered is WGS-84' }),
  attributes: z.record(idSchema, z.union([z.string().max(1000), z.number(), z.boolean()])).default({}),
});
/** A thing that stays while its instruments change: an inlet, a feeder, a tunnel section. */
export type Asset = z.output<typeof assetSchema>;

const bindingSchema = z.object({
  measurement: idSchema,
  device: idSchema,
  /** Measurement of the device. */
  source: idSchema,
  from: z.number(),
  to: z.number().optional(),
  scale: z.number(),
  offset: z.number(),
  finalReading: z.number().optional(),
  firstReading: z.number().optional(),
  who: z.string(),
  at: z.number(),
  note: z.string().optional(),
});
/** In [from, to) the asset's value is `scale * device's value + offset`; without `to` it goes on. */
export type Binding = z.output<typeof bindingSchema>;

const fileSchema = z.object({
  assets: z.array(assetSchema).max(ASSETS_MAX),
  bindings: z.record(z.string(), z.array(bindingSchema)),
});

/** What a person wants bound. */
export interface BindRequest {
  readonly asset: string;
  readonly measurement: string;
  /** The device point from `from` on; undefined ends the binding. */
  readonly to: { readonly device: string; readonly source: string } | undefined;
  readonly from: Millis;
  readonly scale: number;
  /** Of a counter: what the old meter showed at the end and the new one at the start; the total goes on over the change. */
  readonly finalReading?: number;
  readonly firstReading?: number;
  readonly who: string;
  readonly at: Millis;
  readonly note?: string;
}

/** A change that makes no sense; nothing changed. */
export class AssetError extends Error {
  readonly code: 'asset-unknown' | 'asset-taken' | 'asset-invalid' | 'binding-not-possible';
  constructor(code: AssetError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** The assets of a site and which device points measure them, in `assets.json` of the data folder. */
export class AssetBook {
  private readonly file: SmallFile;
  private assets = new Map<string, Asset>();
  /** Key `<asset>/<measurement>`; ascending by `from`, never overlapping. */
  private bindings = new Map<string, readonly Binding[]>();
  /** Key `<device>/<measurement>` of the device: where it is bound now. */
  private bound = new Map<string, { readonly asset: Asset; readonly binding: Binding }>();
  private readonly everBound = new Set<string>();
  /** Device -> assets it measures for now. */
  private ofDevice = new Map<string, readonly string[]>();

  /**
   * @param file - undefined keeps everything in memory
   * @throws Error when the file is there and is not what it should be: measuring under wrong names is worse than no start
   */
  constructor(file: string | undefined) {
    this.file = new SmallFile(file);
    const text = this.file.read();
    if (text === undefined) return;
    const { assets, bindings } = fileSchema.parse(JSON.parse(text));
    this.assets = new Map(assets.map((asset) => [asset.id, asset]));
    this.bindings = new Map(Object.entries(bindings));
    this.index();
  }

  all(): Iterable<Asset> {
    return this.assets.values();
  }

  asset(id: string): Asset | undefined {
    return this.assets.get(id);
  }

  /** Bindings of one measurement over time, oldest first. */
  of(asset: string, measurement: string): readonly Binding[] {
    return this.bindings.get(`${asset}/${measurement}`) ?? [];
  }

  /** Measurements an asset has or had. */
  measurements(asset: string): readonly string[] {
    const prefix = `${asset}/`;
    return [...this.bindings.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  }

  /** What a device point measures now, undefined when nothing but itself. */
  boundTo(device: string, source: string): { readonly asset: Asset; readonly binding: Binding } | undefined {
    return this.bound.get(`${device}/${source}`);
  }

  /** Was bound once and is no longer: taken down. */
  isRetired(device: string, source: string): boolean {
    const key = `${device}/${source}`;
    return this.everBound.has(key) && !this.bound.has(key);
  }

  /** Adds or changes an asset. @throws AssetError */
  async put(asset: Asset, mode: 'add' | 'change'): Promise<void> {
    const known = this.assets.has(asset.id);
    if (mode === 'add' && known) throw new AssetError('asset-taken', `${asset.id} is there already.`);
    if (mode === 'change' && !known) throw new AssetError('asset-unknown', `There is no asset ${asset.id}.`);
    if (!known && this.assets.size >= ASSETS_MAX)
      throw new AssetError('asset-invalid', `There are ${ASSETS_MAX} assets already.`);
    this.checkParents(asset);
    this.assets.set(asset.id, asset);
    this.index();
    await this.save();
  }

  /**
   * Binds, replaces or ends; on disk when it resolves.
   *
   * @returns device ids whose rules are others now
   * @throws AssetError
   */
  async bind(request: BindRequest): Promise<readonly string[]> {
    if (!this.assets.has(request.asset)) throw new AssetError('asset-unknown', `There is no asset ${request.asset}.`);
    const key = `${request.asset}/${request.measurement}`;
    const before = this.bindings.get(key) ?? [];
    const target = request.to;
    const elsewhere = target === undefined ? undefined : this.boundTo(target.device, target.source);
    if (elsewhere !== undefined)
      throw new AssetError(
        'binding-not-possible',
        `${target?.device}/${target?.source} is bound to ${elsewhere.asset.id}/${elsewhere.binding.measurement} already.`,
      );
    this.bindings.set(key, rebind(before, request));
    this.index();
    await this.save();
    // Other points of the asset may look at this one: their rules are others now, too.
    return [
      ...new Set([
        ...before.slice(-1).map(({ device }) => device),
        ...(target === undefined ? [] : [target.device]),
        ...this.devicesOf(request.asset),
      ]),
    ];
  }

  /** Devices that measure for an asset now. */
  devicesOf(asset: string): readonly string[] {
    return [
      ...new Set(this.measurements(asset).flatMap((measurement) => this.current(asset, measurement)?.device ?? [])),
    ];
  }

  /** The binding that holds now. */
  current(asset: string, measurement: string): Binding | undefined {
    const last = this.of(asset, measurement).at(-1);
    return last === undefined || last.to !== undefined ? undefined : last;
  }

  /** Assets a device measures for now. */
  assetsOf(device: string): readonly string[] {
    return this.ofDevice.get(device) ?? [];
  }

  private checkParents(asset: Asset): void {
    let parent = asset.parent;
    for (let depth = 0; parent !== undefined; depth++) {
      if (parent === asset.id) throw new AssetError('asset-invalid', `${asset.id} would lie within itself.`);
      if (depth >= DEPTH_MAX) throw new AssetError('asset-invalid', `At most ${DEPTH_MAX} levels.`);
      const above: Asset | undefined = this.assets.get(parent);
      if (above === undefined) throw new AssetError('asset-invalid', `There is no asset ${parent} to lie within.`);
      parent = above.parent;
    }
  }

  private index(): void {
    this.bound = new Map();
    this.ofDevice = new Map();
    for (const [key, list] of this.bindings) {
      for (const { device, source } of list) this.everBound.add(`${device}/${source}`);
      const asset = this.assets.get(key.slice(0, key.indexOf('/')));
      const binding = list.at(-1);
      if (asset === undefined || binding === undefined || binding.to !== undefined) continue;
      this.bound.set(`${binding.device}/${binding.source}`, { asset, binding });
      const others = this.ofDevice.get(binding.device) ?? [];
      if (!others.includes(asset.id)) this.ofDevice.set(binding.device, [...others, asset.id]);
    }
  }

  private save(): Promise<void> {
    return this.file.write(() =>
      JSON.stringify({ assets: [...this.assets.values()], bindings: Object.fromEntries(this.bindings) }),
    );
  }
}

/** The bindings after a change: the current one ends where the new one begins. Pure. @throws AssetError */
export function rebind(before: readonly Binding[], request: BindRequest): readonly Binding[] {
  const { measurement, to: target, from, scale, finalReading, firstReading, who, at, note } = request;
  const last = before.at(-1);
  const current = last !== undefined && last.to === undefined ? last : undefined;
  if (last !== undefined && from < (last.to ?? last.from + 1))
    throw new AssetError(
      'binding-not-possible',
      'It would begin before the one that is there: history is not rewritten.',
    );
  if (target === undefined && current === undefined)
    throw new AssetError('binding-not-possible', `${measurement} is not bound.`);
  const ended =
    current === undefined
      ? before
      : [...before.slice(0, -1), { ...current, to: from, ...(finalReading === undefined ? {} : { finalReading }) }];
  if (target === undefined) return ended;
  if (ended.length >= BINDINGS_MAX) throw new AssetError('binding-not-possible', `At most ${BINDINGS_MAX} bindings.`);
  const continued =
    current !== undefined && finalReading !== undefined && firstReading !== undefined
      ? current.scale * finalReading + current.offset - scale * firstReading
      : 0;
  const binding: Binding = {
    measurement,
    ...target,
    from,
    scale,
    offset: continued,
    who,
    at,
    ...(firstReading === undefined ? {} : { firstReading }),
    ...(note === undefined ? {} : { note }),
  };
  return [...ended, binding];
}
