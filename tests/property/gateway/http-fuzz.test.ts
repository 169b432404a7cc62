import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NOON, type TestDoor, testDoor } from '../../support/http-door.ts';
import { sendNonsense } from '../../support/http-fuzz.ts';
import { type IngestRig, openRig } from '../../support/ingest-rig.ts';

const TOKEN = 'Bearer token-of-ada';
let rig: IngestRig;
let door: TestDoor;
beforeAll(async () => {
  rig = await openRig({ now: () => NOON });
});
afterAll(async () => {
  await door.app.close();
  await rig.close();
});

describe('whatever is sent to the HTTP door', () => {
  it('is answered without a 5xx, and every error is a problem with a known code', async () => {
    door = await testDoor({ config: { dataDir: mkdtempSync(join(tmpdir(), 'hf-fuzz-')) } });
    const { gateway } = door;
    gateway.tokens.set('token-of-ada', 'ada');
    gateway.addDevice({ id: 'fm-12', class: 'flow-meter' }, { measurement: 'flow' });
    gateway.reading(0, NOON, 92.4);
    gateway.addAlarm({ id: 'a1' });
    await sendNonsense(door, TOKEN, 2000);
    await door.app.close();
  }, 60_000);

  it('the same with the real store and ingest behind it', async () => {
    const { store, ingest, registry } = rig;
    door = await testDoor({ store, ingest, registry, config: { dataDir: rig.dataDir } });
    door.gateway.tokens.set('token-of-ada', 'ada');
    await ingest.readings('http', [{ device: 'fm-12', ts: NOON, values: { flow: 92.4 } }], NOON);
    await sendNonsense(door, TOKEN, 1000);
  }, 60_000);

  it('raw bytes instead of addresses and headers never end the process', async () => {
    await fc.assert(
      fc.asyncProperty(fc.webPath(), fc.string({ maxLength: 60 }), async (path, header) => {
        const response = await door.app.inject({
          method: 'GET',
          url: path === '' ? '/' : path,
          headers: { authorization: header, cookie: header, origin: header, 'last-event-id': header },
        });
        expect(response.statusCode).toBeLessThan(500);
      }),
      { numRuns: 500 },
    );
  }, 60_000);
});
