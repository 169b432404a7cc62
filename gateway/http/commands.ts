import { z } from 'zod';
import { idSchema } from '../../contract/reading.ts';
import { COMMAND_STATUSES, type CommandAnswer } from '../commands.ts';
import type { Identity } from './auth.ts';
import { present } from './inputs.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';

/** How long a request waits for the answer before it says `open`. */
const WAIT_MS = 10_000;
/** As long as a selection can hold at most. */
const TTL_MS_MAX = 300_000;

const commandBody = z
  .strictObject({
    point: idSchema.meta({ description: 'measurement of the device, for example dimLevel' }),
    value: z.number().meta({ description: 'in the unit of the point' }),
    ttlMs: z
      .number()
      .int()
      .min(1)
      .max(TTL_MS_MAX)
      .default(10_000)
      .meta({ description: 'what is not on its way to the device by then is not sent' }),
    mode: z.enum(['direct', 'select', 'operate']).default('direct'),
    select: idSchema.optional().meta({ description: 'operate: id of the select' }),
  })
  .refine(
    ({ mode, select }) => (mode === 'operate') === (select !== undefined),
    'operate names its select, others none',
  );

const answerView = z.object({
  id: z.string(),
  status: z.enum(COMMAND_STATUSES).meta({
    description:
      'open: no answer yet; unknown: none came, look before you repeat it; the others are the answer of the edge',
  }),
  readBack: z.number().optional(),
  reason: z.string().optional(),
});

export function commandRoutes({ commands }: Door): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/api/v1/devices/{device}/commands',
      access: 'operator',
      tag: 'commands',
      summary: 'Write to a point of a device; waits up to 10 s for the answer, then 202 with `open`',
      params: z.object({ device: z.string() }),
      body: commandBody,
      answer: answerView,
      otherStatus: { 202: 'sent, no answer yet: ask again at the address in `Location`' },
      async handle({ params, body, identity, reply }) {
        if (commands === undefined) throw new Problem('not-ready', 'This gateway sends no commands.');
        const { select, ...rest } = body;
        const request = { ...rest, device: params.device, ...(select === undefined ? {} : { select }) };
        const id = await commands.send(request, (identity as Identity).name);
        const answer = (await commands.answer(id, WAIT_MS)) ?? ({ id, status: 'open' } as const);
        if (answer.status === 'open') reply.status(202).header('location', `/api/v1/commands/${id}`);
        return viewAnswer(answer);
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/commands/{id}',
      access: 'operator',
      tag: 'commands',
      summary: 'What became of a command; the newest 1,000 are remembered',
      params: z.object({ id: z.string() }),
      answer: answerView,
      async handle({ params }) {
        const answer = await commands?.answer(params.id, 0);
        if (answer === undefined)
          throw new Problem('command-unknown', `${params.id.slice(0, 64)} is no command that is remembered here.`);
        return viewAnswer(answer);
      },
    }),
  ];
}

function viewAnswer({ id, status, readBack, reason }: CommandAnswer): z.infer<typeof answerView> {
  return { id, status, ...present({ readBack, reason }) };
}
