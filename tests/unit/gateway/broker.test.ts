import fc from 'fast-check';
import { generate, type Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { buildTopic, parseTopic, type Topic } from '../../../contract/topics.ts';
import { mayLeaveAsWill, mayPublish, maySubscribe, topicFault } from '../../../gateway/broker/access.ts';
import { Attempts, FAILURES_MAX, FAILURES_SPAN_MS } from '../../../gateway/broker/attempts.ts';
import { FrameGate } from '../../../gateway/broker/frames.ts';
import { LANES_PUBLISHED_MAX, MARK_EVERY_MS, MarkBook } from '../../../gateway/broker/marks.ts';
import { AckWindow, CLIENT_BYTES_MAX, CLIENT_MESSAGES_MAX, Waiting } from '../../../gateway/broker/window.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('access', () => {
  const edge = { id: 'e1', kind: 'edge' } as const;
  const device = { id: 'd1', kind: 'device' } as const;
  const topics: readonly Topic[] = ['e1', 'd1', 'e2', 'd2'].flatMap((id): Topic[] => [
    { kind: 'device-readings', device: id },
    { kind: 'edge-batch', edge: id },
    { kind: 'edge-state', edge: id },
    { kind: 'edge-stored', edge: id, gateway: 'gw' },
    { kind: 'edge-command', edge: id },
    { kind: 'edge-command-result', edge: id, command: 'c1' },
  ]);
  const allowed = (rule: (topic: Topic) => boolean) => topics.filter(rule).map(buildTopic);

  it('lets each publish its own and nothing else', () => {
    expect(allowed((topic) => mayPublish(device, topic))).toEqual(['hf/v1/device/d1/readings']);
    expect(allowed((topic) => mayPublish(edge, topic))).toEqual([
      'hf/v1/edge/e1/batch',
      'hf/v1/edge/e1/state',
      'hf/v1/edge/e1/command/c1/result',
    ]);
    expect(allowed((topic) => mayLeaveAsWill(edge, topic))).toEqual(['hf/v1/edge/e1/state']);
  });

  it('lets an edge hear what lies below its own topics and nothing else', () => {
    for (const filter of ['command', 'stored/+', 'stored/gw', 'stored/#', '#', '+/gw', 'state'])
      expect(maySubscribe(edge, `hf/v1/edge/e1/${filter}`)).toBe(true);
    for (const filter of [
      '#',
      '+/+/edge/e1/command',
      'hf/v1/edge/e1',
      'hf/v1/edge/e10/#',
      'hf/v1/edge/+/stored/gw',
      'hf/v1/edge/e1/#/x',
      'hf/v1/edge/e1/st+',
      'hf/v1/device/e1/#',
      '$share/g/hf/v1/edge/e1/command',
    ])
      expect(maySubscribe(edge, filter), filter).toBe(false);
    expect(maySubscribe(device, 'hf/v1/edge/d1/command')).toBe(false);
  });

  it('finds no fault in any topic of ours, and never throws', () => {
    for (const topic of topics) expect(topicFault(buildTopic(topic))).toBeUndefined();
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        if (parseTopic(text) !== undefined) expect(topicFault(text)).toBeUndefined();
        else topicFault(text);
      }),
    );
  });
});

describe('the gate in front of the parser', () => {
  const connect = generate({ cmd: 'connect', clientId: 'a', protocolId: 'MQTT', protocolVersion: 4, keepalive: 60 });
  const packet = fc.oneof(
    fc.record({ topic: fc.stringMatching(/^[a-z]{1,20}$/), payload: fc.uint8Array({ maxLength: 400 }) }).map(
      ({ topic, payload }): Packet => ({
        cmd: 'publish',
        topic,
        payload: Buffer.from(payload),
        qos: 1,
        messageId: 7,
        dup: false,
        retain: false,
      }),
    ),
    fc.constant<Packet>({ cmd: 'pingreq' }),
    fc.constant<Packet>({ cmd: 'subscribe', messageId: 300, subscriptions: [{ topic: 'a', qos: 0 }] }),
    fc.constant<Packet>({ cmd: 'puback', messageId: 256 }),
  );

  it('lets any good packets pass, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 50 })), (packets, cuts) => {
        const bytes = Buffer.concat([connect, ...packets.map((one) => generate(one))]);
        const gate = new FrameGate();
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          expect(gate.check(bytes.subarray(at, at + cut))).toBeUndefined();
          at += cut;
        }
      }),
    );
  });

  it('never throws on garbage', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        new FrameGate().check(bytes);
        new FrameGate().check(Buffer.concat([connect, bytes]));
      }),
    );
  });

  it('finds packet id 0 though its two bytes come apart', () => {
    const gate = new FrameGate();
    expect(gate.check(connect)).toBeUndefined();
    expect(gate.check(Buffer.from([0x82, 6, 0]))).toBeUndefined();
    expect(gate.check(Buffer.from([0, 0, 1, 0x61, 0]))).toBe('packet id 0');
  });
});

