import { pino } from 'pino';
import { runEdge } from '../edge/main.ts';

/** The agent as its own process: `edge-agent.js CONFIG ROOT`. */
const [configFile = '', root = ''] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
await runEdge({
  configFile,
  root,
  env: { HANFENG_MQTT_PASSWORD: 'bench' },
  signal: stop.signal,
  log: pino({ level: process.env.HANFENG_LOG_LEVEL ?? 'error' }, pino.destination(2)),
});
process.exit(0);
