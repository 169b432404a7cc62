import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { formatTime } from '../../contract/time.ts';
import { filesOf, tar } from '../tar.ts';
import type { Identity } from './auth.ts';
import type { Outgoing } from './outgoing.ts';
import type { Door } from './ports.ts';
import { type Route, route } from './route.ts';

/** Small files beside the store that a restored gateway needs; sessions are not among them. */
const BESIDE_THE_STORE = ['users.json', 'credentials.json', 'settings.json', 'assets.json', 'rules.json'];

export function backupRoutes({ store, ingest, config, now, site }: Door, outgoing: Outgoing): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/api/v1/backup',
      access: 'admin',
      tag: 'backup',
      summary:
        'A consistent copy of store, users, credentials and settings as one tar archive, while everything goes on',
      answerTypes: ['application/x-tar'],
      async handle({ identity, reply }) {
        const at = now();
        const transfer = outgoing.begin();
        const folder = await transfer.make((path) => store.backup(path));
        const beside = BESIDE_THE_STORE.map((name) => ({ name, file: join(config.dataDir ?? '', name) }));
        const entries = [...(await filesOf(folder)), ...beside.filter(({ file }) => existsSync(file))];
        const who = (identity as Identity).name;
        await ingest.audit({ at, who, what: 'backup', target: site.id });
        const archive = Readable.from(tar(entries, at), { objectMode: false }).once('close', () => transfer.end());
        const name = `hanfeng-${site.id}-${formatTime(at).replaceAll(':', '').slice(0, 17)}.tar`;
        reply.header('content-disposition', `attachment; filename="${name}"`);
        return reply.type('application/x-tar').send(archive);
      },
    }),
  ];
}
