import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createMbapStream,
  createRtuStream,
  type Dropped,
  type Expectation,
  replyLength,
  toMbap,
} from '../../edge/modbus/frame.ts';
import { exceptionBody, frameOf, honestBody } from '../support/misbehaving-slave.ts';

const nothingDropped = (): Dropped => ({ foreign: 0, badCrc: 0, echoes: 0, strayBytes: 0 });

function expectation(unit: number, functionCode: number, address: number, count: number): Expectation {
  const body = Buffer.alloc(6);
  body.set([unit, functionCode]);
  body.writeUInt16BE(address, 2);
  body.writeUInt16BE(count, 4);
  const request = frameOf('rtu', body);
  return { unitId: unit, functionCode, request, replyLength: replyLength(request) ?? 0 };
}

const asked = fc.record({
  unit: fc.integer({ min: 1, max: 247 }),
  functionCode: fc.constantFrom(1, 2, 3, 4),
  address: fc.nat({ max: 9000 }),
  count: fc.integer({ min: 1, max: 60 }),
});

/** Cuts bytes into chunks at the given places. */
function chunks(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const edges = [0, ...at, bytes.length];
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
}

describe('finding a reply in a serial stream', () => {
  it('finds it however the bytes are cut, behind an echo and foreign frames', () => {
    fc.assert(
      fc.property(asked, fc.array(fc.nat()), fc.boolean(), fc.nat({ max: 3 }), (one, cuts, echo, others) => {
        const expected = expectation(one.unit, one.functionCode, one.address, one.count);
        const reply = frameOf('rtu', honestBody(one));
        const foreign = Array.from({ length: others }, (_, index) =>
          frameOf('rtu', honestBody({ ...one, unit: ((one.unit + index) % 247) + 1 })),
        );
        const bytes = Buffer.concat([...(echo ? [expected.request] : []), ...foreign, reply]);
        const stream = createRtuStream(nothingDropped(), () => {});
        let found: Buffer | undefined;
        for (const chunk of chunks(bytes, cuts)) {
          stream.push(chunk);
          found ??= stream.take(expected);
        }
        expect(found).toEqual(reply);
      }),
    );
  });

  it('finds it behind noise, and finds nothing in noise alone', () => {
    fc.assert(
      fc.property(asked, fc.uint8Array({ maxLength: 40 }), (one, noise) => {
        const expected = expectation(one.unit, one.functionCode, one.address, one.count);
        const reply = frameOf('rtu', honestBody(one));
        const stream = createRtuStream(nothingDropped(), () => {});
        stream.push(Buffer.from(noise));
        expect(stream.take(expected)).toBeUndefined();
        stream.push(reply);
        expect(stream.take(expected)).toEqual(reply);
      }),
    );
  });

  it('takes no frame with a single wrong bit', () => {
    fc.assert(
      fc.property(asked, fc.nat(), fc.nat({ max: 7 }), (one, at, bit) => {
        const expected = expectation(one.unit, one.functionCode, one.address, one.count);
        const reply = frameOf('rtu', honestBody(one));
        reply[at % reply.length] = (reply[at % reply.length] as number) ^ (1 << bit);
        const stream = createRtuStream(nothingDropped(), () => {});
        stream.push(reply);
        expect(stream.take(expected)).toBeUndefined();
      }),
    );
  });

  it('takes the exception of the asked unit and function, and no other', () => {
    fc.assert(
      fc.property(asked, asked, fc.integer({ min: 1, max: 11 }), (one, other, code) => {
        const expected = expectation(one.unit, one.functionCode, one.address, one.count);
        const frame = frameOf('rtu', exceptionBody(other, code));
        const stream = createRtuStream(nothingDropped(), () => {});
        stream.push(frame);
        const mine = other.unit === one.unit && other.functionCode === one.functionCode;
        expect(stream.take(expected)).toEqual(mine ? frame : undefined);
      }),
    );
  });

  it('never throws and never grows, whatever comes', () => {
    fc.assert(
      fc.property(asked, fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 20 }), (one, garbage) => {
        const expected = expectation(one.unit, one.functionCode, one.address, one.count);
        const dropped = nothingDropped();
        const stream = createRtuStream(dropped, () => {});
        let received = 0;
        for (const chunk of garbage) {
          received += chunk.length;
          stream.push(Buffer.from(chunk));
          stream.take(expected);
        }
        stream.flush();
        expect(dropped.strayBytes).toBeLessThanOrEqual(received);
      }),
    );
  });
});

describe('cutting a Modbus TCP stream', () => {
  it('gives every frame whole and in order, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(asked, { minLength: 1, maxLength: 8 }), fc.array(fc.nat()), (list, cuts) => {
        const bytes = Buffer.concat(list.map((one, index) => frameOf('mbap', honestBody(one), index + 1)));
        const stream = createMbapStream();
        const ids: number[] = [];
        for (const chunk of chunks(bytes, cuts)) {
          stream.push(chunk);
          for (let next = stream.next(); next !== undefined; next = stream.next()) {
            if (next === 'broken') throw new Error('broken');
            const one = list[next.transactionId - 1] as (typeof list)[number];
            expect(next.frame).toEqual(frameOf('rtu', honestBody(one)));
            ids.push(next.transactionId);
          }
        }
        expect(ids).toEqual(list.map((_, index) => index + 1));
      }),
    );
  });

  it('says so when the stream makes no sense, and never waits for more than a frame', () => {
    const stream = createMbapStream();
    stream.push(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    expect(stream.next()).toBe('broken');
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 300, maxLength: 600 }), (noise) => {
        const any = createMbapStream();
        any.push(Buffer.from(noise));
        expect(any.next()).toBeDefined();
      }),
    );
  });

  it('writes a request the standard way', () => {
    const { request } = expectation(17, 3, 0x6b, 3);
    expect(toMbap(request, 0x1501).toString('hex')).toBe('1501000000061103006b0003'.padStart(24, '0'));
  });
});
