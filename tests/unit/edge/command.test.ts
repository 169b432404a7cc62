import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Quality } from '../../../contract/reading.ts';
import type { CommandResult } from '../../../contract/state.ts';
import { CommandDesk, type CommandTarget, commandsSchema } from '../../../edge/command.ts';
import { checkCommands } from '../../../edge/command-check.ts';
import { FakeClock } from '../../support/outbox.ts';

const settings = (input: unknown = {}) => commandsSchema.parse(input);

class FakeTarget implements CommandTarget {
  readonly written: [string, number][] = [];
  readonly values = new Map<string, { ts: number; value?: number; quality: Quality }>();
  answer: (value: number, signal: AbortSignal) => Promise<{ readBack?: number }> = async (value) => ({
    readBack: value,
  });

  point(device: string, measurement: string) {
    if (device !== 'fan-1') return undefined;
    if (measurement === 'speed') return { writable: { range: [0, 100] as const } };
    return measurement === 'start' ? { writable: { range: [0, 1] as const } } : {};
  }
  latest(point: string) {
    return this.values.get(point);
  }
  async write(device: string, measurement: string, value: number, signal: AbortSignal) {
    signal.throwIfAborted();
    this.written.push([`${device}/${measurement}`, value]);
    return this.answer(value, signal);
  }
}

let clock: FakeClock;
let target: FakeTarget;
let published: CommandResult[];
let online: boolean;
let confirmations: (() => void)[];
let inService: Set<string>;

beforeEach(() => {
  clock = new FakeClock();
  target = new FakeTarget();
  published = [];
  online = true;
  confirmations = [];
  inService = new Set();
});

function desk(input: unknown = {}): CommandDesk {
  return new CommandDesk({
    settings: settings(input),
    target,
    clock,
    inService: (device) => inService.has(device),
    publish: (result, confirmed) => {
      if (!online) return false;
      published.push(result);
      confirmations.push(confirmed);
      return true;
    },
    log: pino({ level: 'silent' }),
  });
}

let ids = 0;
const command = (more: Record<string, unknown> = {}) =>
  JSON.stringify({ id: `c-${++ids}`, device: 'fan-1', point: 'speed', value: 40, ttlMs: 5000, ...more });

async function outcome(commands: CommandDesk, payload: string): Promise<CommandResult | undefined> {
  const before = published.length;
  await commands.take(payload);
  return published[before];
}

