#!/usr/bin/env node
import { build, install } from './bootstrap.mjs';

install();
build();
await import('../dist/cli/hanfeng.js');
