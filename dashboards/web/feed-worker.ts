import { browserWorld, type FeedNews, type Link, LiveStream } from './stream.ts';

/** What a tab asks of the shared stream. */
export type FeedRequest = { readonly kind: 'start' | 'try-now' | 'stop' | 'leave' };

/** One live stream for all tabs of this browser: a shared worker holds it, each tab is a port. */
const ports = new Set<MessagePort>();
/** Tabs that went away without a word are forgotten oldest first; more tabs than this nobody watches. */
const PORTS_MAX = 64;

let link: Link = { state: 'connecting' };
let running: AbortController | undefined;

const tellAll = (news: FeedNews) => {
  if (news.kind === 'link') link = news.link;
  for (const port of ports) port.postMessage(news);
};
const stream = new LiveStream(browserWorld, tellAll);

function start(port: MessagePort): void {
  ports.add(port);
  for (const oldest of ports) {
    if (ports.size <= PORTS_MAX) break;
    ports.delete(oldest);
  }
  if (running !== undefined) {
    port.postMessage({ kind: 'link', link } satisfies FeedNews);
    return;
  }
  const run = new AbortController();
  running = run;
  void stream.run(run.signal).finally(() => {
    if (running === run) running = undefined;
  });
}

function stop(): void {
  running?.abort();
  running = undefined;
}

const scope = self as unknown as { onconnect: ((event: MessageEvent) => void) | null };
scope.onconnect = (event) => {
  const port = event.ports[0];
  if (port === undefined) return;
  port.onmessage = ({ data }: MessageEvent<FeedRequest>) => {
    if (data.kind === 'start') start(port);
    else if (data.kind === 'try-now') stream.tryNow();
    else if (data.kind === 'stop') {
      stop();
      tellAll({ kind: 'link', link: { state: 'signed-out' } });
    } else {
      ports.delete(port);
      if (ports.size === 0) stop();
    }
  };
};
