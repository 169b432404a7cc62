import { z } from 'zod';
import { formatTime } from '../../contract/time.ts';
import { addLedgers, ledgerOf, NO_LEDGER } from '../lanes.ts';
import type { Registry } from '../registry.ts';
import type { LaneMark } from '../store/store.ts';
import { copyView, viewCopy } from './health.ts';
import { isoSchema, pageFields, pageOf } from './inputs.ts';
import type { Door } from './ports.ts';
import { type Route, route } from './route.ts';

const ledgerFields = {
  made: z.number().meta({ description: 'readings ever put into the outbox' }),
  stored: z.number(),
  missing: z.number().meta({ description: 'made - stored - rejected - dropped: on their way, or lost' }),
  duplicate: z.number().meta({ description: 'readings that came again and were not stored again' }),
  dropped: z.number().meta({ description: 'dropped by the edge for lack of space, with a tombstone' }),
  rejected: z.number().meta({ description: 'in the dead letters' }),
};

export const laneView = z.object({
  lane: z.string(),
  ...ledgerFields,
  duplicateBatches: z.number(),
  mark: z.number().meta({ description: 'every batch up to this number is on disk' }),
  ahead: z.number().meta({ description: 'batches above the mark that are on disk already' }),
  lastAt: isoSchema,
});
type LaneView = z.infer<typeof laneView>;

const edgeLedger = z.object({
  edge: z.string(),
  ...ledgerFields,
  online: z.boolean().optional(),
  oldestUnsent: isoSchema
    .optional()
    .meta({ description: 'source time of the oldest reading the edge held unconfirmed when it was last heard' }),
  unsentReadings: z.number().optional(),
  lastAt: isoSchema.optional(),
  lanes: z.array(laneView),
});

/** The proof that nothing was lost: what was made against what is on disk. */
export function deliveryRoutes({ registry, historyCopy }: Door): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/delivery',
      access: 'viewer',
      tag: 'delivery',
      summary: 'Per edge and lane: made, stored, missing, duplicate',
      query: z.strictObject(pageFields),
      answer: z.object({
        edges: z.array(edgeLedger),
        total: z.object(ledgerFields).meta({ description: 'of all edges, whatever the page' }),
        historyCopy: copyView.optional(),
        cursor: z.string().optional(),
      }),
      handle({ query }) {
        const copy = historyCopy?.status();
        const names = new Set([...registry.edges()].map(({ id }) => id));
        for (const { edge } of registry.marks()) names.add(edge);
        const edges = [...names].sort().map((edge) => viewEdge(registry, edge));
        const { page, ...cursor } = pageOf(edges, ({ edge }) => edge, query);
        return {
          edges: [...page],
          total: [...registry.marks()].map(ledgerOf).reduce(addLedgers, NO_LEDGER),
          ...(copy === undefined ? {} : { historyCopy: viewCopy(copy) }),
          ...cursor,
        };
      },
    }),
  ];
}

export function lanesOf(registry: Registry, edge: string): LaneView[] {
  return [...registry.marks()].filter((mark) => mark.edge === edge).map(viewLane);
}

function viewLane(mark: LaneMark): LaneView {
  return {
    lane: mark.lane,
    ...ledgerOf(mark),
    duplicateBatches: mark.duplicateBatches,
    mark: mark.mark,
    ahead: mark.ahead.length,
    lastAt: formatTime(mark.lastAt),
  };
}

function viewEdge(registry: Registry, edge: string): z.infer<typeof edgeLedger> {
  const marks = [...registry.marks()].filter((mark) => mark.edge === edge);
  const lanes = marks.map(viewLane);
  const record = registry.edge(edge);
  // An edge says with each batch what its whole outbox still holds: the newest word counts.
  const [newest] = marks.sort((a, b) => b.lastAt - a.lastAt);
  const unsent = newest?.unsent;
  return {
    edge,
    ...marks.map(ledgerOf).reduce(addLedgers, NO_LEDGER),
    lanes,
    ...(record === undefined ? {} : { online: record.online }),
    ...(unsent === undefined ? {} : { oldestUnsent: formatTime(unsent.oldestAt), unsentReadings: unsent.readings }),
    ...(newest === undefined ? {} : { lastAt: formatTime(newest.lastAt) }),
  };
}
