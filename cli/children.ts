import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ONE_HELPER, START_ENV } from '../gateway/heap.ts';

/** One line of a child's log, parsed, or the bare text when it was not JSON. */
export interface LogLine {
  readonly process: string;
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** It was no line of the log, but text such as a report of mistakes. */
  readonly isBare?: true;
}

/** A `hanfeng` process of its own; ends when its standard input closes, so that it never outlives us. */
export interface Child {
  readonly name: string;
  readonly pid: number | undefined;
  /** Exit code, or null after a signal. */
  readonly ended: Promise<number | null>;
  readonly hasEnded: () => boolean;
  /** SIGTERM; SIGKILL after the deadline. */
  stop(deadlineMs: number): Promise<void>;
  /** SIGKILL, at once. */
  kill(): Promise<void>;
}

export interface ChildOptions {
  readonly name: string;
  readonly root: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onLine: (line: LogLine) => void;
}

/** Starts `hanfeng <args>` as a process of its own group: a Ctrl-C of the terminal reaches only us. */
export function startChild({ name, root, args, env, onLine }: ChildOptions): Child {
  const child: ChildProcess = spawn(process.execPath, [ONE_HELPER, join(root, 'dist', 'cli', 'hanfeng.js'), ...args], {
    // As cli/hanfeng.cjs has them; they can only be said before a start.
    env: { ...START_ENV, ...env, HANFENG_END_WITH_STDIN: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  child.stdin?.on('error', () => {});
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on('line', (text) => onLine(parseLine(name, text)));
  }
  let over = false;
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(1));
    child.once('exit', (code) => resolve(code));
  }).then((code) => {
    over = true;
    return code;
  });
  return {
    name,
    pid: child.pid,
    ended,
    hasEnded: () => over,
    async stop(deadlineMs) {
      if (over) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
      await ended;
      clearTimeout(timer);
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function parseLine(name: string, text: string): LogLine {
  if (text.startsWith('{')) {
    try {
      const { level, msg, time: _time, process: _process, ...fields } = JSON.parse(text) as Record<string, unknown>;
      return { process: name, level: String(level ?? 'info'), message: String(msg ?? ''), fields };
    } catch {
      // Not JSON after all: shown as it is.
    }
  }
  return { process: name, level: 'info', message: text, fields: {}, isBare: true };
}
