import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseSimulation } from '../../simulators/config.ts';
import { type RunningSimulation, startSimulation } from '../../simulators/main.ts';
import { openSerialPort } from '../../simulators/modbus/serial-port.ts';
import { removeFolder } from '../support/folders.ts';
import { startSerialPair } from '../support/modbus-peers.ts';
import { describeWithPeers } from '../support/peers.ts';
import { freePort, until, untilListening } from '../support/ports.ts';

const ROOT = resolve(import.meta.dirname, '../..');
let folder = '';
let stop = new AbortController();
let running: RunningSimulation | undefined;
const ends: (() => Promise<void> | void)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hf-sim-'));
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await running?.ended;
  for (const end of ends.splice(0)) await end();
  removeFolder(folder);
});

async function start(yaml: string): Promise<RunningSimulation> {
  const { config, mistakes } = parseSimulation(yaml, 'simulate.yaml');
  if (config === undefined) throw new Error(JSON.stringify(mistakes));
  const log = pino({ level: 'silent' });
  running = await startSimulation(config, { root: ROOT, env: { HANFENG_DATA_DIR: folder }, signal: stop.signal, log });
  return running;
}

const line = (wire: string, devices: string) =>
  `{seed: 4, lines: [{id: bus, turnaround: 0, ${wire}, devices: [${devices}]}]}`;
const METERS = `{id: fm-01, unitId: 1, model: taosonics-tuf-2000m, place: water/dma-1/inlet},
  {id: tx-01, unitId: 7, model: lead-ld-bk10, place: substation/transformer}`;

/** @param waitS - how long mbpoll waits for an answer, at most 10 s; short where none is expected */
function mbpollRtu(
  path: string,
  args: readonly string[],
  waitS = 10,
): Promise<{ readonly text: string; readonly tookMs: number }> {
  const began = performance.now();
  return new Promise((done) => {
    execFile(
      'mbpoll',
      ['-m', 'rtu', '-b', '9600', '-P', 'none', '-0', '-1', '-o', String(waitS), ...args, path],
      (_error, out, err) => done({ text: out + err, tookMs: performance.now() - began }),
    );
  });
}
const firstValue = (text: string) => Number(/^\[\d+\]:\s+(\S+)/m.exec(text)?.[1]);

