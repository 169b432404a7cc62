/** What runs until it is told to stop. Told before it has begun, it has nothing to put in order and is done. */
const SERVING = new Set(['gateway', 'edge', 'simulate', 'demo']);
const [, , name = '', first = '--'] = process.argv;

// `edge status` or `simulate fault` was not done when it was ended: the signal says so.
if (SERVING.has(name) && first.startsWith('-')) {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // The first of all listeners: as soon as there is another one, that is who ends us, in order.
    if (process.listenerCount(signal) === 0)
      process.on(signal, () => {
        if (process.listenerCount(signal) === 1) process.exit(0);
      });
  }
}

// Everything else is loaded behind it: that takes longer than a supervisor may wait before it changes its mind.
await import('./commands.ts');

export {};
