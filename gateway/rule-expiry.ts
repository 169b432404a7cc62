import type { Logger } from 'pino';
import type { Millis } from '../contract/time.ts';
import { type Desk, ruleFinder, rulesAsWritten } from './desk.ts';
import type { Ingest } from './ingest.ts';
import type { Registry } from './registry.ts';

const LOOK_EVERY_MS = 1000;

export interface RuleExpiryParts {
  readonly desk: Desk;
  readonly registry: Registry;
  readonly ingest: Pick<Ingest, 'renewRules' | 'audit'>;
  /** UTC ms. */
  readonly now: () => Millis;
  readonly log: Pick<Logger, 'error' | 'info'>;
}

/**
 * Ends temporary changes of rules: what was before comes back, and the audit says so. What ended while the gateway was down
 * ends at its start.
 *
 * @returns what stops it
 */
export function startRuleExpiry(parts: RuleExpiryParts): () => void {
  let running = false;
  const look = () => {
    if (running) return;
    running = true;
    endTemporaryChanges(parts)
      .catch((error: unknown) => parts.log.error({ err: error }, 'temporary changes of rules not ended'))
      .finally(() => {
        running = false;
      });
  };
  look();
  const timer = setInterval(look, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}

/** Once. */
export async function endTemporaryChanges({ desk, registry, ingest, now, log }: RuleExpiryParts): Promise<void> {
  const at = now();
  const find = ruleFinder(desk, registry, (point, device) => rulesAsWritten(desk, point, device));
  for (const key of desk.changes.overAt(at)) {
    const change = desk.changes.of(key);
    await desk.changes.undo(key);
    const point = find(key)?.point;
    const by = { who: 'system', why: 'A temporary change is over.' };
    if (point !== undefined) await ingest.renewRules([point.device], { keys: [key], by, at });
    const detail = JSON.stringify({ changedBy: change?.who, reason: change?.reason, over: 'its time is over' });
    await ingest.audit({ at, who: 'system', what: 'end-temporary-rule', target: key, detail });
    log.info({ rule: key }, 'a temporary change of a rule is over');
  }
}
