import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Millis } from '../../contract/time.ts';
import { localClock } from '../calendar.ts';
import type { FaultOrder } from '../simulation.ts';

const DAY_MS = 86_400_000;

const momentSchema = z.strictObject({
  daysAgo: z.number().int().min(0).max(3660),
  at: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a local time such as 02:10'),
});

const incidentSchema = z.strictObject({
  title: z.string().min(3),
  titleZh: z.string().optional(),
  fault: z.string(),
  /** Device, line or place. */
  device: z.string(),
  value: z.number().optional(),
  from: momentSchema,
  /** Undefined: nobody has put it right yet. */
  to: momentSchema.optional(),
});

/** Something that went wrong before the demo began; most of it was put right. */
export type Incident = z.output<typeof incidentSchema>;

/** A fault that is switched at a moment of the past. */
export interface PastStep {
  readonly at: Millis;
  readonly order: FaultOrder;
}

/** The incidents that come with the project. @throws Error for a file that is none */
export function readPast(root: string): readonly Incident[] {
  const text = readFileSync(join(root, 'simulators', 'history', 'past.yaml'), 'utf8');
  return z.array(incidentSchema).parse(parse(text));
}

/**
 * Incidents as switched faults, oldest first. Of those that were put right only what lies wholly within the recording is
 * there; those that were not stay on at its end, and go on in the living district ({@link standingFaults}).
 */
export function pastSteps(
  incidents: readonly Incident[],
  { from, to, timezone }: { readonly from: Millis; readonly to: Millis; readonly timezone: string },
): readonly PastStep[] {
  const midnight = to - localClock(timezone)(to).hour * 3_600_000;
  const moment = ({ daysAgo, at }: Incident['from']) => {
    const [hours, minutes] = at.split(':').map(Number) as [number, number];
    return Math.round(midnight - daysAgo * DAY_MS + hours * 3_600_000 + minutes * 60_000);
  };
  return incidents
    .filter((incident) => moment(incident.from) >= from && moment(incident.to ?? incident.from) <= to)
    .flatMap((incident): PastStep[] => {
      const { name, device } = faultOf(incident);
      const begins = { at: moment(incident.from), order: faultOf(incident) };
      return incident.to === undefined
        ? [begins]
        : [begins, { at: moment(incident.to), order: { name, device, on: false } }];
    })
    .sort((a, b) => a.at - b.at);
}

/** What nobody has put right when the past ends: the living district has it from its start. */
export function standingFaults(incidents: readonly Incident[]): readonly FaultOrder[] {
  return incidents.filter(({ to }) => to === undefined).map(faultOf);
}

function faultOf({ fault: name, device, value }: Incident): FaultOrder {
  return { name, device, on: true, ...(value === undefined ? {} : { value }) };
}
