import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'vitest';

/** Programs other people wrote that our tests talk to, with the Debian package that brings each. */
const PEERS = {
  mosquitto: { program: 'mosquitto', package: 'mosquitto' },
  mbpoll: { program: 'mbpoll', package: 'mbpoll' },
  socat: { program: 'socat', package: 'socat' },
  gcc: { program: 'gcc', package: 'gcc' },
  libmodbus: { file: '/usr/include/modbus/modbus.h', package: 'libmodbus-dev' },
  pymodbus: { python: 'pymodbus', package: 'python3-pymodbus' },
  chromium: { program: 'chromium', package: 'chromium' },
  influxd: { program: 'influxd', package: 'influxdb' },
  'victoria-metrics': { program: 'victoria-metrics', package: 'victoria-metrics' },
} as const;
export type PeerName = keyof typeof PEERS;

const REQUIRED = process.env.HANFENG_REQUIRE_PEERS === '1';
const SBIN = ['/usr/sbin', '/usr/local/sbin', '/sbin'];

function isHere(name: PeerName): boolean {
  const peer = PEERS[name];
  if ('file' in peer) return existsSync(peer.file);
  if ('python' in peer) return spawnSync('/usr/bin/python3', ['-c', `import ${peer.python}`]).status === 0;
  const folders = [...(process.env.PATH ?? '').split(':'), ...SBIN];
  return folders.some((folder) => existsSync(join(folder, peer.program)));
}

/**
 * A describe block that needs programs we did not write. Missing ones are a visible skip at home,
 * and a failure where `HANFENG_REQUIRE_PEERS=1` (CI).
 */
export function describeWithPeers(names: readonly PeerName[], title: string, body: () => void): void {
  const missing = names.filter((name) => !isHere(name));
  if (missing.length === 0) describe(title, body);
  else if (REQUIRED) {
    describe(title, () => {
      it('finds its peers', () => {
        throw new Error(`missing: ${missing.map((name) => `${name} (package ${PEERS[name].package})`).join(', ')}`);
      });
    });
  } else describe.skip(`${title} [skipped: ${missing.join(', ')} not installed]`, body);
}

/** Folder of the shared reference data beside the checkout, or undefined. */
export const SHARED: string | undefined = (() => {
  const folder = resolve(import.meta.dirname, '../../../shared');
  return existsSync(join(folder, 'contract.md')) ? folder : undefined;
})();

/** A describe block over the shared reference data; a visible skip where it is not there. */
export function describeWithShared(title: string, body: (shared: string) => void): void {
  if (SHARED !== undefined) describe(title, () => body(SHARED as string));
  else describe.skip(`${title} [skipped: ../shared is not there]`, () => body(''));
}
