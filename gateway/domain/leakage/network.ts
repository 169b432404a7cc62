import type { RateCorrections } from './figures.ts';

/** A tank whose filling counts as use and whose emptying counts as supply of its zone. */
export interface TankModel {
  /** Point of the level, m. */
  readonly level: string;
  readonly areaM2: number;
}

/** A zone's id and its names for people, as answers carry them. */
export function namesOf({ id, name, nameZh }: Pick<ZoneModel, 'id' | 'name' | 'nameZh'>): {
  readonly zone: string;
  readonly name?: string;
  readonly nameZh?: string;
} {
  return { zone: id, ...(name === undefined ? {} : { name }), ...(nameZh === undefined ? {} : { nameZh }) };
}

/** A metered district, or a part of one that has pressures only. */
export interface ZoneModel {
  readonly id: string;
  readonly name?: string;
  readonly nameZh?: string;
  /** Points of flow, m3/h, into and out of the zone. */
  readonly inlets: readonly string[];
  readonly outlets: readonly string[];
  readonly tanks: readonly TankModel[];
  /** Points of customers' demand, m3/h, sums or single meters; a sample of the zone's demand is enough. */
  readonly customers: readonly string[];
  /** Customers' demand for the figures alone, m3/h: too late or too coarse to look for leaks with; absent: `customers`. */
  readonly registered?: readonly string[];
  /** Points of pressure, m. */
  readonly pressures: readonly string[];
  /** Zone whose flow meters see this one, too. */
  readonly within?: string;
  /** Money per m3 of lost water. */
  readonly pricePerM3?: number;
  /** Times the usual readiness to ring; 1 unless said. */
  readonly sensitivity?: number;
  /** Part of the demand that `customers` or `registered` meter, 0..1; absent: all of it. */
  readonly coverage?: number;
  readonly population?: number;
  readonly mainsKm?: number;
  readonly connections?: number;
  /** Private pipe beyond the boundary, all connections together. */
  readonly privateKm?: number;
  /** Mean pressure where no sensor tells it, m. */
  readonly pressureM?: number;
  /** How leakage follows pressure: 0.5 fixed holes, 1 usual, 1.5 cracks. */
  readonly pressureExponent?: number;
  /** Counter by flow point, where it is not the `total` of the same device. */
  readonly totalizers?: Readonly<Record<string, string>>;
  /** Names of valves that hold the boundary, and of pumps inside; for people and the report. */
  readonly boundaryValves?: readonly string[];
  readonly pumps?: readonly string[];
  /** Free but authorised use: fire flow, flushing, own use. */
  readonly unbilledM3PerDay?: number;
  /** Theft and meters that read low, percent of the registered volume. */
  readonly apparentPercent?: number;
  /** Percentage points of CJJ 92. */
  readonly corrections?: RateCorrections;
}

export interface ZoneFault {
  readonly zone: string;
  readonly key: string;
  readonly found: string;
  readonly allowed: string;
}

/** Signs and nesting of a network: every mistake, in the order of the zones. */
export function checkZones(zones: readonly ZoneModel[]): ZoneFault[] {
  const faults: ZoneFault[] = [];
  const byId = new Map<string, ZoneModel>();
  const inletOf = new Map<string, string>();
  const outletOf = new Map<string, string>();
  for (const zone of zones) {
    const fault = (key: string, found: string, allowed: string) => faults.push({ zone: zone.id, key, found, allowed });
    if (byId.has(zone.id)) fault('id', zone.id, 'a name no other zone has');
    byId.set(zone.id, zone);
    for (const point of zone.inlets) {
      if (zone.outlets.includes(point)) fault('inlets', point, 'a point that is not an outlet of the same zone');
      const other = inletOf.get(point);
      if (other !== undefined) fault('inlets', point, `a point that feeds one zone; it feeds ${other}`);
      inletOf.set(point, zone.id);
    }
    for (const point of zone.outlets) {
      const other = outletOf.get(point);
      if (other !== undefined) fault('outlets', point, `a point that leaves one zone; it leaves ${other}`);
      outletOf.set(point, zone.id);
    }
  }
  for (const zone of zones) {
    const fault = (key: string, found: string, allowed: string) => faults.push({ zone: zone.id, key, found, allowed });
    const registered = zone.registered ?? zone.customers;
    if (zone.coverage !== undefined && registered.length === 0)
      fault('coverage', String(zone.coverage), 'customers that it is the coverage of');
    const flows = [...zone.inlets, ...zone.outlets, ...zone.customers, ...registered];
    for (const point of Object.keys(zone.totalizers ?? {}))
      if (!flows.includes(point)) fault('totalizers', point, 'an inlet, outlet or customer of the zone');
    if (zone.tanks.length > 0 && zone.inlets.length === 0)
      fault('tanks', zone.tanks[0]!.level, 'a zone with inlets: a tank alone balances nothing');
    if (zone.within === undefined) continue;
    const above = byId.get(zone.within);
    for (const point of zone.inlets)
      if (above?.outlets.includes(point))
        fault('inlets', point, `a point that does not leave ${above.id}: what leaves it is not within it`);
    if (!byId.has(zone.within))
      faults.push({
        zone: zone.id,
        key: 'within',
        found: zone.within,
        allowed: `one of ${[...byId.keys()].join(', ')}`,
      });
    else if (rootOf(zone, byId) === undefined)
      faults.push({ zone: zone.id, key: 'within', found: zone.within, allowed: 'a zone that is not within this one' });
  }
  return faults;
}

/** Why a zone has no water balance of its own, in words; undefined: it has one. */
export function whyNoBalance(zone: ZoneModel): string | undefined {
  if (zone.inlets.length > 0) return undefined;
  if (zone.within !== undefined) return `no inlet meter; seen by the meters of ${zone.within}`;
  return 'no inlet meter and not within a metered zone';
}

function rootOf(zone: ZoneModel, byId: ReadonlyMap<string, ZoneModel>): ZoneModel | undefined {
  let at: ZoneModel | undefined = zone;
  for (let depth = 0; depth <= byId.size; depth++) {
    if (at?.within === undefined) return at;
    at = byId.get(at.within);
  }
  return undefined;
}
