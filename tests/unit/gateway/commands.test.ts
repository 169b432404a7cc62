import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CommandResult } from '../../../contract/state.ts';
import {
  ANSWER_MARGIN_MS,
  COMMANDS_KEPT_MAX,
  COMMANDS_OPEN_MAX,
  CommandBook,
  type CommandRequest,
} from '../../../gateway/commands.ts';
import { createMetrics } from '../../../gateway/metrics.ts';
import type { AuditEntry } from '../../../gateway/store/store.ts';
import { type FakeGateway, fakeGateway } from '../../support/fakes-gateway.ts';

const DIM: CommandRequest = { device: 'lc-07', point: 'dimLevel', value: 40, ttlMs: 5000, mode: 'direct' };
const DONE: Omit<CommandResult, 'id'> = { status: 'done', readBack: 40 };

let gateway: FakeGateway;
let published: { topic: string; payload: Record<string, unknown>; delivery: unknown; audited: number }[];
let publishFault: Error | undefined;
/** Thrown by the audit. */
let auditFault: Error | undefined;
/** While set, the audit waits for it. */
let auditHeld: Promise<void> | undefined;
let ids: number;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  gateway = fakeGateway(Date.now);
  gateway.addDevice({ id: 'lc-07', edge: 'e1' });
  gateway.addDevice({ id: 'lc-08', edge: 'e2' });
  gateway.addDevice({ id: 'fm-12' });
  edge('e1', true);
  edge('e2', false);
  published = [];
  publishFault = undefined;
  auditFault = undefined;
  auditHeld = undefined;
  ids = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

function edge(id: string, online: boolean): void {
  gateway.edges.set(id, { id, online, changedAt: 0, lastHeardAt: 0, state: '{}' });
}

async function audit(entry: AuditEntry): Promise<void> {
  await auditHeld;
  if (auditFault !== undefined) throw auditFault;
  gateway.audited.push(entry);
}

async function openBook(): Promise<CommandBook> {
  const { store, registry } = gateway;
  const book = await CommandBook.open({
    ingest: { audit },
    store,
    registry,
    now: Date.now,
    monotonicMs: () => performance.now(),
    newId: () => `c-${++ids}`,
    metrics: createMetrics(),
    log: pino({ level: 'silent' }),
  });
  book.start({
    async publish(topic, payload, delivery) {
      if (publishFault !== undefined) throw publishFault;
      published.push({ topic, payload: JSON.parse(payload), delivery, audited: gateway.audited.length });
    },
  });
  return book;
}

const auditedResults = () =>
  gateway.audited
    .filter(({ what }) => what === 'command-result')
    .map(({ who, detail }) => ({ who, ...(JSON.parse(detail ?? '') as CommandResult) }));

