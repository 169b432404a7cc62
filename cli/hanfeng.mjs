#!/usr/bin/env node
import { build, endWhenTold, install } from './bootstrap.mjs';

const [, , name, first = '--'] = process.argv;
const isServing = ['gateway', 'edge', 'simulate', 'demo'].includes(name) && first.startsWith('-');
const leave = endWhenTold(isServing);
await install();
await build();
// What serves is ended in order from its first moment on; what does not ends as any other command.
if (!isServing) leave();
await import('../dist/cli/hanfeng.js');
