import type { FaultOrder } from './simulation.ts';

const TIMEOUT_MS = 5000;

/**
 * Switches a fault of a running simulation on or off; what `hanfeng simulate fault` calls.
 *
 * @param order.control - `host:port`, or `http://host:port`, of the simulation's control face
 * @returns one line for the person who asked
 * @throws Error with a reason a person can act on: nothing listens there, unknown device, unknown fault
 */
export async function runFault({ control, ...order }: FaultOrder & { readonly control: string }): Promise<string> {
  const address = control.replace(/^http:\/\//, '').replace(/\/$/, '');
  const response = await fetch(`http://${address}/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(order),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: unknown) => {
    throw new Error(`no simulation answers at ${address}; is it running?`, { cause: error });
  });
  const answer = (await response.json()) as { readonly message?: string; readonly value?: number };
  if (!response.ok) throw new Error(answer.message ?? `refused with ${response.status}`);
  return `${order.name} at ${order.device} is ${order.on ? `on, ${answer.value}` : 'off'}`;
}
