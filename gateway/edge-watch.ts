import type { EdgeState } from '../contract/state.ts';
import type { Millis } from '../contract/time.ts';
import type { Bundle } from './bundle.ts';
import type { JudgeInput } from './domain/plant.ts';
import { missingReadings } from './lanes.ts';
import { EdgePresence } from './presence.ts';
import type { PlantRegistry } from './registry.ts';
import type { EdgeRecord, LaneMark } from './store/store.ts';

/** An edge's sign of life enters the judge's inputs at most this often. */
const HEARD_MS = 1000;

export interface EdgeWatchParts {
  readonly registry: Pick<PlantRegistry, 'edge' | 'edges'>;
  /** The commit that takes what comes now, and the one that is being stored. */
  readonly filling: () => Bundle;
  readonly storing: () => Bundle | undefined;
  readonly judge: (input: JudgeInput) => void;
}

/** What is known of edges themselves: whether they are there, and what their ledgers miss. */
export class EdgeWatch {
  private readonly parts: EdgeWatchParts;
  private readonly presence = new EdgePresence();
  private readonly heardAt = new Map<string, Millis>();
  /** Readings missing per edge, as the judge was told since the start: the first time also that there is none. */
  private readonly missing = new Map<string, number>();

  constructor(parts: EdgeWatchParts) {
    this.parts = parts;
  }

  /** A birth or a last will. */
  state(edge: string, state: EdgeState, at: Millis): void {
    const known = this.record(edge);
    // A last will says no more than that the edge is gone: what its birth said stays.
    const text = state.online || known === undefined ? JSON.stringify(state) : known.state;
    const changed = known?.online !== state.online;
    this.put({
      id: edge,
      online: state.online,
      changedAt: changed ? at : known.changedAt,
      lastHeardAt: at,
      state: text,
    });
    const { heartbeatMs, online } = state;
    this.presence.state(edge, heartbeatMs);
    this.parts.judge({ kind: 'edge', edge, online, at, ...(heartbeatMs === undefined ? {} : { heartbeatMs }) });
  }

  /** An edge is alive, whatever its retained state says. */
  heard(edge: string, at: Millis): void {
    this.parts.filling().heard.set(edge, at);
    this.presence.heard(edge);
    const known = this.record(edge);
    // Whoever sends batches is online, also when its birth got lost or its last will came late.
    if (known?.online !== true)
      this.put({ id: edge, state: '{"online":true}', ...known, online: true, changedAt: at, lastHeardAt: at });
    const last = this.heardAt.get(edge);
    if (last !== undefined && Math.abs(at - last) < HEARD_MS) return;
    this.heardAt.set(edge, at);
    this.parts.judge({ kind: 'heard', edge, at });
  }

  tick(at: Millis, lanes: Iterable<LaneMark>): void {
    this.judgeDelivery(at, lanes);
    this.markSilent(at);
  }

  /** What the ledger misses of each edge, whenever it has changed. */
  private judgeDelivery(at: Millis, lanes: Iterable<LaneMark>): void {
    const missing = new Map<string, number>();
    for (const lane of lanes) missing.set(lane.edge, (missing.get(lane.edge) ?? 0) + missingReadings(lane));
    for (const [edge, readings] of missing) {
      if (this.missing.get(edge) === readings) continue;
      this.missing.set(edge, readings);
      this.parts.judge({ kind: 'delivery', edge, missing: readings, at });
    }
  }

  /** Edges that have been silent for too long are shown offline, whether or not a last will came. */
  private markSilent(at: Millis): void {
    this.presence.tick(at);
    for (const { id } of this.parts.registry.edges()) {
      const known = this.record(id);
      if (known?.online === true && this.presence.isSilent(id)) this.put({ ...known, online: false, changedAt: at });
    }
  }

  private put(record: EdgeRecord): void {
    this.parts.filling().edges.set(record.id, record);
  }

  /** The newest record, what is not committed yet included. */
  private record(edge: string): EdgeRecord | undefined {
    const { filling, storing, registry } = this.parts;
    return filling().edges.get(edge) ?? storing()?.edges.get(edge) ?? registry.edge(edge);
  }
}
