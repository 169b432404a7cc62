import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ONE_HELPER, START_ENV } from '../../gateway/heap.ts';
import { removeFolder } from '../support/folders.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'hanfeng-cli-'));
afterAll(() => removeFolder(folder));

function hanfeng(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'dist/cli/hanfeng.js'), ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 120_000,
    env: { ...process.env, HANFENG_DATA_DIR: join(folder, 'data') },
  });
  return { status, stdout, stderr };
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('the command as it is installed', () => {
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: { hanfeng: string } };
  const begun = (env: Record<string, string>) => {
    const told = `process.on('exit', () => process._rawDebug(JSON.stringify({
      flags: process.execArgv, said: process.env.UV_THREADPOOL_SIZE,
      heaps: process.env.MALLOC_ARENA_MAX, threads: fs.readdirSync('/proc/self/task').length })))`;
    const preload = file('tell.cjs', `const fs = require('node:fs'); ${told}`);
    const { UV_THREADPOOL_SIZE: _, ...rest } = process.env;
    const { status, stdout, stderr } = spawnSync(join(root, bin.hanfeng), ['--version'], {
      encoding: 'utf8',
      timeout: 120_000,
      env: { ...rest, ...env, NODE_OPTIONS: `--require ${preload}` },
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    return JSON.parse(stderr.trim().split('\n').at(-1) as string);
  };

  it('begins with one helper for V8, a thread for each piece of work of the database and two heaps', () => {
    const usual = begun({});
    expect(usual).toMatchObject({ flags: [ONE_HELPER], said: START_ENV.UV_THREADPOOL_SIZE });
    expect(usual).toMatchObject({ heaps: START_ENV.MALLOC_ARENA_MAX });
    // Node starts the threads to read its first module: five fewer of them, five fewer threads.
    const fewer = begun({ UV_THREADPOOL_SIZE: '3' });
    expect(fewer).toMatchObject({ said: '3', threads: usual.threads - 5 });
  });
});

describe('the hanfeng command', () => {
  it.each([
    '',
    'gateway',
    'edge',
    'edge status',
    'simulate',
    'simulate fault',
    'check',
    'probe',
    'replay',
    'bench',
    'user add',
    'device add',
    'token add',
    'demo',
  ])('explains itself: hanfeng %s --help', (command) => {
    const { status, stdout } = hanfeng(...command.split(' ').filter(Boolean), '--help');
    expect(status).toBe(0);
    expect(stdout).toContain('Usage: hanfeng');
  });

  it.each([
    [['nonsense'], 'unknown command'],
    [['gateway'], '--config'],
    [['edge'], '--config'],
    [['gateway', '--config', 'missing.yaml'], 'missing.yaml'],
    [['replay', '--config', 'x'], '--input'],
    [['bench', 'nonsense'], 'no benchmark'],
    [['user', 'add', 'x', '--role', 'king'], 'viewer, operator, admin'],
    [['user', 'add', 'not a name'], '1-64'],
    [['device', 'add', 'not/a/name'], '1-64'],
    [['backup', 'copy'], 'say which gateway'],
    [['edge', 'status'], 'no edge listens below'],
  ])('ends with 2 and says why: hanfeng %j', (args, why) => {
    const { status, stderr } = hanfeng(...args);
    expect(stderr).toContain(why);
    expect(status).toBe(2);
  });

  it('reports all five mistakes of a gateway file at once, with path, found and allowed', () => {
    const path = file(
      'gateway.yaml',
      'site: "no spaces allowed"\ntimezone: Mars/Olympus\nhttp: { port: 70000 }\nmqtt: { embedded: { prot: 1883 } }\ndiscovery: maybe\n',
    );
    const { status, stdout } = hanfeng('check', path);
    for (const where of ['site', 'timezone', 'http.port', 'mqtt', 'discovery'])
      expect(stdout, stdout).toMatch(new RegExp(`gateway.yaml:\\d+:\\d+: ${where.replace('.', '\\.')}`));
    expect(stdout).toContain('5 mistakes');
    expect(stdout.match(/found .*allowed: /g)).toHaveLength(5);
    expect(status).toBe(2);
  });

  it('reports all five mistakes of an edge file at once', () => {
    const path = file(
      'edge.yaml',
      [
        'edge: edge 1',
        'lines:',
        '  - id: l1',
        '    transport: tcp',
        '    host: 127.0.0.1',
        '    port: 99999',
        '    speed: 9600',
        '    devices:',
        '      - { id: m1, model: eastron-sdm630, unitId: 300, every: soon }',
        '',
      ].join('\n'),
    );
    const { status, stdout } = hanfeng('check', path);
    for (const where of [
      '1:1: edge',
      '6:5: lines[0].port',
      '7:5: lines[0].speed',
      '9:42: lines[0].devices[0].unitId',
      '9:55: lines[0].devices[0].every',
    ]) {
      expect(stdout).toContain(`edge.yaml:${where}`);
    }
    expect(stdout).toContain('5 mistakes');
    expect(status).toBe(2);
  });

  it('reports what is wrong in the files a configuration names beside what is wrong in itself', () => {
    const devices = file('named.yaml', '- { id: a, class: nothing }\n- { id: b }\n- { id: b }\n');
    const gateway = file('naming.yaml', 'timezone: Mars/Olympus\ndevices: [named.yaml]\n');
    const { stdout } = hanfeng('check', gateway);
    for (const what of ['timezone', 'a.class', 'found b again']) expect(stdout).toContain(what);
    expect(hanfeng('check', devices)).toMatchObject({ status: 2, stdout: expect.stringContaining('found b again') });
    const edge = file(
      'edge-2.yaml',
      'edge: e\nlines:\n  - { id: l, transport: tcp, host: h, port: 1, devices: [{ id: a, model: none-such }, { id: a, model: sokol-m }] }\n',
    );
    const report = hanfeng('check', edge).stdout;
    for (const what of ['found none-such', 'device a again', '2 mistakes']) expect(report).toContain(what);
  });

  it('finds no mistake in what we ship, and knows each kind of file', () => {
    const yamlIn = (folder: string) =>
      readdirSync(join(root, folder))
        .filter((name) => name.endsWith('.yaml'))
        .map((name) => join(root, folder, name));
    const folders = [
      'examples/demo',
      'examples/demo/devices',
      'edge/devices',
      'gateway/classes',
      'simulators/scenarios',
    ];
    const shipped = folders.flatMap(yamlIn);
    const { status, stdout } = hanfeng('check', ...shipped);
    expect(stdout).toContain(`${shipped.length} files, no mistakes`);
    expect(status).toBe(0);
  });

  it('reports a mistake in a device model and in a scenario by line, column and key', () => {
    const model = file(
      'model.yaml',
      'model: m1\nname: Some meter\nmaker: Us\nclass: meter\nsources: { a: our manual }\npoints: {}\n',
    );
    const scenario = file('scenario.yaml', 'title: t\nlasts: soon\nedges: [e]\nmust: []\nmustNot: []\n');
    expect(hanfeng('check', model).stdout).toContain('model.yaml:4:1: class: found "meter"');
    expect(hanfeng('check', scenario).stdout).toContain('scenario.yaml:2:1: lasts: found "soon"');
  });

  it('keeps accounts beside the data, readable by their owner only, and prints a generated password once', () => {
    const added = hanfeng('user', 'add', 'wang', '--role', 'operator');
    expect(added.status).toBe(0);
    expect(added.stdout).toMatch(/wang \(operator\) added\. Password: \S{12,}/);
    expect(statSync(join(folder, 'data/users.json')).mode & 0o777).toBe(0o600);
    expect(hanfeng('user', 'list').stdout).toBe('wang\toperator\n');
    const again = hanfeng('user', 'add', 'wang');
    expect(again.status).toBe(1);
    expect(again.stderr).toContain('wang');
    expect(hanfeng('device', 'add', 'fm-99').stdout).toMatch(/fm-99 added\. MQTT user name: fm-99, password: \S{20,}/);
    expect(hanfeng('device', 'list').stdout).toBe('fm-99\tdevice\n');
  });

  it('refuses a short password', () => {
    const { status, stderr } = hanfeng('user', 'add', 'li', '--password-file', file('short', 'secret\n'));
    expect(stderr).toContain('12');
    expect(status).toBe(2);
  });
});
