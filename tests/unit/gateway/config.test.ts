import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../contract/mistakes.ts';
import { loadGatewayConfig, parseGatewayConfig } from '../../../gateway/config.ts';
import { removeFolder } from '../../support/folders.ts';

const folder = mkdtempSync(join(tmpdir(), 'hanfeng-config-'));
afterAll(() => removeFolder(folder));

function load(text: string, env: Record<string, string> = {}) {
  const file = join(folder, 'gateway.yaml');
  writeFileSync(file, text);
  return loadGatewayConfig(file, env);
}

describe('gateway.yaml', () => {
  it('works empty, with defaults', () => {
    expect(load('')).toMatchObject({
      site: { id: 'site' },
      gateway: 'site',
      dataDir: resolve('./data'),
      http: { host: '127.0.0.1', port: 8080 },
      mqtt: { embedded: { host: '127.0.0.1', port: 1883 } },
      discovery: 'accept',
      devices: [],
      alarms: { rules: [] },
      notify: { channels: [] },
    });
  });

  it('takes the site as a word or with names, and names the gateway after it', () => {
    expect(load('site: town').gateway).toBe('town');
    expect(load('site: {id: town, nameZh: 镇}\ngateway: g2')).toMatchObject({
      site: { id: 'town', nameZh: '镇' },
      gateway: 'g2',
    });
  });

  it('lets the environment override the file', () => {
    const env = {
      HANFENG_HTTP_PORT: '0',
      HANFENG_MQTT_PORT: '2883',
      HANFENG_HOST: '0.0.0.0',
      HANFENG_DATA_DIR: folder,
      HANFENG_ADMIN_PASSWORD: 'secret',
    };
    expect(load('mqtt: {embedded: {port: 1}}', env)).toMatchObject({
      dataDir: folder,
      http: { host: '0.0.0.0', port: 0 },
      mqtt: { embedded: { host: '0.0.0.0', port: 2883 } },
      adminPassword: 'secret',
    });
    expect(() => load('', { HANFENG_HTTP_PORT: 'eighty' })).toThrow(/HANFENG_HTTP_PORT/);
  });

  it('reads secrets from files beside it, and says which one it cannot read', () => {
    writeFileSync(join(folder, 'broker.secret'), 'swordfish\n');
    const external = 'mqtt: {url: "mqtt://broker:1883", username: g, passwordFile: broker.secret}';
    expect(load(external).mqtt).toEqual({ url: 'mqtt://broker:1883', username: 'g', password: 'swordfish' });
    expect(load(external, { HANFENG_MQTT_PASSWORD: 'other' }).mqtt).toMatchObject({ password: 'other' });
    expect(() => load('mqtt: {url: "mqtt://broker", passwordFile: gone}')).toThrow(/mqtt.passwordFile: found ENOENT/);
    expect(() => load('notify: {channels: [{name: a, type: webhook, url: "https://a/b", secretFile: gone}]}')).toThrow(
      /notify.channels\[0\].secretFile/,
    );
  });

  it('reports every mistake at once, with path, found and allowed', () => {
    const text = `
site: {id: a b}
timezone: Asia/Kaizhou
http: {port: 99999, hots: x}
mqtt: {embedded: {prot: 1}}
discovery: maybe
alarms: [{point: flow, kind: high, setpoint: 80 parsec}]
`;
    expect(parseGatewayConfig(text, 'g.yaml').mistakes.map(({ path }) => path)).toEqual([
      'site.id',
      'timezone',
      'http.port',
      'http.hots',
      'mqtt.embedded.prot',
      'discovery',
      'alarms[0].point',
      'alarms[0].setpoint',
    ]);
  });

  it('reports broken YAML and a missing file as mistakes', () => {
    expect(parseGatewayConfig('a: [', 'g.yaml').mistakes[0]).toMatchObject({ file: 'g.yaml', allowed: 'YAML' });
    expect(() => loadGatewayConfig(join(folder, 'gone.yaml'), {})).toThrow(ConfigError);
  });

  it('takes InfluxDB as history, by a word or with where and how; the environment has the last word', () => {
    expect(load('').history).toEqual({ kind: 'parquet' });
    expect(load('history: influxdb').history).toMatchObject({
      kind: 'influxdb',
      target: { url: 'http://127.0.0.1:8086', database: 'hanfeng', gzip: false },
      bufferBytes: 10 * 1024 ** 3,
    });
    writeFileSync(join(folder, 'influx.secret'), 'swordfish\n');
    const text = `history: {influxdb: {url: 'https://influx.example.org', org: o, bucket: b, tokenFile: influx.secret, buffer: 1 GiB}}`;
    expect(load(text).history).toMatchObject({
      target: { url: 'https://influx.example.org', org: 'o', bucket: 'b', database: 'b', token: 'swordfish' },
      bufferBytes: 1024 ** 3,
    });
    const env = { HANFENG_INFLUXDB_URL: 'http://localhost:9', HANFENG_INFLUXDB_TOKEN: 'other' };
    expect(load(text, env).history).toMatchObject({ target: { url: 'http://localhost:9', token: 'other' } });
  });

  it('refuses an InfluxDB inside that nobody allowed, and settings that do not go together', () => {
    const refuses = (settings: string, found: RegExp) =>
      expect(() => load(`history: {influxdb: ${settings}}`)).toThrow(found);
    refuses(
      '{url: http://10.0.0.7:8086}',
      /history\.influxdb\.url: found http:\/\/10\.0\.0\.7:8086, allowed: .*allowHosts/,
    );
    expect(load('history: {influxdb: {url: http://10.0.0.7:8086, allowHosts: [10.0.0.0/8]}}').history.kind).toBe(
      'influxdb',
    );
    expect(
      load('notify: {allowHosts: [10.0.0.7]}\nhistory: {influxdb: {url: http://10.0.0.7:8086}}').history.kind,
    ).toBe('influxdb');
    refuses('{url: ftp://influx}', /history/);
    refuses('{url: "http://me:secret@localhost:8086"}', /history/);
    refuses('{org: o}', /bucket/);
    refuses('{username: me, tokenFile: t}', /username/);
    refuses('{tokenFile: nowhere}', /history\.influxdb\.tokenFile/);
    refuses('{databse: d}', /databse/);
  });
});
