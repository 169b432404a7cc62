import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { ID_PATTERN } from '../../contract/reading.ts';
import { removeTemporaries } from './files.ts';
import { Lane } from './lane.ts';
import { EMPTY_LEDGER, type Ledger, readLedger } from './ledger.ts';

export interface RecoveryOptions {
  readonly folder: string;
  /** This start of the machine. */
  readonly boot: string;
  /** A lane that long is ended at the next start. */
  readonly laneNumbersMax: number;
  readonly log: Logger;
}

/** What the last process left, checked: lanes oldest first, and the list that fits them. */
export async function recoverOutbox(options: RecoveryOptions): Promise<{ lanes: Lane[]; ledger: Ledger }> {
  const { folder, boot, laneNumbersMax, log } = options;
  await removeTemporaries(folder);
  const found = await readLedger(join(folder, 'lanes.json'));
  const unreadable = found !== undefined && 'unreadable' in found;
  if (unreadable) log.error({ code: 'outbox-ledger-damaged', reason: found.unreadable }, 'lane list rebuilt');
  const ledger = found === undefined || unreadable ? await rebuildLedger(folder) : found;
  const lanes: Lane[] = [];
  const entries: Ledger['lanes'] = [];
  for (const { id, end } of ledger.lanes) {
    const lane = await openLane(folder, id, end);
    if (lane === undefined) {
      log.error({ code: 'outbox-lane-missing', lane: id }, 'a lane listed is not on disk');
      continue;
    }
    const { tornBytes, holes } = lane.findings;
    if (tornBytes > 0) log.warn({ code: 'outbox-torn', lane: id, tornBytes }, 'torn end of a lane cut off');
    if (holes.length > 0) log.error({ code: 'outbox-damaged', lane: id, holes }, 'batches damaged on disk');
    // What a power cut took may have been sent already: only within one start of the machine the numbers go on.
    const mayGoOn = tornBytes === 0 && (ledger.clean || ledger.boot === boot) && lane.last < laneNumbersMax;
    const ended = end ?? (mayGoOn ? undefined : { seq: lane.last, made: lane.made });
    lanes.push(lane);
    entries.push(ended === undefined ? { id } : { id, end: ended });
  }
  await removeUnlisted(folder, new Set(entries.map(({ id }) => id)));
  return { lanes, ledger: { ...ledger, lanes: entries } };
}

function openLane(folder: string, id: string, end: { seq: number; made: number } | undefined) {
  return Lane.open(id, join(folder, id), end).catch((error: unknown) => {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw error;
  });
}

/** Without a list every lane folder counts as ended, oldest first. */
async function rebuildLedger(folder: string): Promise<Ledger> {
  const lanes: { id: string; at: number; end: { seq: number; made: number } }[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory() || !ID_PATTERN.test(entry.name)) continue;
    const lane = await Lane.open(entry.name, join(folder, entry.name));
    lanes.push({ id: entry.name, at: lane.oldestSealedAt() ?? 0, end: { seq: lane.last, made: lane.made } });
    await lane.close();
  }
  lanes.sort((a, b) => a.at - b.at);
  return { ...EMPTY_LEDGER, lanes: lanes.map(({ id, end }) => ({ id, end })) };
}

/** Folders of lanes that were forgotten, or made and not yet listed, when the process died. */
async function removeUnlisted(folder: string, listed: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory() && !listed.has(entry.name))
      await rm(join(folder, entry.name), { recursive: true, force: true });
  }
}