describe('a command', () => {
  it('writes, reads back and answers', async () => {
    expect(await outcome(desk(), command({ id: 'one' }))).toEqual({ id: 'one', status: 'done', readBack: 40 });
    expect(target.written).toEqual([['fan-1/speed', 40]]);
  });

  it('is not believed when the device reads back something else', async () => {
    target.answer = async () => ({ readBack: 35 });
    expect(await outcome(desk(), command())).toMatchObject({ status: 'failed', readBack: 35, reason: /^read-back/ });
  });

  it('is done within the tolerance of the point', async () => {
    target.answer = async () => ({ readBack: 39.5 });
    const commands = desk({ points: { 'fan-1/speed': { tolerance: 1 } } });
    expect(await outcome(commands, command())).toMatchObject({ status: 'done', readBack: 39.5 });
  });

  it('fails when it was written and nothing could be read back, or the device refused', async () => {
    target.answer = async () => ({});
    expect(await outcome(desk(), command())).toMatchObject({ status: 'failed', reason: /^read-back/ });
    target.answer = async () => {
      throw new Error('device answered exception-2');
    };
    expect(await outcome(desk(), command())).toMatchObject({ status: 'failed', reason: /^write: .*exception-2/ });
  });

  it('that comes twice gets the same answer and is done once', async () => {
    const commands = desk();
    const payload = command({ id: 'twice' });
    const first = await outcome(commands, payload);
    expect(await outcome(commands, payload)).toEqual(first);
    expect(target.written).toHaveLength(1);
  });

  it('nobody can read is counted and writes nothing', async () => {
    const commands = desk();
    const garbage = [
      '',
      'null',
      '[]',
      '{"id":1}',
      command({ value: 'NaN' }),
      command({ ttlMs: 0 }),
      command({ id: 'a b' }),
    ];
    for (const payload of garbage) await commands.take(payload);
    await commands.take(command({ mode: 'operate' }));
    await commands.take(command({ select: 'x' }));
    expect(commands.malformed).toBe(garbage.length + 2);
    expect(target.written).toEqual([]);
    expect(published).toEqual([]);
  });

  it.each([
    ['unknown-point', { device: 'nobody' }],
    ['unknown-point', { device: 'fan-9', point: 'start' }],
    ['not-writable', { point: 'temperature' }],
    ['out-of-range', { value: 101 }],
    ['out-of-range', { value: -1 }],
  ])('is refused with %s', async (reason, more) => {
    const result = await outcome(desk(), command(more));
    expect(result?.status).toBe('rejected');
    expect(result?.reason).toMatch(new RegExp(`^${reason}:`));
    expect(target.written).toEqual([]);
  });

  it('is refused outside the narrower range of the file', async () => {
    const commands = desk({ points: { 'fan-1/speed': { range: [20, 80] } } });
    expect(await outcome(commands, command({ value: 90 }))).toMatchObject({ reason: /^out-of-range/ });
    expect(await outcome(commands, command({ value: 80 }))).toMatchObject({ status: 'done' });
  });

  it('is refused while commands are off, in the file or at the cabinet', async () => {
    expect(await outcome(desk({ enabled: false }), command())).toMatchObject({ reason: /^commands-off/ });
    const commands = desk();
    commands.setEnabled(false, 'anna');
    expect(await outcome(commands, command())).toMatchObject({ reason: /^commands-off/ });
    commands.setEnabled(true, 'anna');
    expect(await outcome(commands, command())).toMatchObject({ status: 'done' });
  });

  it('is refused while somebody works on the device', async () => {
    inService.add('fan-1');
    expect(await outcome(desk(), command())).toMatchObject({ status: 'rejected', reason: /^service/ });
  });

  it('is refused while another one to the point is under way, and never written twice', async () => {
    let finish = () => {};
    target.answer = (value) => new Promise((resolve) => (finish = () => resolve({ readBack: value })));
    const commands = desk();
    const first = commands.take(command({ id: 'first' }));
    expect(await outcome(commands, command())).toMatchObject({ status: 'rejected', reason: /^busy/ });
    finish();
    await first;
    expect(published.at(-1)).toMatchObject({ id: 'first', status: 'done' });
    expect(target.written).toHaveLength(1);
  });

  it('is refused when they come too fast, at the point and altogether', async () => {
    const commands = desk({ perMinute: 3, points: { 'fan-1/speed': { notFasterThan: '10s' } } });
    expect(await outcome(commands, command())).toMatchObject({ status: 'done' });
    clock.advance(9000);
    expect(await outcome(commands, command())).toMatchObject({ reason: /^rate/ });
    clock.advance(1000);
    expect(await outcome(commands, command())).toMatchObject({ status: 'done' });
    clock.advance(10_000);
    expect(await outcome(commands, command())).toMatchObject({ status: 'done' });
    clock.advance(10_000);
    expect(await outcome(commands, command())).toMatchObject({ reason: /^rate: more than 3/ });
    clock.advance(60_000);
    expect(await outcome(commands, command())).toMatchObject({ status: 'done' });
  });

  it('expires when its time to live ends before it is sent', async () => {
    target.write = async (_device, _measurement, _value, signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      signal.throwIfAborted();
      return {};
    };
    expect(await outcome(desk(), command({ ttlMs: 20 }))).toMatchObject({ status: 'expired', reason: /^expired/ });
  });

  it('is answered again after a reconnect until the broker has the answer', async () => {
    const commands = desk();
    online = false;
    await commands.take(command({ id: 'kept' }));
    expect(published).toEqual([]);
    online = true;
    commands.resend();
    expect(published).toMatchObject([{ id: 'kept', status: 'done' }]);
    clock.advance(10_000);
    commands.resend();
    expect(published).toHaveLength(2);
    confirmations[0]?.();
    clock.advance(10_000);
    commands.resend();
    expect(published).toHaveLength(2);
  });
});

