import { GOOD } from '../../../contract/reading.ts';
import type { Millis } from '../../../contract/time.ts';
import { LeakageDetector } from './leakage.ts';
import type { ZoneModel } from './network.ts';

const QUARTER_MS = 900_000;
/** Alarms of two settings are the same leak when they were raised within this time of each other in one zone. */
const SAME_MS = 3 * 86_400_000;

/** Recorded means and two settings to judge them with. Everything in it can be sent to a worker. */
export interface WhatIfTask {
  readonly zones: readonly ZoneModel[];
  readonly timezone: string;
  /** Means of quarters of an hour by point, NaN where unknown; the first begins at `historyFrom`. */
  readonly history: Readonly<Record<string, Float64Array>>;
  readonly historyFrom: Millis;
  /** Alarms raised from here on are told; what lies before is for learning. */
  readonly from: Millis;
  /** Above 1 rings sooner and for less. */
  readonly sensitivity: number;
}

export interface WhatIfAlarm {
  readonly zone: string;
  readonly kind: 'abrupt' | 'slow';
  readonly raisedAt: Millis;
  readonly since: Millis;
  readonly sizeM3PerH: number;
  readonly location: string;
  /** When the repair was recognised; absent while it is open. */
  readonly closedAt?: Millis;
}

/** One leak as both settings tell it, or one of them. */
export interface WhatIfRow {
  readonly usual?: WhatIfAlarm;
  readonly changed?: WhatIfAlarm;
}

export interface WhatIfAnswer {
  readonly rows: readonly WhatIfRow[];
  /** Zones that had not learned by the end, with the setting as it is. */
  readonly learning: readonly string[];
}

/** What would have rung with another sensitivity, beside what rings with the one as it is. */
export function whatIf(task: WhatIfTask): WhatIfAnswer {
  const usual = judged(task, 1);
  const changed = judged(task, task.sensitivity);
  return { rows: paired(usual.alarms, changed.alarms), learning: usual.learning };
}

function judged(task: WhatIfTask, factor: number) {
  const { timezone, history, historyFrom, from } = task;
  const zones = task.zones.map((zone) => ({ ...zone, sensitivity: (zone.sensitivity ?? 1) * factor }));
  const detector = new LeakageDetector(zones, timezone);
  const columns = Object.entries(history);
  columns.forEach(([point], id) => {
    detector.pointKnown(point, id);
  });
  const length = Math.max(0, ...columns.map(([, column]) => column.length));
  const alarms = new Map<string, WhatIfAlarm>();
  for (let at = 0; at < length; at++) {
    const ts = historyFrom + at * QUARTER_MS;
    columns.forEach(([, column], id) => {
      const value = column[at];
      if (value !== undefined && !Number.isNaN(value)) detector.reading(id, ts, value, GOOD);
    });
    for (const finding of detector.advance(ts + QUARTER_MS)) {
      if (finding.kind === 'raise') {
        const { rule, raise } = finding;
        const { zone, type } = raise.evidence.details as { zone: string; type: 'abrupt' | 'slow' };
        alarms.set(rule.key, {
          zone,
          kind: type,
          raisedAt: raise.at,
          since: raise.since,
          sizeM3PerH: raise.evidence.value ?? 0,
          location: rule.location ?? zone,
        });
      } else if (finding.kind === 'clear') {
        const open = alarms.get(finding.rule);
        if (open !== undefined) alarms.set(finding.rule, { ...open, closedAt: finding.at });
      }
    }
  }
  return {
    alarms: [...alarms.values()].filter(({ raisedAt }) => raisedAt >= from),
    learning: detector.status().flatMap(({ zone, state }) => (state === 'learning' ? [zone] : [])),
  };
}

/** In the order in which they would have rung. */
function paired(usual: readonly WhatIfAlarm[], changed: readonly WhatIfAlarm[]): WhatIfRow[] {
  const left = [...changed];
  const rows: WhatIfRow[] = usual.map((one) => {
    const near = left
      .filter(({ zone, raisedAt }) => zone === one.zone && Math.abs(raisedAt - one.raisedAt) <= SAME_MS)
      .sort((a, b) => Math.abs(a.raisedAt - one.raisedAt) - Math.abs(b.raisedAt - one.raisedAt))[0];
    if (near === undefined) return { usual: one };
    left.splice(left.indexOf(near), 1);
    return { usual: one, changed: near };
  });
  const when = ({ usual: one, changed: other }: WhatIfRow) =>
    Math.min(one?.raisedAt ?? Number.POSITIVE_INFINITY, other?.raisedAt ?? Number.POSITIVE_INFINITY);
  return [...rows, ...left.map((alarm) => ({ changed: alarm }))].sort((a, b) => when(a) - when(b));
}
