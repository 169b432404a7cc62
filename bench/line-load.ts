import { Agent, request } from 'node:http';
import { mixedValue } from './workload.ts';

/** Line protocol over HTTP, for the stores we stand beside. */
export interface LineTask {
  /** Answers 204 once the lines are stored. */
  readonly url: string;
  readonly points: number;
  readonly rounds: number;
  readonly linesPerRequest: number;
  readonly inFlight: number;
  /** Source time of the first round, ms; rounds are a second apart. */
  readonly from: number;
}

export interface LineReport {
  readonly readings: number;
  readonly failed: number;
  readonly seconds: number;
}

process.once('message', (task: LineTask) => {
  run(task).then(
    (report) => process.send?.(report),
    (error: Error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => process.exit(0));

async function run({ url, points, rounds, linesPerRequest, inFlight, from }: LineTask): Promise<LineReport> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const started = performance.now();
  const total = points * rounds;
  let next = 0;
  let failed = 0;
  const worker = async () => {
    while (next < total) {
      const first = next;
      next = Math.min(total, first + linesPerRequest);
      const lines: string[] = [];
      for (let index = first; index < next; index++) {
        const point = index % points;
        const round = Math.floor(index / points);
        lines.push(`readings,point=p${point} value=${mixedValue(point, round)} ${from + round * 1000}`);
      }
      const status = await post(url, lines.join('\n'), agent);
      if (status !== 204) failed += next - first;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  agent.destroy();
  return { readings: total - failed, failed, seconds: (performance.now() - started) / 1000 };
}

function post(url: string, body: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
    });
    sent.once('error', reject);
    sent.end(body);
  });
}