describe('interlocks and the local/remote switch', () => {
  const guarded = {
    points: {
      'fan-1/start': {
        remote: { point: 'fan-1/remote', is: 1, maxAge: '10s' },
        interlocks: [{ point: 'air-1/co', max: 200, maxAge: '30s' }],
      },
    },
  };
  const start = () => command({ point: 'start', value: 1 });

  beforeEach(() => {
    target.values.set('fan-1/remote', { ts: clock.now(), value: 1, quality: 'good' });
    target.values.set('air-1/co', { ts: clock.now(), value: 40, quality: 'good' });
  });

  it('let a command pass while they hold', async () => {
    expect(await outcome(desk(guarded), start())).toMatchObject({ status: 'done' });
  });

  it.each([
    ['local', 'fan-1/remote', { value: 0, quality: 'good' as const }],
    ['local', 'fan-1/remote', { value: 1, quality: 'uncertain' as const }],
    ['local', 'fan-1/remote', { quality: 'bad' as const }],
    ['interlock', 'air-1/co', { value: 201, quality: 'good' as const }],
    ['interlock', 'air-1/co', { quality: 'bad' as const }],
  ])('refuse with %s when %s is %o', async (reason, point, value) => {
    target.values.set(point, { ts: clock.now(), ...value });
    const result = await outcome(desk(guarded), start());
    expect(result?.reason).toMatch(new RegExp(`^${reason}:`));
    expect(target.written).toEqual([]);
  });

  it('refuse when a value is old or was never read', async () => {
    clock.advance(11_000);
    target.values.set('air-1/co', { ts: clock.now(), value: 40, quality: 'good' });
    expect(await outcome(desk(guarded), start())).toMatchObject({ reason: /^local: .* old/ });
    target.values.delete('fan-1/remote');
    expect(await outcome(desk(guarded), start())).toMatchObject({ reason: /^local: .* no value/ });
  });
});

describe('select before operate', () => {
  const commands = () => desk({ selectFor: '30s', points: { 'fan-1/start': { select: true } } });
  const start = (more: Record<string, unknown>) => command({ point: 'start', value: 1, ttlMs: 60_000, ...more });

  it('refuses what was not selected', async () => {
    expect(await outcome(commands(), start({}))).toMatchObject({ reason: /^select-first/ });
    expect(await outcome(commands(), start({ mode: 'operate', select: 'none' }))).toMatchObject({
      reason: /^not-selected/,
    });
  });

  it('carries out what was selected, once', async () => {
    const both = commands();
    expect(await outcome(both, start({ id: 's1', mode: 'select' }))).toEqual({ id: 's1', status: 'selected' });
    expect(target.written).toEqual([]);
    expect(await outcome(both, start({ mode: 'operate', select: 's1' }))).toMatchObject({ status: 'done' });
    clock.advance(2000);
    expect(await outcome(both, start({ mode: 'operate', select: 's1' }))).toMatchObject({ reason: /^not-selected/ });
    expect(target.written).toHaveLength(1);
  });

  it('refuses another value, an ended selection, and a second selector', async () => {
    const both = commands();
    await both.take(start({ id: 's2', mode: 'select' }));
    expect(await outcome(both, start({ mode: 'operate', select: 's2', value: 0 }))).toMatchObject({
      reason: /^not-selected/,
    });
    expect(await outcome(both, start({ mode: 'select' }))).toMatchObject({ reason: /^busy/ });
    clock.advance(30_000);
    expect(await outcome(both, start({ mode: 'operate', select: 's2' }))).toMatchObject({ reason: /^not-selected/ });
    expect(await outcome(both, start({ mode: 'select' }))).toMatchObject({ status: 'selected' });
  });
});

describe('checking the guards of a file', () => {
  const lookup = (device: string, measurement: string) => new FakeTarget().point(device, measurement);
  const check = (points: unknown) =>
    checkCommands(settings({ points }), lookup, 'edge.yaml').map(({ path, found }) => `${path}: ${found}`);

  it('finds nothing wrong with points that are there and ranges within the model', () => {
    const good = { range: [10, 90], remote: { point: 'fan-1/temperature', is: 1 }, interlocks: [] };
    expect(check({ 'fan-1/speed': good })).toEqual([]);
  });

  it('names every mistake with its path', () => {
    const mistakes = check({
      'fan-9/speed': {},
      'fan-1/temperature': {},
      'fan-1/speed': {
        range: [50, 120],
        remote: { point: 'x/y', is: 1 },
        interlocks: [{ point: 'fan-2/ready', is: 1 }],
      },
      'fan-1/start': { range: [1, 0] },
    });
    expect(mistakes).toEqual([
      'commands.points.fan-9/speed: fan-9/speed',
      'commands.points.fan-1/temperature: fan-1/temperature',
      'commands.points.fan-1/speed.range: 50..120',
      'commands.points.fan-1/speed.remote.point: x/y',
      'commands.points.fan-1/speed.interlocks[0].point: fan-2/ready',
      'commands.points.fan-1/start.range: 1..0',
    ]);
  });
});
