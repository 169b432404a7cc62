import { spawnSync } from 'node:child_process';
import { afterAll, describe, expect, it } from 'vitest';
import { contents, FakeClock, numbered, openOutbox, temporaryFolder } from '../support/outbox.ts';

const folder = temporaryFolder();
const mount = (...args: string[]) => spawnSync('mount', args).status === 0;
/** A real small disk; needs root, so that it is a visible skip elsewhere. */
const isMounted = mount('-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', folder.path);

afterAll(() => {
  if (isMounted) spawnSync('umount', [folder.path]);
  folder.remove();
});

const title = 'an outbox on a disk that is really full';
(isMounted ? describe : describe.skip)(isMounted ? title : `${title} [skipped: no right to mount]`, () => {
  it('goes on in memory, loses nothing within its bound, and writes again when there is room', async () => {
    const clock = new FakeClock();
    const outbox = await openOutbox(folder.path, clock, { settings: { compress: false, memory: 5000, fsync: true } });
    let value = 0;
    const append = async () => {
      outbox.append(
        Array.from({ length: 100 }, () => numbered(value++)),
        { line: clock.now() },
      );
      clock.advance(1000);
      outbox.tick();
      await outbox.idle();
    };
    while (outbox.status().disk === 'ok' && value < 100_000) await append();
    expect(outbox.status().disk).toBe('ENOSPC');
    const onDisk = [...(await contents(outbox)).values()].flat().length;
    expect(onDisk).toBeGreaterThan(1000);
    while (outbox.status().dropped === 0) await append();
    // 5000 are kept; what came before those and after the disk was full is counted.
    expect(outbox.status()).toMatchObject({ waiting: 5000, disk: 'ENOSPC' });

    expect(mount('-o', 'remount,size=8m', folder.path)).toBe(true);
    clock.advance(2000);
    expect(await outbox.settled()).toBe(true);
    const stored = [...(await contents(outbox)).values()].flat();
    expect(new Set(stored).size).toBe(stored.length);
    expect(stored.length + outbox.status().dropped).toBe(value);
    expect(outbox.status()).toMatchObject({ disk: 'ok', waiting: 0, made: value });
    await outbox.close();
  });

  it('frees what every gateway has before it stops writing', async () => {
    const clock = new FakeClock();
    // The settings allow far more than the disk of 8 MB holds.
    const outbox = await openOutbox(folder.path, clock, { settings: { compress: false, bytes: 64 * 1024 * 1024 } });
    const before = outbox.dropped();
    for (let batch = 0; batch < 250; batch++) {
      outbox.append(
        Array.from({ length: 1000 }, (_, index) => numbered(index)),
        {},
      );
      await outbox.settled();
      expect(outbox.status().disk).toBe('ok');
      const marks = Object.fromEntries(outbox.laneViews().map(({ id, last }) => [id, last]));
      outbox.setMarks('gw', { store: 's', marks, at: 0 });
    }
    expect(outbox.dropped()).toBe(before);
    expect(outbox.laneViews().some(({ gone }) => gone.length > 0)).toBe(true);
    await outbox.close();
  });
});
