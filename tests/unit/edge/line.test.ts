import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Line } from '../../../edge/line.ts';
import type { Request } from '../../../edge/modbus/client.ts';
import type { Wire } from '../../../edge/modbus/port.ts';
import { frameOf, honestBody } from '../../support/misbehaving-slave.ts';

/** A wire whose other end is the test. */
interface FakeWire extends Wire {
  readonly written: Buffer[];
  receive(bytes: Buffer): void;
  close(reason: string): void;
}

function fakeWire(): FakeWire {
  let onData: (chunk: Buffer) => void = () => {};
  let onClose: (reason: string) => void = () => {};
  const written: Buffer[] = [];
  return {
    written,
    write: (bytes) => void written.push(bytes),
    destroy: () => onClose('destroyed'),
    onData: (listener) => {
      onData = listener;
    },
    onClose: (listener) => {
      onClose = listener;
    },
    receive: (bytes) => onData(bytes),
    close: (reason) => onClose(reason),
  };
}

const read = (address: number, unitId = 1): Request => ({ kind: 'read', unitId, functionCode: 3, address, count: 1 });
const replyTo = (address: number, unit = 1) => frameOf('rtu', honestBody({ unit, functionCode: 3, address, count: 1 }));

let wires: FakeWire[] = [];
let openable = true;
function makeLine(more: Partial<ConstructorParameters<typeof Line>[0]> = {}): Line {
  return new Line({
    id: 'l1',
    framing: { kind: 'rtu', maxInFlight: 1, ignoreTransactionId: false },
    interFrameMs: 10,
    pauseAfterConnectMs: 0,
    silentMax: () => 3,
    open: () => {
      if (!openable) return Promise.reject(new Error('no such port'));
      const wire = fakeWire();
      wires.push(wire);
      return Promise.resolve(wire);
    },
    monotonicMs: () => performance.now(),
    random: () => 1,
    log: pino({ level: 'silent' }),
    ...more,
  });
}

async function opened(
  more: Partial<ConstructorParameters<typeof Line>[0]> = {},
): Promise<{ line: Line; wire: FakeWire }> {
  const line = makeLine(more);
  const open = line.whenOpen(1000);
  await vi.advanceTimersByTimeAsync(1);
  expect(await open).toBe(true);
  return { line, wire: wires[0] as FakeWire };
}

beforeEach(() => {
  vi.useFakeTimers();
  wires = [];
  openable = true;
});
afterEach(() => vi.useRealTimers());

describe('a line', () => {
  it('sends one request at a time, with silence in between', async () => {
    const { line, wire } = await opened();
    const first = line.request(read(1), { timeoutMs: 1000 });
    const second = line.request(read(2), { timeoutMs: 1000 });
    await vi.advanceTimersByTimeAsync(50);
    expect(wire.written).toHaveLength(1);
    wire.receive(replyTo(1));
    expect((await first).reply).toMatchObject({ kind: 'data' });
    await vi.advanceTimersByTimeAsync(9);
    expect(wire.written).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2);
    expect(wire.written).toHaveLength(2);
    wire.receive(replyTo(2));
    expect((await second).reply).toMatchObject({ kind: 'data', bytes: Buffer.from([0, 2]) });
  });

  it('sends writes before reads that wait longer', async () => {
    const { line, wire } = await opened();
    void line.request(read(1), { timeoutMs: 1000 });
    void line.request(read(2), { timeoutMs: 1000 });
    void line.request({ kind: 'write-register', unitId: 1, address: 9, value: 5 }, { timeoutMs: 1000 });
    await vi.advanceTimersByTimeAsync(20);
    wire.receive(replyTo(1));
    await vi.advanceTimersByTimeAsync(20);
    expect(wire.written.map((frame) => frame[1])).toEqual([3, 6]);
  });

  it('does not send a command whose time ended while it waited', async () => {
    const { line, wire } = await opened();
    void line.request(read(1), { timeoutMs: 100 });
    const expired = new AbortController();
    const write = line.request(
      { kind: 'write-register', unitId: 1, address: 9, value: 5 },
      { timeoutMs: 1000, signal: expired.signal },
    );
    await vi.advanceTimersByTimeAsync(20);
    expired.abort();
    await vi.advanceTimersByTimeAsync(200);
    expect((await write).reply.kind).toBe('disconnected');
    expect(wire.written).toHaveLength(1);
  });

  it('gives every request an end: a time-out, though replies of others keep coming', async () => {
    const { line, wire } = await opened();
    const asked = line.request(read(1), { timeoutMs: 300 });
    for (let at = 0; at < 10; at++) {
      await vi.advanceTimersByTimeAsync(50);
      wire.receive(replyTo(1, 7));
    }
    expect((await asked).reply).toEqual({ kind: 'timeout', badCrc: false });
    expect(line.dropped().foreign).toBeGreaterThan(0);
  });

  it('after a time-out waits until the line is quiet, but not for ever', async () => {
    const { line, wire } = await opened();
    const first = line.request(read(1), { timeoutMs: 100 });
    void line.request(read(2), { timeoutMs: 100 });
    // A device that babbles on: a byte each 5 ms.
    for (let at = 0; at < 100; at++) {
      await vi.advanceTimersByTimeAsync(5);
      wire.receive(Buffer.from([0x55]));
    }
    expect(wire.written).toHaveLength(1);
    for (let at = 0; at < 200; at++) {
      await vi.advanceTimersByTimeAsync(5);
      wire.receive(Buffer.from([0x55]));
    }
    await first;
    expect(wire.written.length).toBeGreaterThan(1);
  });

  it('opens again when no byte came for several requests in a row', async () => {
    const { line } = await opened();
    for (let at = 0; at < 3; at++) {
      const asked = line.request(read(1), { timeoutMs: 100 });
      await vi.advanceTimersByTimeAsync(200);
      await asked;
    }
    await vi.advanceTimersByTimeAsync(2000);
    expect(wires).toHaveLength(2);
    expect(line.isOpen).toBe(true);
  });

  it('tries to open at growing intervals up to 30 s, and says why it can not', async () => {
    openable = false;
    const opens: number[] = [];
    const line = makeLine({
      open: () => {
        opens.push(performance.now());
        return Promise.reject(new Error('no such port'));
      },
    });
    void line.whenOpen(1);
    await vi.advanceTimersByTimeAsync(200_000);
    const gaps = opens.slice(1).map((at, index) => Math.round((at - (opens[index] ?? 0)) / 100) / 10);
    expect(gaps.slice(0, 8)).toEqual([0.5, 1, 2, 4, 8, 16, 30, 30]);
    expect(line.lastError).toBe('no such port');
    await line.close();
  });

  it('answers everything that waits when it is closed', async () => {
    const { line } = await opened();
    const asked = [read(1), read(2)].map((request) => line.request(request, { timeoutMs: 10_000 }));
    await vi.advanceTimersByTimeAsync(5);
    await line.close();
    const kinds = (await Promise.all(asked)).map(({ reply }) => reply.kind);
    expect(kinds).toEqual(['disconnected', 'disconnected']);
  });

  it('refuses more commands than it could serve in time', async () => {
    const { line } = await opened();
    const write: Request = { kind: 'write-coil', unitId: 1, address: 1, on: true };
    const asked = Array.from({ length: 40 }, () => line.request(write, { timeoutMs: 1000 }));
    const refused = await Promise.race([asked[39], Promise.resolve(undefined)]);
    expect(refused?.reply).toMatchObject({ kind: 'disconnected', detail: expect.stringContaining('too many') });
    await line.close();
  });
});
