import { z } from 'zod';
import { type EdgeState, edgeStateSchema } from '../../contract/state.ts';
import { formatTime } from '../../contract/time.ts';
import type { EdgeRecord } from '../store/store.ts';
import { lanesOf, laneView } from './delivery.ts';
import { countSchema, cursorSchema, decodeCursor, encodeCursor, isoSchema, present } from './inputs.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';

const edgeView = z.object({
  id: z.string(),
  online: z.boolean(),
  changedAt: isoSchema.meta({ description: 'since when it is online or offline' }),
  lastHeardAt: isoSchema,
  version: z.string().optional(),
  outbox: z.string().optional(),
  devices: z.array(z.string()),
  lines: z.array(z.record(z.string(), z.unknown())).meta({ description: 'line health as the edge sees it' }),
  lanes: z.array(laneView),
});

export function edgeRoutes(door: Door): readonly Route[] {
  const { registry } = door;
  const view = (edge: EdgeRecord): z.infer<typeof edgeView> => {
    const state = stateOf(edge);
    const devices = [...registry.devices()].filter((device) => device.edge === edge.id).map(({ id }) => id);
    return {
      id: edge.id,
      online: edge.online,
      changedAt: formatTime(edge.changedAt),
      lastHeardAt: formatTime(edge.lastHeardAt),
      devices: devices.sort(),
      lines: state?.lines ?? [],
      lanes: lanesOf(registry, edge.id),
      ...present({ version: state?.version, outbox: state?.outbox }),
    };
  };
  return [
    route({
      method: 'GET',
      path: '/api/v1/edges',
      access: 'viewer',
      tag: 'edges',
      summary: 'Edges by id, with line health and delivery',
      query: z.strictObject({ limit: countSchema(1, 1000).default(100), cursor: cursorSchema.optional() }),
      answer: z.object({ edges: z.array(edgeView), cursor: z.string().optional() }),
      handle({ query }) {
        const after = decodeCursor(query.cursor, 'string');
        const found = [...registry.edges()].filter(({ id }) => after === undefined || id > after);
        found.sort((a, b) => (a.id < b.id ? -1 : 1));
        const page = found.slice(0, query.limit);
        const last = page.at(-1);
        return {
          edges: page.map(view),
          ...(found.length > page.length && last !== undefined ? { cursor: encodeCursor(last.id) } : {}),
        };
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/edges/{edge}',
      access: 'viewer',
      tag: 'edges',
      summary: 'One edge',
      params: z.object({ edge: z.string() }),
      answer: edgeView,
      handle({ params }) {
        const edge = registry.edge(params.edge);
        if (edge === undefined) throw new Problem('edge-unknown', `${params.edge} never reported here.`);
        return view(edge);
      },
    }),
  ];
}

/** What the edge last said of one line of its own. */
export function lineOf(edge: EdgeRecord, line: string): Record<string, unknown> | undefined {
  return stateOf(edge)?.lines?.find(({ id }) => id === line);
}

/** Records are replaced, never changed: each is parsed once. */
const parsed = new WeakMap<EdgeRecord, { readonly state: EdgeState | undefined }>();

function stateOf(edge: EdgeRecord): EdgeState | undefined {
  let known = parsed.get(edge);
  if (known === undefined) {
    known = { state: parseState(edge.state) };
    parsed.set(edge, known);
  }
  return known.state;
}

function parseState(text: string): EdgeState | undefined {
  try {
    return edgeStateSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
