import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import pino from 'pino';
import { afterEach, expect, it } from 'vitest';
import { parseSimulation } from '../../simulators/config.ts';
import { runFault } from '../../simulators/control.ts';
import { type RunningSimulation, startSimulation } from '../../simulators/main.ts';
import { describeWithPeers } from '../support/peers.ts';

const YAML = `
seed: 3
control: 127.0.0.1:0
lines:
  - id: mixed
    listen: 127.0.0.1:0
    devices:
      - { id: fm-01, unitId: 1, model: taosonics-tuf-2000m, place: water/dma-1/inlet }
      - { id: io-01, unitId: 2, model: wellpro-wp8026adam, place: lighting/cabinet-1 }
      - { id: pm-01, unitId: 3, model: eastron-sdm630, place: substation/incomer }
`;

describeWithPeers(['mbpoll'], 'mbpoll reads a simulated district', () => {
  let stop = new AbortController();
  let running: RunningSimulation | undefined;
  const start = async () => {
    stop = new AbortController();
    const { config } = parseSimulation(YAML, 'simulate.yaml');
    if (config === undefined) throw new Error('the test configuration is wrong');
    running = await startSimulation(config, {
      root: resolve(import.meta.dirname, '../..'),
      env: {},
      signal: stop.signal,
      log: pino({ level: 'silent' }),
    });
    return running;
  };
  afterEach(async () => {
    stop.abort();
    await running?.ended;
  });

  /** @param waitS - how long mbpoll waits for an answer; short where none is expected */
  async function mbpoll(
    port: number,
    unit: number,
    type: string,
    address: number,
    { more = [] as readonly string[], waitS = 10 } = {},
  ) {
    const args = ['-m', 'tcp', '-p', String(port), '-a', String(unit), '-0', '-t', type, '-r', String(address)];
    const text = await new Promise<string>((resolve) => {
      execFile('mbpoll', [...args, ...more, '-o', String(waitS), '-1', '127.0.0.1'], (_error, stdout, stderr) =>
        resolve(stdout + stderr),
      );
    });
    const value = /^\[\d+\]:\s+(\S+)/m.exec(text)?.[1];
    return { value: value === undefined ? undefined : Number(value), text };
  }

  it('sees the values the instruments show, behind one port', async () => {
    const { simulation, ports } = await start();
    const port = ports.get('mixed') ?? 0;
    const flow = simulation.values()['fm-01']?.flow ?? 0;
    expect(Math.abs(((await mbpoll(port, 1, '4:float', 0)).value ?? 0) / flow - 1)).toBeLessThan(0.05);
    expect((await mbpoll(port, 2, '1', 0)).value).toBe(1);
    expect((await mbpoll(port, 3, '3:float', 0x46, { more: ['-B'] })).value).toBeCloseTo(50, 0);
  });

  it('is told of an address that does not exist, and hears nothing from a unit that does not', async () => {
    const { ports } = await start();
    const port = ports.get('mixed') ?? 0;
    expect((await mbpoll(port, 1, '4', 5000)).text).toMatch(/Illegal data address/);
    expect((await mbpoll(port, 9, '4', 0, { waitS: 1 })).text).toMatch(/timed out/i);
  });

  it('has a control page for this machine only, and plays scenarios from it', async () => {
    const { controlPort, simulation } = await start();
    const base = `http://127.0.0.1:${controlPort}`;
    const page = await fetch(`${base}/`);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(await page.text()).toContain('Simulated district');
    const json = { 'content-type': 'application/json' };
    const post = (path: string, body: object, headers: Record<string, string> = json) =>
      fetch(`${base}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    expect((await post('/faults', {}, { ...json, origin: 'https://example.org' })).status).toBe(403);
    expect((await post('/faults', { name: 'burst' })).status).toBe(400);
    expect((await post('/faults', { name: 'burst', device: 'nobody', on: true })).status).toBe(404);
    expect((await fetch(`${base}/elsewhere`)).status).toBe(404);
    expect((await post('/scenarios', { name: 'burst-at-night', speed: 1000 })).status).toBe(200);
    await expect.poll(() => simulation.activeFaults().map(({ name }) => name)).toEqual(['burst']);
    expect((await post('/scenarios', { stop: true })).status).toBe(200);
    await expect.poll(() => simulation.activeFaults()).toEqual([]);
  });

  it('sees a fault that was switched on from outside', async () => {
    const { ports, controlPort } = await start();
    const control = `127.0.0.1:${controlPort}`;
    expect(await runFault({ control, name: 'exception', device: 'fm-01', on: true, value: 6 })).toMatch(/is on, 6/);
    expect((await mbpoll(ports.get('mixed') ?? 0, 1, '4', 0)).text).toMatch(/busy/i);
    await runFault({ control, name: 'exception', device: 'fm-01', on: false });
    expect((await mbpoll(ports.get('mixed') ?? 0, 1, '4:float', 0)).value).toBeGreaterThan(0);
    await expect(runFault({ control, name: 'burst', device: 'nobody', on: true })).rejects.toThrow(/no device/);
  });
});
