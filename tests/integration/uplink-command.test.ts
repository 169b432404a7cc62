import { createServer, type Server } from 'node:net';
import { server as modbus } from 'jsmodbus';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startCountedEdge } from '../support/counted-edge.ts';
import { GatewayModel } from '../support/gateway-model.ts';
import { describeWithPeers } from '../support/peers.ts';
import { until } from '../support/ports.ts';

const SPEED = 0;
const REMOTE = 1;
const STUCK = 2;

describeWithPeers(['mosquitto'], 'a command through broker and edge to a device', () => {
  let registers: Buffer;
  let fan: Server;
  let rig: Awaited<ReturnType<typeof startCountedEdge>>;
  let gateway: GatewayModel;
  let ids = 0;

  beforeEach(async () => {
    registers = Buffer.alloc(20);
    registers.writeUInt16BE(1, REMOTE * 2);
    fan = createServer({ noDelay: true });
    const device = new modbus.TCP(fan, { holding: registers });
    // A register that takes writes and keeps its value, as some drives do.
    device.on('postWriteSingleRegister', () => registers.writeUInt16BE(7, STUCK * 2));
    device.on('postWriteMultipleRegisters', () => registers.writeUInt16BE(7, STUCK * 2));
    await new Promise<void>((done) => fan.listen(0, '127.0.0.1', done));
    rig = await startCountedEdge({
      models: {
        fan: {
          model: 'fan',
          name: 'Test fan with a remote switch',
          maker: 'Hanfeng',
          class: 'other',
          sources: { own: 'tests/integration/uplink-command.test.ts' },
          defaults: { table: 'holding-registers', type: 'uint16', source: 'own' },
          points: {
            speed: { address: SPEED, writable: { range: [0, 100] } },
            remote: { address: REMOTE },
            stuck: { address: STUCK, writable: { range: [0, 100] } },
          },
        },
      },
      lines: [
        {
          id: 'line-fan',
          transport: 'tcp',
          host: '127.0.0.1',
          port: (fan.address() as { port: number }).port,
          devices: [{ id: 'fan-1', model: 'fan', every: '200ms' }],
        },
      ],
      commands: {
        points: {
          'fan-1/speed': {
            range: [0, 80],
            select: true,
            remote: { point: 'fan-1/remote', is: 1, maxAge: '20s' },
            notFasterThan: '10ms',
          },
        },
      },
    });
    gateway = new GatewayModel('gw', 'edge-1');
    rig.startBroker();
    gateway.start(rig.url);
    rig.startEdge();
    await until('the fan is read', () => gateway.values.some(({ point }) => point === 'fan-1/remote'));
  });
  afterEach(async () => {
    await gateway.stop();
    await rig.close();
    await new Promise<void>((done) => fan.close(() => done()));
  });

  async function ask(command: Record<string, unknown>): Promise<Record<string, unknown>> {
    const id = `c-${++ids}`;
    gateway.publishCommand(JSON.stringify({ id, device: 'fan-1', ttlMs: 60_000, ...command }));
    const text = await until(`the result of ${id}`, () => gateway.results.find((result) => result.includes(`"${id}"`)));
    return JSON.parse(text) as Record<string, unknown>;
  }

  it('is selected, written, read back, and the new value comes as a reading', async () => {
    const direct = await ask({ point: 'speed', value: 40 });
    expect(direct).toMatchObject({ status: 'rejected', reason: expect.stringMatching(/^select-first/) });
    const { id, status } = await ask({ point: 'speed', value: 40, mode: 'select' });
    expect(status).toBe('selected');
    expect(registers.readUInt16BE(SPEED * 2)).toBe(0);
    expect(await ask({ point: 'speed', value: 40, mode: 'operate', select: id })).toMatchObject({
      status: 'done',
      readBack: 40,
    });
    expect(registers.readUInt16BE(SPEED * 2)).toBe(40);
    await until('the reading', () =>
      gateway.values.some(({ point, value }) => point === 'fan-1/speed' && value === 40),
    );
  });

  it('is refused outside its range and while the switch is on local', async () => {
    expect(await ask({ point: 'speed', value: 90, mode: 'select' })).toMatchObject({
      reason: expect.stringMatching(/^out-of-range/),
    });
    registers.writeUInt16BE(0, REMOTE * 2);
    await until('local is seen', () =>
      gateway.values.some(({ point, value }) => point === 'fan-1/remote' && value === 0),
    );
    expect(await ask({ point: 'speed', value: 20, mode: 'select' })).toMatchObject({
      status: 'rejected',
      reason: expect.stringMatching(/^local/),
    });
    expect(registers.readUInt16BE(SPEED * 2)).toBe(0);
  });

  it('is not called done when the device reads back something else', async () => {
    expect(await ask({ point: 'stuck', value: 50 })).toMatchObject({
      status: 'failed',
      readBack: 7,
      reason: expect.stringMatching(/^read-back/),
    });
  });
});
