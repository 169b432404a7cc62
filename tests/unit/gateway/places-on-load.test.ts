import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { checkGateway } from '../../../gateway/check.ts';
import { loadGatewayConfig } from '../../../gateway/config.ts';
import { loadPlant } from '../../../gateway/plant-files.ts';
import { removeFolder } from '../../support/folders.ts';
import { type TestDoor, testDoor } from '../../support/http-door.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'hanfeng-places-'));
afterAll(() => removeFolder(folder));
/** Shanghai in GCJ-02 and in WGS-84. */
const GCJ = { latitude: 31.17530398364597, longitude: 121.531541859215 };
const WGS = { latitude: expect.closeTo(31.1774276, 6), longitude: expect.closeTo(121.5272106, 6) };

function write(gateway: string, devices: string): string {
  const file = join(folder, 'gateway.yaml');
  writeFileSync(file, `${gateway}\ndevices: [devices.yaml]\n`);
  writeFileSync(join(folder, 'devices.yaml'), devices);
  return file;
}
const deviceOf = (gateway: string, device: string) =>
  loadPlant(loadGatewayConfig(write(gateway, `[{id: pt-1, ${device}}]`), {}), ROOT).describeDevice('pt-1', {});
const at = `latitude: ${GCJ.latitude}, longitude: ${GCJ.longitude}`;

describe('coordinates of a device file', () => {
  it('are converted once, and it is told what they came in', () => {
    expect(deviceOf('site: s', `${at}, crs: GCJ-02`)).toMatchObject({ ...WGS, sourceCrs: 'GCJ-02' });
    expect(deviceOf('crs: GCJ-02', at)).toMatchObject({ ...WGS, sourceCrs: 'GCJ-02' });
  });

  it('are WGS-84 unless somebody says otherwise', () => {
    for (const device of [deviceOf('site: s', at), deviceOf('crs: GCJ-02', `${at}, crs: WGS-84`)]) {
      expect(device).toMatchObject(GCJ);
      expect(device).not.toHaveProperty('sourceCrs');
    }
  });

  it('are a mistake in a system nobody knows, and when one of the two is missing', () => {
    const file = write('crs: MARS-84', `[{id: pt-1, latitude: 31}, {id: pt-2, ${at}, crs: GCJ02}]`);
    expect(checkGateway(file, ROOT, {}).mistakes.map(({ path }) => path)).toEqual(['crs']);
    const devices = write('site: s', `[{id: pt-1, latitude: 31}, {id: pt-2, ${at}, crs: GCJ02}]`);
    expect(checkGateway(devices, ROOT, {}).mistakes.map(({ path, allowed }) => [path, allowed])).toEqual([
      ['[0].latitude', 'latitude and longitude, or neither'],
      ['[1].crs', expect.stringContaining('GCJ-02')],
    ]);
  });
});

describe('coordinates of an asset', () => {
  let door: TestDoor;
  afterEach(() => door.app.close());

  it('are answered in WGS-84, and written back they stay where they are', async () => {
    door = await testDoor();
    const cookie = await door.signIn('ada');
    const { body } = await door.post('/api/v1/assets', { id: 'valve-7', ...GCJ, crs: 'GCJ-02' }, cookie);
    expect(body).toMatchObject({ ...WGS, sourceCrs: 'GCJ-02' });
    const { openAlarms: _, children: __, points: ___, id: ____, ...asset } = body;
    const again = await door.app.inject({
      method: 'PUT',
      url: '/api/v1/assets/valve-7',
      headers: { cookie },
      payload: asset,
    });
    expect(again.json()).toEqual(body);
  });
});
