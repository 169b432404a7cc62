// One scenario, or a batch of them (names with commas between), against the real gateway, edges and simulator, together in this
// process, which lives faster than the wall clock (dist/simulators/fast-clock.js is preloaded). Prints one line of JSON with the
// alarms that were raised.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import pino from 'pino';
import { parse, stringify } from 'yaml';

const [root, dist, name, folder] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(join(dist, path)).href);
const [{ runGateway }, { runEdge }, { startSimulation }, { parseSimulation }, scenarios, { openAccounts }] =
  await Promise.all([
    load('gateway/run.js'),
    load('edge/main.js'),
    load('simulators/main.js'),
    load('simulators/config.js'),
    load('simulators/scenario.js'),
    load('gateway/accounts.js'),
  ]);

const SETTLE_MS = 25_000;
/** Of the true clock, which process.uptime() keeps: starting takes no less because this process lives faster. */
const READY_S = 200;
/** Time-outs shrink with the clock; above this speed a busy machine alone would cause them, so they are made longer there. */
const TRUE_TIMEOUTS_UP_TO = 8;
const PASSWORD = 'Scenario-Passw0rd-1';
const known = scenarios.readScenarios(root);
const unknown = name.split(',').filter((one) => !known.has(one));
if (unknown.length > 0) throw new Error(`no scenario ${unknown}`);
const scenario = scenarios.joinBatch(name.split(',').map((one) => known.get(one)));

const patience = scenario.speed > TRUE_TIMEOUTS_UP_TO ? { timeout: '20s', connectTimeout: '60s' } : {};
const demo = join(root, 'examples', 'demo');
const log = pino({ level: process.env.SCENARIO_LOG ?? 'warn' }, pino.destination(2));
const stop = new AbortController();
const dataDir = join(folder, 'gateway');
mkdirSync(join(folder, 'simulate'), { recursive: true });
mkdirSync(dataDir, { recursive: true });

const edgeFiles = scenario.edges.map((id) => ({ id, config: parse(readFileSync(join(demo, `${id}.yaml`), 'utf8')) }));
const text = parse(readFileSync(join(demo, 'simulate.yaml'), 'utf8'));
const served = new Set(edgeFiles.flatMap(({ config }) => config.lines.map(({ port }) => port)));
text.lines = text.lines
  .filter((line) => served.has(Number(line.listen.split(':')[1])))
  .filter(({ id }) => scenario.lines === undefined || scenario.lines.includes(id));
const demoPorts = new Map(text.lines.map((line) => [Number(line.listen.split(':')[1]), line.id]));
for (const line of text.lines) line.listen = '127.0.0.1:0';
delete text.control;
const publishers = (text.publishers ?? []).filter(({ id }) => usesDevice(id) || scenario.lines === undefined);
const { config, mistakes } = parseSimulation(
  stringify({ ...text, publishers, seed: scenario.seed, speed: 1 }),
  'simulate.yaml',
);
if (config === undefined) throw new Error(JSON.stringify(mistakes));

const accounts = await openAccounts(dataDir, Date.now);
const secrets = {};
for (const { id } of edgeFiles) secrets[id] = (await accounts.addCredential('edge', id)).secret;
const passwords = {};
for (const { id } of publishers) passwords[id] = (await accounts.addCredential('device', id)).secret;
writeFileSync(join(folder, 'simulate', 'mqtt-passwords.json'), JSON.stringify(passwords));

// Ports are those that the system gives to whoever listens: several hosts run side by side.
let onReady;
const ready = new Promise((done) => {
  onReady = done;
});
const gateway = runGateway({
  configFile: gatewayFile(),
  root,
  env: {
    HANFENG_DATA_DIR: dataDir,
    HANFENG_HTTP_PORT: '0',
    HANFENG_MQTT_PORT: '0',
    HANFENG_ADMIN_PASSWORD: PASSWORD,
  },
  signal: stop.signal,
  log: log.child({ process: 'gateway' }),
  onReady,
});
gateway.catch(fail);
const { httpPort, mqttPort } = await ready;
const base = `http://127.0.0.1:${httpPort}`;
const mqttUrl = `mqtt://127.0.0.1:${mqttPort}`;
await until('the gateway is ready', async () => (await fetch(`${base}/readyz`)).ok);

const running = await startSimulation(config, {
  root,
  env: { HANFENG_DATA_DIR: join(folder, 'simulate'), HANFENG_MQTT_URL: mqttUrl },
  signal: stop.signal,
  log: log.child({ process: 'simulate' }),
});
// From the first reading on: what stands still while the others start makes silences too.
const stalls = watchStalls();
const edges = new Map();
for (const { id, config: edge } of edgeFiles) startEdge(id, edge);

