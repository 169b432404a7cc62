import { describe, expect, it } from 'vitest';
import { DoorRoom, WAITING_BYTES_MAX } from '../../../../gateway/http/door-room.ts';
import { createMetrics } from '../../../../gateway/metrics.ts';

describe('the room at the doors', () => {
  it('sends away what would pile up while the store does not take any, and takes it once there is room', async () => {
    const metrics = createMetrics();
    const room = new DoorRoom(metrics);
    let commit = () => {};
    const first = room.hold(
      WAITING_BYTES_MAX - 10,
      () =>
        new Promise<void>((done) => {
          commit = done;
        }),
    );
    await expect(room.hold(11, async () => 'taken')).rejects.toMatchObject({
      code: 'readings-busy',
      headers: { 'retry-after': '1' },
    });
    expect(await room.hold(10, async () => 'taken')).toBe('taken');
    expect(metrics.render()).toContain('hanfeng_http_busy_total 1');
    commit();
    await first;
    expect(await room.hold(11, async () => 'taken')).toBe('taken');
    expect(metrics.render()).toContain('hanfeng_http_waiting_bytes 0');
  });

  it('takes a request larger than all room when it is the only one, and gives room back when the store fails', async () => {
    const room = new DoorRoom(createMetrics());
    expect(await room.hold(WAITING_BYTES_MAX + 1, async () => 'taken')).toBe('taken');
    await expect(room.hold(WAITING_BYTES_MAX, () => Promise.reject(new Error('full')))).rejects.toThrow('full');
    expect(await room.hold(WAITING_BYTES_MAX, async () => 'taken')).toBe('taken');
  });
});
