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
  const { value } = (await ask(control, '/faults', order)) as { readonly value?: number };
  return `${order.name} at ${order.device} is ${order.on ? `on, ${value}` : 'off'}`;
}

/**
 * Starts a scenario in a running simulation, from now on; what `hanfeng simulate --scenario` calls.
 *
 * @returns one line for the person who asked
 * @throws Error as {@link runFault}; an unknown name lists those there are
 */
export async function runScenario({
  control,
  name,
  speed = 1,
}: {
  readonly control: string;
  readonly name: string;
  readonly speed?: number;
}): Promise<string> {
  const { title } = (await ask(control, '/scenarios', { name, speed })) as { readonly title?: string };
  return `playing ${name}: ${title}`;
}

async function ask(control: string, path: string, body: object): Promise<object> {
  const address = control.replace(/^http:\/\//, '').replace(/\/$/, '');
  const response = await fetch(`http://${address}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: unknown) => {
    throw new Error(`no simulation answers at ${address}; is it running?`, { cause: error });
  });
  const answer = (await response.json()) as { readonly message?: string };
  if (!response.ok) throw new Error(answer.message ?? `refused with ${response.status}`);
  return answer;
}