describeWithPeers(['socat', 'mbpoll'], 'a simulated line on a serial wire', () => {
  it('answers mbpoll in RTU frames, several units on one wire', async () => {
    const pair = await startSerialPair(folder);
    ends.push(() => pair.stop());
    const { simulation } = await start(line(`transport: rtu, path: ${pair.theirs}, baud: 9600`, METERS));
    const flow = await mbpollRtu(pair.ours, ['-a', '1', '-t', '4:float', '-r', '0', '-c', '1']);
    expect(Math.abs(firstValue(flow.text) / (simulation.values()['fm-01']?.flow ?? 0) - 1)).toBeLessThan(0.05);
    const winding = await mbpollRtu(pair.ours, ['-a', '7', '-t', '4', '-r', '0', '-c', '1']);
    expect(firstValue(winding.text)).toBeGreaterThan(50);
  });

  it('takes as long as the bits take on a wire of its baud rate', async () => {
    const pair = await startSerialPair(folder);
    ends.push(() => pair.stop());
    await start(line(`transport: rtu, path: ${pair.theirs}, baud: 600`, METERS));
    // 8 bytes asked and 5 + 2 * 100 answered, 11 bits each, at 600 baud: 3.9 s; mbpoll waits no longer than it is told.
    const slow = await mbpollRtu(pair.ours, ['-a', '1', '-t', '4', '-r', '0', '-c', '100'], 2);
    expect(slow.text).toMatch(/timed out/i);
    const short = await mbpollRtu(pair.ours, ['-a', '1', '-t', '4', '-r', '0', '-c', '20']);
    expect(firstValue(short.text)).toBeGreaterThan(0);
    expect(short.tookMs).toBeGreaterThan(((8 + 5 + 40) * 11 * 1000) / 600);
  });

  it('spoils check sums when told to, and stays silent towards frames that are spoilt', async () => {
    const pair = await startSerialPair(folder);
    ends.push(() => pair.stop());
    const { simulation } = await start(line(`transport: rtu, path: ${pair.theirs}, baud: 9600`, METERS));
    simulation.order({ name: 'bad-crc', device: 'fm-01', on: true });
    const spoilt = await mbpollRtu(pair.ours, ['-a', '1', '-t', '4', '-r', '0', '-c', '1'], 2);
    expect(spoilt.text).toMatch(/invalid crc|timed out/i);
    simulation.order({ name: 'bad-crc', device: 'fm-01', on: false });
    const good = await mbpollRtu(pair.ours, ['-a', '1', '-t', '4', '-r', '0', '-c', '1']);
    expect(good.text).toMatch(/^\[0\]:/m);
  });

  it('speaks text: on a prompt, or by itself', async () => {
    const pair = await startSerialPair(folder);
    ends.push(() => pair.stop());
    await start(
      line(
        `transport: ascii, path: ${pair.theirs}, baud: 9600`,
        '{id: ht-01, model: vaisala-hmt330, place: weather/station}',
      ),
    );
    const ours = await openSerialPort({ path: pair.ours, baud: 9600, parity: 'none' });
    ends.push(() => ours.close());
    let heard = '';
    ours.on('data', (bytes) => {
      heard += bytes.toString('latin1');
    });
    ours.write(Buffer.from('send\r'));
    await until('an answer', () => /^RH=\s+\d+\.\d %RH T=\s+-?\d+\.\d 'C\r\n$/.test(heard));
  });
});

describe('a simulated line as RTU inside TCP', () => {
  it('answers a frame in pieces, forgets noise after a silence, and ignores a wrong check sum', async () => {
    const { ports } = await start(line('transport: rtu-over-tcp, listen: "127.0.0.1:0", baud: 19200', METERS));
    const socket = createConnection({ host: '127.0.0.1', port: ports.get('bus') ?? 0 });
    ends.push(() => void socket.destroy());
    let heard = Buffer.alloc(0);
    socket.on('data', (bytes) => {
      heard = Buffer.concat([heard, bytes]);
    });
    // The manual's own request to a TUF-2000M for registers 1..10.
    const ask = Buffer.from('01030000000ac5cd', 'hex');
    socket.write(Buffer.from('ff00a1', 'hex'));
    await new Promise((wait) => setTimeout(wait, 500));
    socket.write(ask.subarray(0, 3));
    socket.write(ask.subarray(3));
    await until('an answer', () => heard.length === 25);
    expect(heard.subarray(0, 3).toString('hex')).toBe('010314');
    socket.write(Buffer.from('01030000000ac5ce', 'hex'));
    socket.write(Buffer.alloc(600, 1));
    await new Promise((wait) => setTimeout(wait, 500));
    socket.write(ask);
    await until('a second answer', () => heard.length === 50);
  });
});

describeWithPeers(['mbpoll'], 'a serial gateway with hundreds of devices behind one address', () => {
  it('answers for each of 240 units with its own values', async () => {
    const devices = Array.from(
      { length: 240 },
      (_, index) =>
        `{id: d-${index + 1}, unitId: ${index + 1}, model: generic-rs485-pressure, place: water/node/dma-1-r${1 + (index % 9)}c${1 + (index % 8)}}`,
    );
    const { ports, simulation } = await start(line('transport: tcp, listen: "127.0.0.1:0"', devices.join(', ')));
    const text = await new Promise<string>((done) => {
      const args = ['-m', 'tcp', '-p', String(ports.get('bus')), '-a', '1:240', '-0', '-t', '4', '-r', '4', '-c', '1'];
      execFile('mbpoll', [...args, '-o', '10', '-1', '127.0.0.1'], (_error, out, err) => done(out + err));
    });
    const values = [...text.matchAll(/^\[4\]:\s+(\d+)/gm)].map(([, value]) => Number(value) / 10);
    expect(values).toHaveLength(240);
    expect(new Set(values).size).toBeGreaterThan(100);
    values.forEach((value, index) => {
      expect(Math.abs(value / (simulation.values()[`d-${index + 1}`]?.pressure ?? 0) - 1)).toBeLessThan(0.05);
    });
  });
});

describeWithPeers(['mosquitto'], 'a simulated device that publishes by itself', () => {
  it('publishes with its own credentials, and stays silent without', async () => {
    const port = await freePort();
    writeFileSync(join(folder, 'mosquitto.conf'), `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
    const program = existsSync('/usr/sbin/mosquitto') ? '/usr/sbin/mosquitto' : 'mosquitto';
    const broker = spawn(program, ['-c', join(folder, 'mosquitto.conf')], { stdio: 'ignore' });
    ends.push(() => void broker.kill());
    // mosquitto_sub ends for good when its first connection is refused.
    await untilListening(port);
    let heard = '';
    const listener = spawn('mosquitto_sub', ['-p', String(port), '-t', 'hf/v1/device/+/readings', '-v']);
    ends.push(() => void listener.kill());
    listener.stdout.on('data', (bytes) => {
      heard += String(bytes);
    });
    writeFileSync(join(folder, 'mqtt-passwords.json'), JSON.stringify({ 'cm-01': 'secret' }));
    await start(`{seed: 4, mqtt: {url: "mqtt://127.0.0.1:${port}"}, publishers: [
      {id: cm-01, model: nb-water-meter, place: water/customer/1, every: 200ms},
      {id: cm-02, model: nb-water-meter, place: water/customer/2, every: 200ms}]}`);
    await until('three messages', () => heard.trim().split('\n').length >= 3);
    const [topic, text] = heard.split('\n')[0]?.split(' ') ?? [];
    expect(topic).toBe('hf/v1/device/cm-01/readings');
    const { ts, values } = JSON.parse(text ?? '{}') as { ts: number; values: Record<string, number> };
    expect(Math.abs(Date.now() - ts)).toBeLessThan(120_000);
    expect(Object.keys(values)).toEqual(['total', 'flow']);
    expect(heard).not.toContain('cm-02');
  });
});