const cookie = await signIn();
const expected = config.lines.flatMap((line) => line.devices).length;
await until('every device has been heard', async () => {
  const { points } = await get('/api/v1/points?limit=1000');
  const heard = new Set(points.filter(({ last }) => last?.quality === 'good').map(({ device }) => device));
  return config.lines.flatMap((line) => line.devices).filter(({ id }) => heard.has(id)).length >= expected;
});
await sleep(SETTLE_MS);
const began = Date.now();
await scenarios.playTimeline(scenario.timeline, { sleep, act });
await sleep(Math.max(0, scenario.lasts - (Date.now() - began)));

const alarms = await raised();
process.stdout.write(
  `${JSON.stringify({ alarms, tookMs: Date.now() - began, devices: expected, stalledMs: stalls() })}\n`,
);
for (const { controller } of edges.values()) controller.abort();
await Promise.all([...edges.values()].map(({ ended }) => ended));
stop.abort();
await Promise.allSettled([gateway, running.ended]);
process.exit(0);

function act({ on, off, device, value }) {
  if ((on ?? off) !== 'stop') {
    running.simulation.order({
      name: on ?? off,
      device,
      on: on !== undefined,
      ...(value === undefined ? {} : { value }),
    });
    return;
  }
  if (on !== undefined) edges.get(device).controller.abort();
  else startEdge(device, edgeFiles.find(({ id }) => id === device).config);
}

function startEdge(id, edge) {
  const lines = edge.lines
    .filter(({ port }) => demoPorts.has(port))
    .map((line) => ({ ...line, ...patience, port: running.ports.get(demoPorts.get(line.port)) }));
  const file = join(folder, `${id}.yaml`);
  writeFileSync(file, stringify({ ...edge, lines }));
  const controller = new AbortController();
  const ended = runEdge({
    configFile: file,
    root,
    env: {
      HANFENG_DATA_DIR: join(folder, 'edges', id),
      HANFENG_MQTT_URL: mqttUrl,
      HANFENG_MQTT_PASSWORD: secrets[id],
    },
    signal: controller.signal,
    log: log.child({ process: id }),
  });
  ended.catch(fail);
  edges.set(id, { controller, ended });
}

/**
 * Longest time (of this process's clock) in which nothing could run, or the disk did not answer: beyond a few seconds
 * silences are the machine's own, and the run says nothing.
 */
function watchStalls() {
  const everyMs = 500;
  let last = Date.now();
  let worst = 0;
  setInterval(() => {
    worst = Math.max(worst, Date.now() - last - everyMs);
    last = Date.now();
  }, everyMs);
  const probe = async () => {
    const file = await open(join(folder, 'probe'), 'w');
    for (;;) {
      const asked = Date.now();
      await file.write('x', 0);
      await file.sync();
      worst = Math.max(worst, Date.now() - asked);
      await sleep(2 * everyMs);
    }
  };
  void probe();
  return () => worst;
}

function usesDevice(id) {
  const named = [
    ...scenario.timeline.map(({ device }) => device),
    ...scenario.must.map(({ point, asset }) => asset ?? point),
  ];
  return named.some((text) => text === id || text?.startsWith(`${id}/`));
}

/** The demo's gateway, with only the devices that take part: silence of the others would be stale, rightly. */
function gatewayFile() {
  const file = parse(readFileSync(join(demo, 'gateway.yaml'), 'utf8'));
  const taking = new Set([...config.lines.flatMap((line) => line.devices), ...publishers].map(({ id }) => id));
  const devices = ['water', 'lighting', 'tunnel', 'substation', 'district']
    .flatMap((part) => {
      try {
        return parse(readFileSync(join(demo, 'devices', `${part}.yaml`), 'utf8'), { merge: true });
      } catch {
        return [];
      }
    })
    .filter(({ id }) => taking.has(id));
  const devicesFile = join(folder, 'devices.yaml');
  writeFileSync(devicesFile, stringify(devices, { aliasDuplicateObjects: false }));
  const path = join(folder, 'gateway.yaml');
  // Without the background of the map, which lies beside the demo's own file.
  const { map: _, ...rest } = file;
  writeFileSync(path, stringify({ ...rest, devices: [devicesFile] }));
  return path;
}

async function raised() {
  const states = 'normal,unacknowledged,acknowledged,rtn-unacknowledged';
  return (await get(`/api/v1/alarms?state=${states}&limit=5000`)).alarms;
}

async function signIn() {
  const response = await fetch(`${base}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password: PASSWORD }),
  });
  if (!response.ok) throw new Error(`sign-in refused: ${response.status} ${await response.text()}`);
  return response.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ');
}

async function get(path) {
  const response = await fetch(base + path, { headers: { cookie } });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function until(what, isTrue) {
  const deadline = process.uptime() + READY_S;
  while (!(await Promise.resolve(isTrue()).catch(() => false))) {
    if (process.uptime() > deadline) throw new Error(`waited in vain: ${what}`);
    await sleep(500);
  }
}

function fail(error) {
  process.stderr.write(`${error?.stack ?? error}\n`);
  process.exit(1);
}
