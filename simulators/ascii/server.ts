import { setTimeout as sleep } from 'node:timers/promises';
import type { Instrument } from '../instrument.ts';
import type { ByteStream, RtuOptions } from '../modbus/rtu-server.ts';
import { wireTimeMs } from '../modbus/rtu-server.ts';
import type { WireFaults } from '../wire.ts';
import type { AsciiModel } from './models.ts';

/** A prompt is a few characters; whatever grows beyond is noise. */
const PROMPT_BYTES_MAX = 64;

export interface AsciiLine {
  readonly instrument: Instrument;
  readonly model: AsciiModel;
  readonly faults: WireFaults;
  readonly turnaroundMs: number;
  readonly chance: () => number;
}

/** Serves one instrument that speaks text on a stream, at the pace of its wire. */
export function attachAscii(line: AsciiLine, stream: ByteStream, { baud, signal }: RtuOptions): void {
  const { model, instrument, faults } = line;
  let last = '';
  const speak = async () => {
    if (faults.has('silence') || signal.aborted) return;
    // A stuck instrument goes on speaking, always the same words.
    last = instrument.activeFaults().has('stuck') && last !== '' ? last : model.line(instrument.of);
    const bytes = Buffer.from(spoilt(last, line), 'latin1');
    const waitMs = line.turnaroundMs + (faults.get('late') ?? 0) + wireTimeMs(bytes.length, baud);
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) stream.write(bytes);
  };
  const { prompt } = model;
  if (prompt === undefined) {
    const timer = setInterval(() => void speak(), model.everyMs ?? 1000);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    return;
  }
  let heard = '';
  stream.on('data', (bytes) => {
    heard = (heard + bytes.toString('latin1')).slice(-PROMPT_BYTES_MAX);
    if (!heard.toUpperCase().includes(prompt)) return;
    heard = '';
    void speak();
  });
}

function spoilt(text: string, { faults, chance }: AsciiLine): string {
  if (chance() * 100 < (faults.get('noise') ?? 0)) return `\x00\xff${text.slice(2)}`;
  return chance() * 100 < (faults.get('bad-crc') ?? 0) ? text.slice(0, Math.ceil(text.length / 2)) : text;
}
