import type { FeedRequest } from './feed-worker.ts';
import { browserWorld, type FeedNews, LiveStream } from './stream.ts';

/** The live feed as one tab sees it; one stream serves all tabs of the browser. */
export interface Feed {
  tryNow(): void;
  /** Ends the stream for all tabs: somebody signed out. */
  stop(): void;
  close(): void;
}

const LOCK = 'hanfeng-feed';

/**
 * Joins the shared stream: by a shared worker, else by one leading tab that tells the others, else alone.
 * Never polls.
 */
export function openFeed(tell: (news: FeedNews) => void): Feed {
  if (typeof SharedWorker === 'function') return joinWorker(tell);
  if (typeof BroadcastChannel === 'function' && navigator.locks !== undefined) return joinLeader(tell);
  return runAlone(tell);
}

function joinWorker(tell: (news: FeedNews) => void): Feed {
  const worker = new SharedWorker(new URL('./feed-worker.ts', import.meta.url), { type: 'module', name: LOCK });
  const ask = (kind: FeedRequest['kind']) => worker.port.postMessage({ kind } satisfies FeedRequest);
  worker.port.onmessage = ({ data }: MessageEvent<FeedNews>) => tell(data);
  const onHide = () => ask('leave');
  // A page that comes back from the browser's memory has missed what was told meanwhile.
  const onShow = (event: PageTransitionEvent) => event.persisted && ask('start');
  addEventListener('pagehide', onHide);
  addEventListener('pageshow', onShow);
  ask('start');
  return {
    tryNow: () => ask('try-now'),
    stop: () => ask('stop'),
    close() {
      removeEventListener('pagehide', onHide);
      removeEventListener('pageshow', onShow);
      ask('leave');
      worker.port.close();
    },
  };
}

type TabNews = FeedNews | { readonly kind: 'joined' } | { readonly kind: 'ask-try' } | { readonly kind: 'ask-stop' };

function joinLeader(tell: (news: FeedNews) => void): Feed {
  const channel = new BroadcastChannel(LOCK);
  const leaving = new AbortController();
  let leading: { readonly stream: LiveStream; readonly run: AbortController } | undefined;
  let link: FeedNews | undefined;
  channel.onmessage = ({ data }: MessageEvent<TabNews>) => {
    if (data.kind === 'link' || data.kind === 'event') tell(data);
    else if (data.kind === 'joined' && leading !== undefined && link !== undefined) channel.postMessage(link);
    else if (data.kind === 'ask-try') leading?.stream.tryNow();
    else if (data.kind === 'ask-stop') leading?.run.abort();
  };
  const lead = async () => {
    const run = new AbortController();
    leaving.signal.addEventListener('abort', () => run.abort(), { once: true });
    const stream = new LiveStream(browserWorld, (news) => {
      if (news.kind === 'link') link = news;
      tell(news);
      channel.postMessage(news);
    });
    leading = { stream, run };
    await stream.run(run.signal);
    leading = undefined;
  };
  void navigator.locks.request(LOCK, { signal: leaving.signal }, lead).catch(() => undefined);
  channel.postMessage({ kind: 'joined' } satisfies TabNews);
  const ask = (kind: 'ask-try' | 'ask-stop') => channel.postMessage({ kind } satisfies TabNews);
  return {
    tryNow() {
      leading?.stream.tryNow();
      ask('ask-try');
    },
    stop() {
      leading?.run.abort();
      ask('ask-stop');
      const signedOut: FeedNews = { kind: 'link', link: { state: 'signed-out' } };
      channel.postMessage(signedOut);
      tell(signedOut);
    },
    close() {
      leaving.abort();
      channel.close();
    },
  };
}

function runAlone(tell: (news: FeedNews) => void): Feed {
  const run = new AbortController();
  const stream = new LiveStream(browserWorld, tell);
  void stream.run(run.signal);
  return {
    tryNow: () => stream.tryNow(),
    stop() {
      run.abort();
      tell({ kind: 'link', link: { state: 'signed-out' } });
    },
    close: () => run.abort(),
  };
}
