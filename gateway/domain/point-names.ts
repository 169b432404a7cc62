import type { PointInfo } from './plant.ts';

/** Dense ids by `<device>/<measurement>`; noted only when somebody asks, because most plants never do for most points. */
export class PointNames {
  private readonly infos: readonly PointInfo[];
  private readonly byDevice = new Map<string, number[]>();
  /** Points before this one are noted. */
  private noted = 0;

  /** @param infos - points by their dense id; one that is there keeps its name */
  constructor(infos: readonly PointInfo[]) {
    this.infos = infos;
  }

  idOf(name: string): number | undefined {
    for (; this.noted < this.infos.length; this.noted++) this.note(this.noted);
    const slash = name.indexOf('/');
    const measurement = name.slice(slash + 1);
    return this.byDevice.get(name.slice(0, slash))?.find((id) => this.infos[id]?.measurement === measurement);
  }

  /** A point came up. */
  added(id: number): void {
    if (id < this.noted) this.note(id);
  }

  private note(id: number): void {
    const info = this.infos[id];
    if (info === undefined) return;
    const ids = this.byDevice.get(info.device);
    if (ids === undefined) this.byDevice.set(info.device, [id]);
    else ids.push(id);
  }
}
