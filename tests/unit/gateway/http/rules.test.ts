import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changesAt } from '../../../../gateway/check-against.ts';
import { runTimeChanges } from '../../../../gateway/check-changes.ts';
import { type Desk, openDesk } from '../../../../gateway/desk.ts';
import type { PlantCatalog } from '../../../../gateway/plant-growth.ts';
import { endTemporaryChanges } from '../../../../gateway/rule-expiry.ts';
import { type TestDoor, testDoor } from '../../../support/http-door.ts';
import { openCatalog } from '../../../support/ingest-rig.ts';

/** Every flow rings above 80; every door when it is open. */
const files: PlantCatalog = {
  ...openCatalog(),
  rulesFor(point, device) {
    const key = `${point.device}/${point.measurement}`;
    const rule = {
      asset: device.id,
      point: point.id,
      pointId: key,
      deadband: 2,
      onDelayMs: 1000,
      offDelayMs: 0,
      latch: false,
    };
    if (point.measurement === 'flow')
      return [{ ...rule, key: `${key}#high`, kind: 'high', priority: 2, setpoint: 80, title: 'Flow high' }];
    return [{ ...rule, key: `${key}#open`, kind: 'open', priority: 3, title: 'Open' }];
  },
};

let door: TestDoor;
let desk: Desk;
let cookie: string;
const url = (key: string) => `/api/v1/rules/${encodeURIComponent(key)}`;
const put = (key: string, payload: unknown, as = cookie) =>
  door.app.inject({ method: 'PUT', url: url(key), headers: { cookie: as }, payload: payload as object });
const judged = () => {
  const [point] = door.gateway.points;
  const device = door.gateway.devices.get('fm-12');
  return point === undefined || device === undefined ? [] : desk.catalog.rulesFor(point, device);
};

beforeEach(async () => {
  desk = openDesk(files, undefined);
  door = await testDoor({ desk });
  door.gateway.addDevice({ id: 'fm-12' }, { measurement: 'flow' }, { measurement: 'door' });
  cookie = await door.signIn('ada');
});
afterEach(() => door.app.close());

