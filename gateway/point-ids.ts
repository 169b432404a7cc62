/** Names up to which a device's points are looked through one by one; beyond, a map finds them. */
const LISTED_MAX = 16;

/**
 * Dense ids of the points of one device, by measurement. A device names its points in the same order in every message, so
 * the one after the last is tried first: what is looked up for each reading is one comparison, not a hash in a map of its own.
 */
export class PointIds {
  private readonly names: string[] = [];
  private readonly ids: number[] = [];
  private places: Map<string, number> | undefined;
  private next = 0;

  get(measurement: string): number | undefined {
    return this.ids[this.placeOf(measurement)];
  }

  has(measurement: string): boolean {
    return this.placeOf(measurement) >= 0;
  }

  /** The same for readings as they come, one after another. */
  getNext(measurement: string): number | undefined {
    const { names, ids, next } = this;
    let place = next;
    if (next >= names.length || names[next] !== measurement) {
      place = this.placeOf(measurement);
      if (place < 0) return undefined;
      // The order of the messages becomes the order here.
      if (this.places === undefined && place > next) {
        this.swap(place, next);
        place = next;
      }
    }
    this.next = place + 1 < names.length ? place + 1 : 0;
    return ids[place];
  }

  /** A point that is not there yet, or another id for one that is. */
  set(measurement: string, id: number): void {
    const known = this.placeOf(measurement);
    if (known >= 0) {
      this.ids[known] = id;
      return;
    }
    this.places?.set(measurement, this.names.length);
    this.names.push(measurement);
    this.ids.push(id);
    if (this.places === undefined && this.names.length > LISTED_MAX)
      this.places = new Map(this.names.map((name, place) => [name, place]));
  }

  /** Ascending. */
  values(): number[] {
    return this.ids.toSorted((a, b) => a - b);
  }

  private placeOf(measurement: string): number {
    return this.places === undefined ? this.names.indexOf(measurement) : (this.places.get(measurement) ?? -1);
  }

  private swap(a: number, b: number): void {
    const { names, ids } = this;
    [names[a], names[b]] = [names[b] as string, names[a] as string];
    [ids[a], ids[b]] = [ids[b] as number, ids[a] as number];
  }
}