describe('messages that wait for their commit', () => {
  function promise() {
    let resolve: () => void = () => undefined;
    let reject: (error: Error) => void = () => undefined;
    const made = new Promise<void>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    return { promise: made, resolve, reject };
  }
  function setUp() {
    const waiting = new Waiting();
    const acknowledged: number[] = [];
    const failures: Error[] = [];
    let writes = 0;
    const window = new AckWindow(
      waiting,
      (bytes) => {
        writes += 1;
        for (let i = 0; i < bytes.length; i += 4) acknowledged.push(bytes.readUInt16BE(i + 2));
      },
      (error) => failures.push(error),
    );
    return { waiting, window, acknowledged, failures, writes: () => writes };
  }

  it('are acknowledged in the order they came, in one write', async () => {
    const { window, acknowledged, waiting, writes } = setUp();
    const [one, two, three] = [promise(), promise(), promise()];
    let read = 0;
    for (const [i, stored] of [one, two, three].entries()) window.add(i + 1, 100, stored.promise, () => read++);
    expect(read).toBe(3);
    two.resolve();
    three.resolve();
    await nextTurn();
    expect(acknowledged).toEqual([]);
    one.resolve();
    await nextTurn();
    await nextTurn();
    expect(acknowledged).toEqual([1, 2, 3]);
    expect(writes()).toBe(1);
    expect([waiting.bytes, waiting.messages]).toEqual([0, 0]);
  });

  it('hold back what follows beyond the bounds, by number and by bytes', async () => {
    for (const [count, bytes] of [
      [CLIENT_MESSAGES_MAX, 1],
      [1, CLIENT_BYTES_MAX],
    ] as const) {
      const { window } = setUp();
      const stored = promise();
      let read = 0;
      for (let id = 1; id <= count; id++) window.add(id, bytes, stored.promise, () => read++);
      expect(read).toBe(count - 1);
      stored.resolve();
      await nextTurn();
      await nextTurn();
      expect(read).toBe(count);
    }
  });

  it('end the connection when one could not be stored, and nothing behind it is acknowledged', async () => {
    const { window, acknowledged, failures, waiting } = setUp();
    const [one, two] = [promise(), promise()];
    window.add(1, 10, one.promise, () => undefined);
    window.add(2, 10, two.promise, () => undefined);
    one.reject(new Error('disk full'));
    two.resolve();
    await nextTurn();
    await nextTurn();
    expect(acknowledged).toEqual([]);
    expect(failures).toHaveLength(1);
    expect(waiting.bytes).toBe(0);
  });
});

describe('stored marks', () => {
  const mark = (edge: string, lane: string, number: number) => ({ edge, lane, mark: number });

  it('go out at once, then at most once a second, the newest only', () => {
    const book = new MarkBook();
    book.note(mark('e', 'a', 1));
    expect(book.takeDue(0)).toEqual([{ edge: 'e', marks: { a: 1 } }]);
    book.note(mark('e', 'a', 2));
    book.note(mark('e', 'b', 9));
    book.note(mark('e', 'a', 3));
    expect(book.takeDue(MARK_EVERY_MS - 1)).toEqual([]);
    expect(book.waiting).toBe(true);
    expect(book.takeDue(MARK_EVERY_MS)).toEqual([{ edge: 'e', marks: { b: 9, a: 3 } }]);
    expect(book.waiting).toBe(false);
  });

  it('go out again for an edge that came back, unless nothing is known of it', () => {
    const book = new MarkBook();
    book.note(mark('e', 'a', 1));
    book.takeDue(0);
    book.touch('e');
    book.touch('unknown');
    expect(book.takeDue(5000)).toEqual([{ edge: 'e', marks: { a: 1 } }]);
  });

  it('do not stop when the clock is set back', () => {
    const book = new MarkBook();
    book.note(mark('e', 'a', 1));
    book.takeDue(1_000_000);
    book.note(mark('e', 'a', 2));
    expect(book.takeDue(0)).toHaveLength(1);
  });

  it('name the lanes that moved last', () => {
    const book = new MarkBook();
    for (let i = 0; i <= LANES_PUBLISHED_MAX; i++) book.note(mark('e', `lane-${i}`, 1));
    const marks = book.takeDue(0)[0]?.marks ?? {};
    expect(Object.keys(marks)).toHaveLength(LANES_PUBLISHED_MAX);
    expect(marks).not.toHaveProperty('lane-0');
  });
});

describe('guessing', () => {
  it('is stopped after some wrong passwords for a minute, for that pair only', () => {
    const attempts = new Attempts();
    for (let i = 0; i < FAILURES_MAX; i++) {
      expect(attempts.blocked('a', i)).toBe(false);
      attempts.failed('a', i);
    }
    expect(attempts.blocked('a', 100)).toBe(true);
    expect(attempts.blocked('b', 100)).toBe(false);
    expect(attempts.blocked('a', FAILURES_SPAN_MS)).toBe(false);
  });
});
