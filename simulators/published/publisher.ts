import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import type { PublisherConfig, SimulationConfig } from '../config.ts';
import type { Instrument } from '../instrument.ts';
import type { Closing } from '../serve-line.ts';
import type { Simulation } from '../simulation.ts';
import { PUBLISHED_MODELS } from './models.ts';

/** Messages one device keeps while the broker is away; older ones are lost, as on a meter with little memory. */
const QUEUE_MAX = 20;
const KEEPALIVE_S = 120;
const RECONNECT_MS = 5000;
const STOP_MS = 1000;

/**
 * Devices that publish by themselves: each with a connection and credentials of its own, QoS 1, on
 * `hf/v1/device/<device>/readings`. A device without a password in the file stays silent.
 */
export function startPublishers(
  simulation: Simulation,
  { publishers, mqtt }: Pick<SimulationConfig, 'publishers' | 'mqtt'>,
  {
    env,
    signal,
    log,
  }: { readonly env: Readonly<Record<string, string | undefined>>; readonly signal: AbortSignal; readonly log: Logger },
): Closing {
  const passwords =
    publishers.length === 0 ? {} : readPasswords(join(env.HANFENG_DATA_DIR ?? '.', mqtt.passwordsFile), log);
  const running = publishers.flatMap((publisher) => {
    const instrument = simulation.instruments.get(publisher.id);
    const password = passwords[publisher.id];
    if (instrument === undefined || password === undefined) return [];
    return [
      publish(simulation, { publisher, instrument, password, url: env.HANFENG_MQTT_URL ?? mqtt.url, signal, log }),
    ];
  });
  if (running.length < publishers.length)
    log.warn({ silent: publishers.length - running.length }, 'devices without a password do not publish');
  return { close: () => Promise.all(running.map((stop) => stop())).then(() => undefined) };
}

interface Publishing {
  readonly publisher: PublisherConfig;
  readonly instrument: Instrument;
  readonly password: string;
  readonly url: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

function publish(
  simulation: Simulation,
  { publisher, instrument, password, url, signal, log }: Publishing,
): () => Promise<void> {
  const model = PUBLISHED_MODELS.get(publisher.model);
  const faults = simulation.wire(publisher.id);
  const client: MqttClient = connect(url, {
    clientId: publisher.id,
    username: publisher.id,
    password,
    keepalive: KEEPALIVE_S,
    reconnectPeriod: RECONNECT_MS,
    queueQoSZero: false,
  });
  client.on('error', (error) => log.debug({ device: publisher.id, error: error.message }, 'broker refuses a device'));
  const waiting: string[] = [];
  let last: Readonly<Record<string, number>> | undefined;
  const flush = () => {
    while (client.connected && waiting.length > 0)
      client.publish(`hf/v1/device/${publisher.id}/readings`, waiting.shift() as string, { qos: 1 });
  };
  const speak = () => {
    if (model === undefined || signal.aborted || faults.has('silence')) return;
    const stuck = instrument.activeFaults().has('stuck');
    last = stuck && last !== undefined ? last : model.measure(instrument.of);
    const ts = Date.now();
    const send = () => {
      waiting.push(JSON.stringify({ ts, values: last }));
      if (waiting.length > QUEUE_MAX) waiting.shift();
      flush();
    };
    const late = faults.get('late');
    if (late === undefined) send();
    else setTimeout(send, late).unref();
  };
  client.on('connect', flush);
  // Devices of one kind do not all speak in the same instant: each keeps its own offset.
  const offset = setTimeout(() => {
    speak();
    timer = setInterval(speak, publisher.every);
  }, instrument.phase * Math.min(publisher.every, 5000));
  let timer: NodeJS.Timeout | undefined;
  return async () => {
    clearTimeout(offset);
    clearInterval(timer);
    await Promise.race([client.endAsync(), new Promise((resolve) => setTimeout(resolve, STOP_MS).unref())]);
  };
}

function readPasswords(file: string, log: Logger): Readonly<Record<string, string>> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  } catch (error) {
    log.warn({ file, error: (error as Error).message }, 'no passwords for devices that publish');
    return {};
  }
}
