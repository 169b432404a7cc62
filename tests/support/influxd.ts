import { type ChildProcess, spawn } from 'node:child_process';
import { writeInfluxdbConfig } from '../../bench/peer-stores.ts';
import { freePort, until } from './ports.ts';

/** An InfluxDB 1 of its own, below a folder, that can go away and come back with what it had. */
export class Influxd {
  readonly url: string;
  private readonly config: string;
  private child: ChildProcess | undefined;

  private constructor(url: string, config: string) {
    this.url = url;
    this.config = config;
  }

  /** @param auth - every request needs the login of a user */
  static async start(folder: string, { auth = false } = {}): Promise<Influxd> {
    const [port, rpc] = [await freePort(), await freePort()];
    const config = await writeInfluxdbConfig(folder, { port, rpc, auth });
    const influxd = new Influxd(`http://127.0.0.1:${port}`, config);
    await influxd.comeBack();
    return influxd;
  }

  async comeBack(): Promise<void> {
    this.child = spawn('influxd', ['-config', this.config], { stdio: 'ignore' });
    await until('influxd answers', () =>
      fetch(`${this.url}/ping`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
  }

  async goAway(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill(signal);
    await ended;
  }

  /** Rows of all series of one statement, as objects with their tags. */
  async rows(q: string, login?: string): Promise<Readonly<Record<string, unknown>>[]> {
    const answer = await fetch(`${this.url}/query?db=hanfeng&epoch=ms`, {
      method: 'POST',
      body: new URLSearchParams({ q }),
      headers: login === undefined ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` },
    });
    const { results } = (await answer.json()) as {
      results: { series?: { name: string; tags?: object; columns: string[]; values: unknown[][] }[]; error?: string }[];
    };
    if (results[0]?.error !== undefined) throw new Error(results[0].error);
    return (results[0]?.series ?? []).flatMap(({ name, tags, columns, values }) =>
      values.map((row) => ({
        series: name,
        ...tags,
        ...Object.fromEntries(columns.map((column, index) => [column, row[index]])),
      })),
    );
  }
}
