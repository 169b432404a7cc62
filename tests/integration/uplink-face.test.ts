import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startCountedUplink } from '../support/counted-edge.ts';
import type { GatewayModel } from '../support/gateway-model.ts';
import { describeWithPeers } from '../support/peers.ts';
import { until } from '../support/ports.ts';

const PROGRAM = resolve(import.meta.dirname, '../../dist/cli/hanfeng.js');

describeWithPeers(['mosquitto'], 'a technician at the cabinet', () => {
  let rig: Awaited<ReturnType<typeof startCountedUplink>>['rig'];
  let gateway: GatewayModel;

  beforeEach(async () => {
    ({ rig, gateway } = await startCountedUplink());
  });
  afterEach(async () => {
    await gateway.stop();
    await rig.close();
  });

  function hanfeng(...args: string[]): Promise<{ code: number; text: string }> {
    const env = { ...process.env, HANFENG_DATA_DIR: rig.dataDir };
    return new Promise((done) => {
      execFile(process.execPath, [PROGRAM, 'edge', ...args, '--config', rig.configFile], { env }, (error, out, err) => {
        done({ code: error === null ? 0 : Number(error.code), text: out + err });
      });
    });
  }

  it('sees live values, marks a device as under service, and the gateway hears of it', async () => {
    const status = await hanfeng('status');
    expect(status).toMatchObject({ code: 0, text: expect.stringMatching(/counter\/count-0 +\d+ /) });
    expect(status.text).toContain('connected');

    expect(await hanfeng('service', 'on', '--device', 'counter', '--for', '10m', '--who', 'anna')).toMatchObject({
      code: 0,
      text: expect.stringContaining('service mode of counter until'),
    });
    await until('readings marked as maintenance', () => gateway.maintenance > 0);
    await until('the state names it', () => gateway.state.includes('"who":"anna"'));
    expect(await hanfeng('service', 'on', '--device', 'nobody')).toMatchObject({
      code: 1,
      text: expect.stringContaining('no device nobody'),
    });
    expect((await hanfeng('service', 'off', '--device', 'counter')).text).toContain('ended');

    const sheet = await hanfeng('sheet');
    expect(sheet.text.split('\r\n')).toHaveLength(22);
    expect(await hanfeng('commands', 'off')).toMatchObject({ code: 0 });
    expect((await hanfeng('status')).text).toContain('COMMANDS all refused');
  });

  it('changes the file while it runs; a mistake keeps the old one and says why', async () => {
    const good = readFileSync(rig.configFile, 'utf8');
    writeFileSync(rig.configFile, good.replace('model: counter', 'model: nothing-like-it'));
    await until('the mistake is named', () => rig.log.some(({ fields }) => fields.code === 'config-invalid'));
    const before = gateway.values.length;
    await until('reading goes on', () => gateway.values.length > before + 200);
    writeFileSync(rig.configFile, good.replace('every: 100ms', 'every: 200ms'));
    await until('taken over', () => rig.log.some(({ message }) => message === 'configuration taken over'));
    const after = gateway.values.length;
    await until('reading goes on', () => gateway.values.length > after + 200);
    await rig.stopEdge();
    const values = gateway.values.filter(({ point }) => point === 'counter/count-0').map(({ value }) => value);
    expect(new Set(values).size).toBe(values.length);
    values.sort((a, b) => a - b);
    expect((values.at(-1) as number) - (values[0] as number) + 1).toBe(values.length);
  });

  it('is told by the edge that a command to a point that is not writable was refused', async () => {
    gateway.publishCommand(JSON.stringify({ id: 'c-1', device: 'counter', point: 'count-0', value: 1, ttlMs: 60_000 }));
    gateway.publishCommand('garbage');
    const result = await until('the result', () => gateway.results.find((text) => text.includes('c-1')));
    expect(JSON.parse(result)).toMatchObject({
      id: 'c-1',
      status: 'rejected',
      reason: expect.stringMatching(/^not-writable/),
    });
  });
});
