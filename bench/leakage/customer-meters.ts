import { GOOD } from '../../contract/reading.ts';
import { CustomerWatch } from '../../gateway/domain/leakage/customer-watch.ts';
import { seeded } from './made-network.ts';

const HOUR_MS = 3_600_000;
const FROM = Date.UTC(2026, 0, 1);
const METERS = 5000;
const DAYS = 60;
/** Meters of one street: one that stands still is only told while another of it runs. */
const STREET = 50;
/** One in a hundred leaks on the premises from the middle of the time on, one in five hundred is exchanged then, each once. */
const LEAK_EVERY = 100;
const EXCHANGE_EVERY = 500;
/** Of its hours a household uses water in so many, by day and by night (from 23 to 6). */
const USE_BY_DAY = 0.35;
const USE_BY_NIGHT = 0.06;
const LEAK_M3_PER_H = 0.02;

/** Customers' meters that report hourly: what each reading costs, and whether exactly the planted faults are told. */
export function customerMeters(): string[] {
  const random = seeded(4711);
  const watch = new CustomerWatch((id) => ({
    class: 'water-meter',
    location: `street-${Number(id.slice(2)) % (METERS / STREET)}`,
  }));
  for (let meter = 0; meter < METERS; meter++) watch.pointKnown(`m-${meter}/total`, meter);
  const registers = Float64Array.from({ length: METERS }, () => 500 * random());
  const told = new Map<string, Set<string>>();
  let cpuUs = 0;
  for (let hour = 0; hour < DAYS * 24; hour++) {
    const at = FROM + hour * HOUR_MS;
    const isLate = hour >= (DAYS * 24) / 2;
    const isNight = hour % 24 < 6 || hour % 24 === 23;
    for (let meter = 0; meter < METERS; meter++) {
      const used = random() < (isNight ? USE_BY_NIGHT : USE_BY_DAY) ? 0.02 + 0.2 * random() : 0;
      const leaked = isLate && meter % LEAK_EVERY === 7 ? LEAK_M3_PER_H : 0;
      const isExchanged = hour === (DAYS * 24) / 2 && meter % EXCHANGE_EVERY === 11;
      registers[meter] = (isExchanged ? 0 : registers[meter]!) + used + leaked;
    }
    const before = process.cpuUsage();
    for (let meter = 0; meter < METERS; meter++) watch.reading(meter, at, registers[meter]!, GOOD);
    const findings = watch.advance();
    const { user, system } = process.cpuUsage(before);
    cpuUs += user + system;
    for (const finding of findings) {
      if (finding.kind !== 'raise') continue;
      const { kind, asset } = finding.rule;
      told.set(kind, (told.get(kind) ?? new Set()).add(asset));
    }
  }
  const readings = METERS * DAYS * 24;
  const bytes = JSON.stringify(watch.snapshot()).length;
  const isPlanted = { 'premises-leak': [LEAK_EVERY, 7], 'counter-reset': [EXCHANGE_EVERY, 11] } as const;
  const found = Object.entries(isPlanted).map(([kind, [every, place]]) => {
    const all = [...(told.get(kind) ?? [])];
    const right = all.filter((asset) => Number(asset.slice(2)) % every === place).length;
    return `${kind} ${right} of ${METERS / every}, ${all.length - right} false`;
  });
  const stopped = told.get('meter-stopped')?.size ?? 0;
  return [
    `customer meters ${METERS} hourly for ${DAYS} days: ${((cpuUs * 1000) / readings).toFixed(0)} ns of CPU a reading, ` +
      `${(bytes / 1e6).toFixed(1)} MB of saved state; ${found.join('; ')}; meter-stopped ${stopped} (none is)`,
  ];
}
