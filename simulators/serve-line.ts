import { ASCII_MODELS } from './ascii/models.ts';
import { attachAscii } from './ascii/server.ts';
import type { LineConfig } from './config.ts';
import { attachRtu, serveRtuOverTcp } from './modbus/rtu-server.ts';
import { openSerialPort } from './modbus/serial-port.ts';
import { serveTcp } from './modbus/tcp-server.ts';
import type { Simulation } from './simulation.ts';

/** Something that serves and can be closed; `port` where it listens on one. */
export interface Closing {
  readonly port?: number;
  close(): Promise<void>;
}

/** Puts one line on its wire. */
export async function serveLine(simulation: Simulation, config: LineConfig, signal: AbortSignal): Promise<Closing> {
  const line = simulation.lines.get(config.id);
  if (line === undefined) throw new RangeError(`no line ${config.id}`);
  if (config.transport === 'tcp') return serveTcp(line, { ...config.listen, signal });
  if (config.transport === 'rtu-over-tcp')
    return serveRtuOverTcp(line, { ...config.listen, baud: config.baud, signal });
  const port = await openSerialPort(config);
  const pace = { baud: config.baud, signal };
  if (config.transport === 'rtu') attachRtu(line, port, pace);
  for (const device of config.transport === 'ascii' ? config.devices : []) {
    const instrument = simulation.instruments.get(device.id);
    const model = ASCII_MODELS.get(device.model);
    if (instrument === undefined || model === undefined) continue;
    const faults = simulation.wire(config.id);
    attachAscii({ instrument, model, faults, turnaroundMs: config.turnaround, chance: line.chance }, port, pace);
  }
  return port;
}
