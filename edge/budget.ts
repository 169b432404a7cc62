import type { LineConfig } from './config.ts';
import { TABLES } from './model.ts';
import type { Block } from './plan.ts';

/** Time a device takes to think, where nothing was measured yet: typical of meters on RS-485. */
const TURNAROUND_MS = 30;
/** Round trip on a wired network, where nothing was measured yet. */
const NETWORK_MS = 5;
const REQUEST_BYTES = 8;

/** How much of its time a line needs for its plan. */
export interface Budget {
  /** The shortest period of anything on the line. */
  readonly cycleMs: number;
  /** What all requests that fall into one such period take, on average. */
  readonly neededMs: number;
  /** neededMs / cycleMs; above 1 the plan can't be kept. */
  readonly load: number;
  readonly requestsPerSecond: number;
  readonly valuesPerSecond: number;
}

/** A request that is sent at a steady rate. */
export interface PlannedRequest {
  readonly block: Block;
  readonly everyMs: number;
  /** Silence its device needs before it. */
  readonly pauseMs: number;
  /** Round trip as measured; undefined: computed from baud rate and turnaround. */
  readonly measuredMs?: number | undefined;
  /** Values it brings. */
  readonly values: number;
}

/** Silence of 3.5 characters; fixed above 19200 baud (Modbus over serial line V1.02, 2.5.1.1). */
export function silentIntervalMs(baud: number): number {
  return baud > 19_200 ? 1.75 : (3.5 * 11 * 1000) / baud;
}

/** What a request costs its line: silence, request, turnaround, reply. */
export function requestMs(line: LineConfig, { block, pauseMs, measuredMs }: PlannedRequest): number {
  if (line.transport === 'tcp') return Math.max(line.interFrame, pauseMs) + (measuredMs ?? NETWORK_MS);
  if (line.transport === 'ascii' || line.transport === 'ascii-over-tcp') return measuredMs ?? TURNAROUND_MS;
  const silenceMs = Math.max(line.interFrame, pauseMs, silentIntervalMs(line.baud));
  if (measuredMs !== undefined) return silenceMs + measuredMs;
  const replyBytes = TABLES[block.table] <= 2 ? 5 + Math.ceil(block.count / 8) : 5 + 2 * block.count;
  return silenceMs + (REQUEST_BYTES + replyBytes) * characterMs(line) + TURNAROUND_MS;
}

/** One character on the wire: start bit, data, parity, stop bits. */
function characterMs(line: Extract<LineConfig, { transport: 'rtu' | 'rtu-over-tcp' }>): number {
  const bits = 'dataBits' in line ? 1 + line.dataBits + (line.parity === 'none' ? 0 : 1) + line.stopBits : 10;
  return (bits * 1000) / line.baud;
}

/** The time budget of a line's plan; undefined when nothing is planned. */
export function budgetOf(line: LineConfig, planned: readonly PlannedRequest[]): Budget | undefined {
  if (planned.length === 0) return undefined;
  const cycleMs = Math.min(...planned.map((one) => one.everyMs));
  const sum = (of: (one: PlannedRequest) => number) => planned.reduce((total, one) => total + of(one), 0);
  const inFlight = line.transport === 'tcp' ? line.maxInFlight : 1;
  const load = sum((one) => requestMs(line, one) / one.everyMs) / inFlight;
  return {
    cycleMs,
    neededMs: Math.round(load * cycleMs),
    load: Math.round(load * 1000) / 1000,
    requestsPerSecond: Math.round(sum((one) => 1000 / one.everyMs) * 100) / 100,
    valuesPerSecond: Math.round(sum((one) => (one.values * 1000) / one.everyMs) * 100) / 100,
  };
}