describe('alarm rules', () => {
  it('are listed as they are judged', async () => {
    const { body } = await door.get('/api/v1/rules', cookie);
    expect(body.rules).toMatchObject([
      { key: 'fm-12/flow#high', setpoint: 80, deadband: 2, onDelayMs: 1000, priority: 2 },
      { key: 'fm-12/door#open', priority: 3 },
    ]);
    expect(body.rules[0]).not.toHaveProperty('changed');
    expect((await door.get('/api/v1/rules?point=fm-12/door', cookie)).body.rules).toHaveLength(1);
    const first = await door.get('/api/v1/rules?limit=1', cookie);
    const second = await door.get(`/api/v1/rules?limit=1&cursor=${first.body.cursor}`, cookie);
    expect([first.body.rules[0].key, second.body.rules[0].key]).toEqual(['fm-12/flow#high', 'fm-12/door#open']);
    expect((await door.get('/api/v1/points/fm-12/flow', cookie)).body.limits).toMatchObject([{ setpoint: 80 }]);
  });

  it('are changed with a reason: judged at once, shown beside the default, in the audit', async () => {
    const answer = await put('fm-12/flow#high', { setpoint: 95, onDelay: '30s', priority: 1, reason: 'pump test' });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      setpoint: 95,
      onDelayMs: 30_000,
      deadband: 2,
      changed: { who: 'ada', reason: 'pump test', default: { setpoint: 80, onDelayMs: 1000, priority: 2 } },
    });
    expect(judged()).toMatchObject([{ setpoint: 95, onDelayMs: 30_000, deadband: 2, priority: 1 }]);
    expect(door.gateway.renewed).toEqual(['fm-12']);
    expect(door.gateway.audited.at(-1)).toMatchObject({ who: 'ada', what: 'change-rule', target: 'fm-12/flow#high' });
    expect((await door.get('/api/v1/rules?changed=true', cookie)).body.rules).toHaveLength(1);
    const back = await door.app.inject({ method: 'DELETE', url: url('fm-12/flow#high'), headers: { cookie } });
    expect(back.json()).toMatchObject({ setpoint: 80 });
    expect(judged()).toMatchObject([{ setpoint: 80, onDelayMs: 1000 }]);
  });

  it('not without a reason, by an operator, or where there is nothing to change', async () => {
    expect((await put('fm-12/flow#high', { setpoint: 95 })).json().code).toBe('input-invalid');
    expect((await put('fm-12/flow#high', { reason: 'x' })).json().code).toBe('input-invalid');
    expect((await put('fm-12/flow#high', { deadband: -1, reason: 'x' })).json().code).toBe('input-invalid');
    expect((await put('fm-12/flow#high', { setpoint: 95, reason: 'x' }, await door.signIn('olga'))).statusCode).toBe(
      403,
    );
    expect((await put('fm-12/door#open', { setpoint: 1, reason: 'x' })).json().code).toBe('rule-invalid');
    expect((await put('fm-12/none#high', { setpoint: 1, reason: 'x' })).json().code).toBe('rule-unknown');
    expect((await put('nonsense', { setpoint: 1, reason: 'x' })).json().code).toBe('rule-unknown');
    expect(judged()).toMatchObject([{ setpoint: 80 }]);
  });

  it('are shown one by one with both values, and switched off and on', async () => {
    const off = await put('fm-12/flow#high', { enabled: false, reason: 'no pump yet' });
    expect(off.json()).toMatchObject({ enabled: false, setpoint: 80, changed: { default: { enabled: true } } });
    expect(judged()).toEqual([]);
    const { body } = await door.get(url('fm-12/flow#high'), cookie);
    expect(body).toMatchObject({ enabled: false, changed: { who: 'ada', reason: 'no pump yet' } });
    await put('fm-12/flow#high', { enabled: true, deadband: 5, reason: 'it is there' });
    expect(judged()).toMatchObject([{ setpoint: 80, deadband: 5 }]);
  });

  it('go back to what was before the last change, and then to the files', async () => {
    const undo = () => door.post(`${url('fm-12/flow#high')}/undo`, { reason: 'wrong meter' }, cookie);
    await put('fm-12/flow#high', { setpoint: 90, reason: 'summer' });
    await put('fm-12/flow#high', { setpoint: 99, reason: 'mistake' });
    expect((await undo()).body).toMatchObject({ setpoint: 90, changed: { reason: 'summer' } });
    expect(door.gateway.audited.at(-1)).toMatchObject({ who: 'ada', what: 'undo-rule' });
    expect((await undo()).body).toMatchObject({ setpoint: 80 });
    expect((await undo()).body).not.toHaveProperty('changed');
    expect(judged()).toMatchObject([{ setpoint: 80 }]);
  });

  it('keep what a colleague changed beside, and take one field back to the files', async () => {
    await put('fm-12/flow#high', { onDelay: '30s', reason: 'it flutters' });
    const both = await put('fm-12/flow#high', { setpoint: 95, reason: 'summer' });
    expect(both.json()).toMatchObject({ setpoint: 95, onDelayMs: 30_000, changed: { reason: 'summer' } });
    const detail = JSON.parse(door.gateway.audited.at(-1)?.detail ?? '{}');
    expect(detail).toMatchObject({
      from: { setpoint: 80, onDelayMs: 30_000 },
      to: { setpoint: 95, onDelayMs: 30_000 },
      change: { setpoint: 95, reason: 'summer' },
    });
    await put('fm-12/flow#high', { onDelay: null, reason: 'calm now' });
    expect(judged()).toMatchObject([{ setpoint: 95, onDelayMs: 1000 }]);
    const last = await put('fm-12/flow#high', { setpoint: null, reason: 'autumn' });
    expect(last.json()).not.toHaveProperty('changed');
    expect(judged()).toMatchObject([{ setpoint: 80, onDelayMs: 1000 }]);
  });

  it('of a lasting change leave a temporary one over it, which ends without it', async () => {
    await put('fm-12/flow#high', { setpoint: 300, for: '1h', reason: 'flushing' });
    await put('fm-12/flow#high', { deadband: 5, reason: 'it chatters' });
    expect(judged()).toMatchObject([{ setpoint: 300, deadband: 5 }]);
    expect((await door.get(url('fm-12/flow#high'), cookie)).body.changed).toMatchObject({ reason: 'flushing' });
    await put('fm-12/flow#high', { priority: 1, for: '2h', reason: 'flushing more' });
    expect(judged()).toMatchObject([{ setpoint: 300, deadband: 5, priority: 1 }]);
    expect((await put('fm-12/flow#high', { deadband: null, for: '1h', reason: 'x' })).json().code).toBe('rule-invalid');
    door.clock.now += 2 * 3_600_000;
    await endTemporaryChanges({
      desk,
      registry: door.gateway.registry,
      ingest: door.gateway.ingest,
      now: () => door.clock.now,
      log: { info: () => {}, error: () => {} },
    });
    expect(judged()).toMatchObject([{ setpoint: 80, deadband: 5, priority: 2 }]);
    await put('fm-12/flow#high', { setpoint: 300, for: '1h', reason: 'flushing' });
    await put('fm-12/flow#high', { setpoint: 85, reason: 'for good' });
    expect((await door.get(url('fm-12/flow#high'), cookie)).body).toMatchObject({ setpoint: 85, deadband: 5 });
  });

  it('are refused to who read them before somebody else changed them', async () => {
    const read = async () => (await door.get(url('fm-12/flow#high'), cookie)).body.version as string;
    const version = await read();
    expect((await put('fm-12/flow#high', { setpoint: 90, version, reason: 'summer' })).statusCode).toBe(200);
    const late = await put('fm-12/flow#high', { setpoint: 70, version, reason: 'winter' });
    expect(late.statusCode).toBe(409);
    expect(late.json()).toMatchObject({ code: 'rule-changed', detail: expect.stringContaining('summer') });
    expect(judged()).toMatchObject([{ setpoint: 90 }]);
    const header = (tag: string) =>
      door.app.inject({
        method: 'PUT',
        url: url('fm-12/flow#high'),
        headers: { cookie, 'if-match': tag },
        payload: { deadband: 3, reason: 'x' },
      });
    expect((await header(`"${version}"`)).statusCode).toBe(409);
    expect((await header(`"${await read()}"`)).statusCode).toBe(200);
    // Of two at once the first wins.
    const now = await read();
    const two = await Promise.all(
      [71, 72].map((setpoint) => put('fm-12/flow#high', { setpoint, version: now, reason: 'x' })),
    );
    expect(two.map(({ statusCode }) => statusCode).toSorted()).toEqual([200, 409]);
  });

  it('of a temporary change end by themselves: the lasting change before it comes back', async () => {
    const ends = () =>
      endTemporaryChanges({
        desk,
        registry: door.gateway.registry,
        ingest: door.gateway.ingest,
        now: () => door.clock.now,
        log: { info: () => {}, error: () => {} },
      });
    await put('fm-12/flow#high', { setpoint: 90, reason: 'summer' });
    await put('fm-12/flow#high', { setpoint: 300, for: '1h', reason: 'flushing' });
    await put('fm-12/flow#high', { setpoint: 400, for: '2h', reason: 'flushing more' });
    await ends();
    expect(judged()).toMatchObject([{ setpoint: 400 }]);
    door.clock.now += 2 * 3_600_000;
    await ends();
    expect(judged()).toMatchObject([{ setpoint: 90 }]);
    expect(door.gateway.audited.at(-1)).toMatchObject({ who: 'system', what: 'end-temporary-rule' });
    expect(door.gateway.renewed.at(-1)).toBe('fm-12');
  });

  it('not for ever under the name of temporary, nor into the past', async () => {
    expect((await put('fm-12/flow#high', { setpoint: 1, for: '200d', reason: 'x' })).statusCode).toBe(400);
    expect((await put('fm-12/flow#high', { setpoint: 1, until: 946_684_800_000, reason: 'x' })).statusCode).toBe(400);
    expect((await put('fm-12/flow#high', { for: '1h', reason: 'x' })).statusCode).toBe(400);
  });

  it('of an asset are named after it, in its units, and stay when the meter changes', async () => {
    await door.post('/api/v1/assets', { id: 'inlet-7' }, cookie);
    door.gateway.addDevice({ id: 'fm-99' }, { measurement: 'flow' });
    const bind = (body: unknown) => door.post('/api/v1/assets/inlet-7/bindings', body, cookie);
    await bind({ measurement: 'flow', point: 'fm-12/flow', from: door.clock.now - 2000, scale: 0.1 });
    const changed = await put('inlet-7/flow#high', { setpoint: 95, reason: 'season' });
    expect(changed.json()).toMatchObject({ asset: 'inlet-7', setpoint: 95 });
    expect(judged()).toMatchObject([{ setpoint: 950, deadband: 20 }]);
    const point = await door.get('/api/v1/points/inlet-7/flow', cookie);
    expect(point.body.limits).toEqual([{ kind: 'high', setpoint: 95, priority: 2 }]);
    await bind({ measurement: 'flow', point: 'fm-99/flow' });
    const { body } = await door.get('/api/v1/rules?asset=inlet-7', cookie);
    expect(body.rules).toMatchObject([{ key: 'inlet-7/flow#high', setpoint: 95 }]);
    expect(judged()).toEqual([]);
  });

  it('changed ones of a running gateway are shown beside the files of another place', async () => {
    await put('fm-12/flow#high', { setpoint: 95, enabled: true, reason: 'pump test' });
    await put('fm-12/door#open', { priority: 1, reason: 'break-ins' });
    const base = await door.app.listen({ port: 0 });
    const token = 'token-of-olga';
    const open = await changesAt(`${base}/`, token);
    const elsewhere: PlantCatalog = {
      ...files,
      rulesFor: (point, device) => files.rulesFor(point, device).map((rule) => ({ ...rule, onDelayMs: 5000 })),
    };
    expect(runTimeChanges(elsewhere, open(elsewhere)).map((line) => line.replace(/2026-\S+/, '<time>'))).toEqual([
      'changed at run time: fm-12/door#open priority: file 3, now 1; ada, <time> break-ins',
      'changed at run time: fm-12/flow#high setpoint: file 80, now 95; ada, <time> pump test',
    ]);
    await expect(changesAt(base, 'wrong')).rejects.toThrow('401');
    await expect(changesAt(base, undefined)).rejects.toThrow('--token-file');
    await expect(changesAt(join(tmpdir(), 'no-such-folder'), undefined)).rejects.toThrow('no data folder');
    await door.app.close();
    await expect(changesAt(base, token)).rejects.toThrow('does not answer');
  });

  it('changed ones are there again after a restart', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'hf-desk-'));
    const first = openDesk(files, dataDir);
    const [point] = door.gateway.points;
    const device = door.gateway.devices.get('fm-12');
    if (point === undefined || device === undefined) throw new Error('no point');
    const [rule] = first.catalog.rulesFor(point, device);
    if (rule === undefined) throw new Error('no rule');
    await first.changes.set(rule, { setpoint: 70, who: 'ada', at: 1, reason: 'x' });
    expect(openDesk(files, dataDir).catalog.rulesFor(point, device)).toMatchObject([{ setpoint: 70 }]);
  });
});
