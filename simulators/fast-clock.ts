/**
 * Preload (`node --import dist/simulators/fast-clock.js`): lets a process live faster, and at another time of day, without
 * its code knowing. `HANFENG_CLOCK_SPEED` = how many seconds pass in one, `HANFENG_CLOCK_START` = its first moment, epoch ms.
 * Wall clock, monotonic clock and timers all follow, so that what waits a minute waits a minute of its own.
 * For scenarios and tests only; nothing of the product imports it.
 */
import { syncBuiltinESMExports } from 'node:module';
import { performance } from 'node:perf_hooks';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';

const speed = Number(process.env.HANFENG_CLOCK_SPEED ?? '1');
if (!(speed > 0) || speed > 1000) throw new RangeError('HANFENG_CLOCK_SPEED must be above 0 and at most 1000');

const RealDate = Date;
const realNow = performance.now.bind(performance);
const beganAt = realNow();
const epochAt = Number(process.env.HANFENG_CLOCK_START ?? RealDate.now());

const elapsedMs = () => (realNow() - beganAt) * speed;
const wallMs = () => Math.floor(epochAt + elapsedMs());

class FastDate extends RealDate {
  constructor(...given: readonly unknown[]) {
    if (given.length === 0) super(wallMs());
    else super(...(given as [number]));
  }
  static override now(): number {
    return wallMs();
  }
}

/** Only delays change; arguments after the delay go through. */
function quicker<T extends (...args: never[]) => unknown>(real: T, position: number): T {
  return ((...args: unknown[]) => {
    if (typeof args[position] === 'number') args[position] = (args[position] as number) / speed;
    return real(...(args as never[]));
  }) as unknown as T;
}

globalThis.Date = FastDate as unknown as DateConstructor;
performance.now = () => beganAt + elapsedMs();
const realHrtime = process.hrtime.bigint.bind(process.hrtime);
const hrBegan = realHrtime();
process.hrtime.bigint = () => hrBegan + BigInt(Math.floor(Number(realHrtime() - hrBegan) * speed));

const promisify = Symbol.for('nodejs.util.promisify.custom');
for (const name of ['setTimeout', 'setInterval'] as const) {
  const real = timers[name];
  const fast = Object.assign(quicker(real as never, 1), {
    [promisify]: quicker(timersPromises.setTimeout as never, 0),
  });
  Object.assign(timers, { [name]: fast });
  Object.assign(globalThis, { [name]: fast });
}
timersPromises.setTimeout = quicker(timersPromises.setTimeout as never, 0);
timersPromises.setInterval = quicker(timersPromises.setInterval as never, 0);
AbortSignal.timeout = quicker(AbortSignal.timeout.bind(AbortSignal), 0);
syncBuiltinESMExports();
