import type { InstrumentModel, QuantityOf } from '../registers/model.ts';

/** An instrument that speaks lines of text: on a prompt, or all the time. */
export interface AsciiModel extends InstrumentModel {
  /** What it waits for; without it the instrument streams. */
  readonly prompt?: string;
  /** How often it streams, ms. */
  readonly everyMs?: number;
  line(of: QuantityOf): string;
}

/**
 * Vaisala HMT330 humidity and temperature transmitter: `SEND` asks for one line.
 *
 * @see HMT330 user's guide, serial line commands
 */
const hmt330: AsciiModel = {
  name: 'vaisala-hmt330',
  noise: { humidity: 0.002 },
  counters: [],
  prompt: 'SEND\r',
  line: (of) =>
    `RH= ${of('humidity').toFixed(1).padStart(5)} %RH T= ${of('temperature').toFixed(1).padStart(5)} 'C\r\n`,
};

/** A level gauge that streams its level and echo strength twice a second. */
const streamLevel: AsciiModel = {
  name: 'generic-stream-level',
  noise: { level: 0.001 },
  counters: [],
  everyMs: 500,
  line: (of) => `L=${signed(of('level'))}m Q=98\r\n`,
};

function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(3).padStart(6, '0')}`;
}

export const ASCII_MODELS: ReadonlyMap<string, AsciiModel> = new Map(
  [hmt330, streamLevel].map((model) => [model.name, model]),
);