describe('a command', () => {
  it('is in the audit before it is sent, at QoS 1 and not retained', async () => {
    const book = await openBook();
    const id = await book.send(DIM, 'olga');
    expect(published).toEqual([
      {
        topic: 'hf/v1/edge/e1/command',
        payload: { id, device: 'lc-07', point: 'dimLevel', value: 40, ttlMs: 5000, mode: 'direct', who: 'olga' },
        delivery: { qos: 1, retained: false },
        audited: 1,
      },
    ]);
    expect(gateway.audited[0]).toMatchObject({ who: 'olga', what: 'command', target: 'lc-07/dimLevel' });
    expect(await book.answer(id, 0)).toEqual({ id, status: 'open' });
  });

  it('is answered by what its edge says, once that is in the audit', async () => {
    const book = await openBook();
    const id = await book.send(DIM, 'olga');
    const answer = book.answer(id, 10_000);
    await book.take('e1', { id, ...DONE });
    expect(await answer).toMatchObject({ id, status: 'done', readBack: 40 });
    expect(auditedResults()).toEqual([{ who: 'e1', id, ...DONE }]);
  });

  it('that can not be written into the audit is not sent, and its point is free again', async () => {
    const book = await openBook();
    auditFault = new Error('disk full');
    await expect(book.send(DIM, 'olga')).rejects.toThrow('disk full');
    expect(published).toEqual([]);
    auditFault = undefined;
    await book.send(DIM, 'olga');
    expect(published).toHaveLength(1);
  });

  it('that grew old while the store was slow is not sent', async () => {
    const book = await openBook();
    let letGo: () => void = () => undefined;
    auditHeld = new Promise((resolve) => {
      letGo = resolve;
    });
    const sending = book.send(DIM, 'olga');
    vi.advanceTimersByTime(5000);
    letGo();
    const id = await sending;
    expect(published).toEqual([]);
    expect(await book.answer(id, 0)).toMatchObject({ status: 'expired', reason: expect.stringContaining('not sent') });
  });

  it('is refused for a device that is not known, hangs on no edge, or whose edge is offline; nothing is written', async () => {
    const book = await openBook();
    await expect(book.send({ ...DIM, device: 'nobody' }, 'olga')).rejects.toMatchObject({ code: 'device-unknown' });
    await expect(book.send({ ...DIM, device: 'fm-12' }, 'olga')).rejects.toMatchObject({ code: 'device-without-edge' });
    await expect(book.send({ ...DIM, device: 'lc-08' }, 'olga')).rejects.toMatchObject({ code: 'edge-offline' });
    gateway.edges.delete('e2');
    await expect(book.send({ ...DIM, device: 'lc-08' }, 'olga')).rejects.toMatchObject({ code: 'edge-offline' });
    expect([published, gateway.audited]).toEqual([[], []]);
  });

  it('waits for the one before it to the same point, also when both come at once', async () => {
    const book = await openBook();
    const both = await Promise.allSettled([book.send(DIM, 'olga'), book.send(DIM, 'ada')]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await expect(book.send(DIM, 'ada')).rejects.toMatchObject({ code: 'point-busy' });
    await book.send({ ...DIM, point: 'lamp' }, 'ada');
    await book.take('e1', { id: 'c-1', ...DONE });
    await book.send(DIM, 'ada');
    expect(published).toHaveLength(3);
  });

  it('finds room for a bounded number at a time, and the newest answers are remembered', async () => {
    const book = await openBook();
    for (let i = 0; i < COMMANDS_OPEN_MAX; i++) await book.send({ ...DIM, point: `p${i}` }, 'olga');
    await expect(book.send(DIM, 'olga')).rejects.toMatchObject({ code: 'commands-busy' });
    await book.take('e1', { id: 'c-1', ...DONE });
    for (let i = 0; i < COMMANDS_KEPT_MAX; i++) {
      const id = await book.send(DIM, 'olga');
      await book.take('e1', { id, ...DONE });
    }
    expect(await book.answer('c-1', 0)).toBeUndefined();
    expect(await book.answer('c-2', 0)).toMatchObject({ status: 'open' });
  });
});

describe('the result of a command', () => {
  it('of another id, or by another edge, changes nothing', async () => {
    const book = await openBook();
    const id = await book.send(DIM, 'olga');
    await book.take('e1', { id: 'never-sent', ...DONE });
    await book.take('e2', { id, ...DONE });
    expect(await book.answer(id, 0)).toEqual({ id, status: 'open' });
    expect(auditedResults()).toEqual([]);
  });

  it('that comes twice counts once, and the first one stands', async () => {
    const book = await openBook();
    const id = await book.send(DIM, 'olga');
    await Promise.all([book.take('e1', { id, ...DONE }), book.take('e1', { id, status: 'failed' })]);
    await book.take('e1', { id, status: 'rejected' });
    expect(await book.answer(id, 0)).toMatchObject({ status: 'done' });
    expect(auditedResults()).toHaveLength(1);
  });

  it('that never comes is unknown after the time to live and a margin, and the point is free', async () => {
    const book = await openBook();
    const id = await book.send(DIM, 'olga');
    await vi.advanceTimersByTimeAsync(DIM.ttlMs + ANSWER_MARGIN_MS - 1);
    expect(await book.answer(id, 0)).toMatchObject({ status: 'open' });
    await vi.advanceTimersByTimeAsync(1);
    expect(await book.answer(id, 0)).toMatchObject({
      status: 'unknown',
      reason: expect.stringMatching(/^no-answer: /),
    });
    expect(auditedResults()).toMatchObject([{ who: 'gateway', id, status: 'unknown' }]);
    await book.send(DIM, 'olga');
  });

  it('that comes late says what nobody knew', async () => {
    const book = await openBook();
    const id = await book.send(DIM, 'olga');
    await vi.advanceTimersByTimeAsync(DIM.ttlMs + ANSWER_MARGIN_MS);
    const next = await book.send(DIM, 'ada');
    await book.take('e1', { id, ...DONE });
    expect(await book.answer(id, 0)).toMatchObject({ status: 'done', readBack: 40 });
    expect(auditedResults().map(({ status }) => status)).toEqual(['unknown', 'done']);
    // The newer command to the point is still under way.
    expect(await book.answer(next, 0)).toMatchObject({ status: 'open' });
    await expect(book.send(DIM, 'olga')).rejects.toMatchObject({ code: 'point-busy' });
  });

  it('that the store can not take is not acknowledged, and taken when it comes again', async () => {
    const book = await openBook();
    const id = await book.send(DIM, 'olga');
    auditFault = new Error('disk full');
    await expect(book.take('e1', { id, ...DONE })).rejects.toThrow('disk full');
    auditFault = undefined;
    await book.take('e1', { id, ...DONE });
    expect(await book.answer(id, 0)).toMatchObject({ status: 'done' });
  });

  it('is awaited no longer than asked', async () => {
    const book = await openBook();
    const id = await book.send(DIM, 'olga');
    const answer = book.answer(id, 1000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await answer).toEqual({ id, status: 'open' });
  });

  it('is unknown when the broker did not confirm the command', async () => {
    const book = await openBook();
    publishFault = new Error('external broker not connected');
    const id = await book.send(DIM, 'olga');
    expect(await book.answer(id, 1000)).toMatchObject({
      status: 'unknown',
      reason: expect.stringMatching(/^not-confirmed: .*not connected/),
    });
  });
});

describe('a restart of the gateway', () => {
  it('answers what was under way as unknown, once, and still hears the edge', async () => {
    const before = await openBook();
    const lost = await before.send(DIM, 'olga');
    const done = await before.send({ ...DIM, point: 'lamp' }, 'olga');
    await before.take('e1', { id: done, ...DONE });
    gateway.audited.push({ at: 0, who: 'x', what: 'command', target: 'a/b', detail: '{no json' });

    const after = await openBook();
    expect(await after.answer(lost, 0)).toMatchObject({
      status: 'unknown',
      reason: expect.stringMatching(/^restart: /),
    });
    expect(await after.answer(done, 0)).toMatchObject({ status: 'done', readBack: 40 });
    await after.take('e1', { id: done, status: 'failed' });
    await openBook();
    expect(auditedResults().map(({ id, status }) => `${id} ${status}`)).toEqual([`${done} done`, `${lost} unknown`]);

    await after.take('e1', { id: lost, ...DONE });
    expect(await after.answer(lost, 0)).toMatchObject({ status: 'done' });
    expect(await (await openBook()).answer(lost, 0)).toMatchObject({ status: 'done' });
  });

  it('in order answers those who wait, and sends nothing more', async () => {
    const book = await openBook();
    const id = await book.send(DIM, 'olga');
    const answer = book.answer(id, 10_000);
    await book.close();
    expect(await answer).toMatchObject({ status: 'unknown', reason: expect.stringMatching(/^restart: /) });
    await expect(book.send(DIM, 'olga')).rejects.toMatchObject({ code: 'not-ready' });
    expect(published).toHaveLength(1);
  });
});
