import type { Logger } from 'pino';
import type { Alarm } from '../contract/alarm.ts';
import { newestPerId } from './bundle.ts';
import type { Judge, Verdict } from './domain/judge.ts';
import type { DeviceInfo, PointInfo } from './domain/plant.ts';
import type { PlantGrowth } from './plant-growth.ts';
import type { PlantRegistry } from './registry.ts';
import { readSnapshot } from './snapshot-text.ts';
import type { Store } from './store/store.ts';

export interface RecoveryParts {
  readonly store: Store;
  readonly judge: Judge;
  readonly registry: PlantRegistry;
  readonly growth: PlantGrowth;
  readonly log: Pick<Logger, 'warn' | 'error'>;
}

export interface Recovery {
  readonly lastCommit: number;
  readonly snapshotCommit: number;
  /** Alarms that rules raised in the replay which are not on disk: the rules came with a new configuration. */
  readonly forgotten: Verdict;
}

/** Brings registry and judge to where the last commit left them: records, last values, snapshot, then replay in commit order. */
export async function recoverPlant({ store, judge, registry, growth, log }: RecoveryParts): Promise<Recovery> {
  const recovered = await store.recover();
  const snapshotCommit = recovered.snapshot?.commit ?? 0;
  for (const device of recovered.devices) registry.putDevice(device);
  for (const point of withSharedTexts(recovered.points, registry)) registry.putPoint(point);
  for (const source of recovered.sources) registry.putSource(source);
  for (const edge of recovered.edges) registry.putEdge(edge);
  for (const mark of recovered.marks) registry.putMark(mark);
  const saved = recovered.snapshot === undefined ? undefined : readSnapshot(recovered.snapshot.state);
  if (!restoreLast(registry, saved?.last, log)) await findLast(store, registry);
  // The database reads while the plant is made.
  const commits = begun(store.replay(snapshotCommit));
  growth.reconcile();
  growth.introduceAll();
  if (saved !== undefined) restoreJudge(judge, saved.judge, recovered.openAlarms, log);
  const forgotten = await replay(commits, { store, registry, judge, log });
  judge.reconcile(recovered.openAlarms, forgotten);
  return { lastCommit: recovered.lastCommit, snapshotCommit, forgotten };
}

/**
 * Records came as text, so each has its own copy of its device's name and of its measurement's. With one copy of each,
 * every later look-up by them finds the very same text, and the memory holds them once.
 */
function* withSharedTexts(points: readonly PointInfo[], registry: PlantRegistry): Generator<PointInfo> {
  const texts = new Map<string, string>();
  const shared = (text: string) => {
    const known = texts.get(text);
    if (known === undefined) texts.set(text, text);
    return known ?? text;
  };
  let device: DeviceInfo | undefined;
  for (const point of points) {
    if (device?.id !== point.device) device = registry.device(point.device);
    const record: { -readonly [Field in keyof PointInfo]: PointInfo[Field] } = point;
    record.device = device?.id ?? point.device;
    record.measurement = shared(point.measurement);
    if (point.unit !== undefined) record.unit = shared(point.unit);
    yield record;
  }
}

/** The same items; the first of them is asked for at once, not when somebody waits for it. */
function begun<T>(items: AsyncIterable<T>): AsyncIterable<T> {
  const iterator = items[Symbol.asyncIterator]();
  const first = iterator.next();
  // Whoever iterates hears of it.
  first.catch(() => {});
  let isFirst = true;
  const next = () => {
    if (!isFirst) return iterator.next();
    isFirst = false;
    return first;
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

/** @returns whether the newest values are those of the snapshot now; what came after it is told by the replay */
function restoreLast(registry: PlantRegistry, text: string | undefined, log: RecoveryParts['log']): boolean {
  if (text === undefined) return false;
  try {
    registry.restoreLast(text);
    return true;
  } catch (error) {
    log.warn({ err: error }, 'the newest values of the snapshot could not be read; they are looked for in the history');
    return false;
  }
}

/** When they came is not known any more. */
async function findLast(store: Store, registry: PlantRegistry): Promise<void> {
  const ids = [...registry.points()].map(({ id }) => id);
  await store.latest(ids, (point, ts, value, quality, reason) =>
    registry.putLastReading(point, ts, value, quality, reason),
  );
}

/** A gateway must start after an upgrade whatever the snapshot holds: then at least the open alarms are known. */
function restoreJudge(judge: Judge, state: string, open: readonly Alarm[], log: RecoveryParts['log']): void {
  try {
    judge.restore(state);
  } catch (error) {
    log.warn(
      { err: error, alarms: open.length },
      'the judge state could not be restored; its open alarms are taken over',
    );
    judge.adopt?.(open);
  }
}

/**
 * Tells judge and registry again what they were told since the snapshot. What the judge concludes is on disk already, with one
 * exception: rules that came into the configuration since; their alarms are returned.
 */
async function replay(
  commits: ReturnType<Store['replay']>,
  { store, registry, judge, log }: Omit<RecoveryParts, 'growth'>,
): Promise<Verdict> {
  const verdict: Verdict = { alarms: [], journal: [] };
  for await (const { inputs, readings } of commits)
    for (const input of inputs) {
      if (input.kind === 'readings') registry.putLast(readings, input.from, input.to, input.receivedAt);
      try {
        judge.apply(input, readings, verdict);
      } catch (error) {
        // It failed when it came, too, and its readings are stored.
        log.error({ err: error, input: input.kind }, 'judging failed in the replay');
      }
    }
  const missing = new Set<string>();
  for (const alarm of newestPerId(verdict.alarms))
    if ((await store.alarm(alarm.id)) === undefined) missing.add(alarm.id);
  return {
    alarms: verdict.alarms.filter(({ id }) => missing.has(id)),
    journal: verdict.journal.filter(({ alarm }) => missing.has(alarm)),
  };
}
