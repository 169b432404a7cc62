import { z } from 'zod';
import { ALARM_ACTIONS, ALARM_STATES } from '../../contract/alarm.ts';
import { formatTime, type Millis } from '../../contract/time.ts';
import type { Notification } from '../store/store.ts';
import type { Identity } from './auth.ts';
import {
  countSchema,
  cursorSchema,
  durationSchema,
  isoSchema,
  momentSchema,
  mustBeInOrder,
  present,
  rangeFields,
  wordsSchema,
} from './inputs.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { type Route, route } from './route.ts';
import { alarmView, journalView, optionalTime, viewAlarm, viewJournal } from './views.ts';

/** Journal lines and notifications shown with one alarm; a chattering one has more, the journal route pages through them. */
const HISTORY_SHOWN = 500;

const notificationView = z.object({
  id: z.string(),
  channel: z.string(),
  event: z.string(),
  state: z.enum(['due', 'sent', 'failed']),
  dueAt: isoSchema,
  attempts: z.number(),
  sentAt: isoSchema.optional(),
  lastError: z.string().optional(),
});

const actionSchema = z
  .strictObject({
    comment: z.string().trim().min(1).max(1000).optional(),
    reason: z.string().trim().min(1).max(1000).optional().meta({
      description:
        'another word for comment; where the site asks for it, shelving and taking out of service need one of the two',
    }),
    until: momentSchema.optional().meta({ description: 'shelve: until when' }),
    untilMs: momentSchema.optional().meta({ description: 'the same' }),
    for: durationSchema.optional().meta({ description: 'shelve: for how long' }),
    duration: durationSchema.optional().meta({ description: 'the same' }),
    durationMs: durationSchema.optional().meta({ description: 'the same' }),
    oneShot: z.boolean().optional().meta({ description: 'shelve: until it returns to normal' }),
  })
  .optional();

/** What hides an alarm: a site may ask that it says why (ISA-18.2: unexplained suppression counts against the site). */
const HIDING: readonly (typeof ALARM_ACTIONS)[number][] = ['shelve', 'out-of-service'];

export function alarmRoutes(door: Door): readonly Route[] {
  const { store, ingest, now, openAlarms, config } = door;
  const find = async (id: string) => {
    const alarm = await store.alarm(id);
    if (alarm === undefined) throw new Problem('alarm-unknown', `${id.slice(0, 200)} is no alarm here.`);
    return alarm;
  };
  return [
    route({
      method: 'GET',
      path: '/api/v1/alarms',
      access: 'viewer',
      tag: 'alarms',
      summary: 'Alarms, newest first; without `state`: everything that is not normal, or is held or latched',
      query: z.strictObject({
        state: wordsSchema(ALARM_STATES).optional(),
        priority: wordsSchema(['1', '2', '3', '4']).optional(),
        asset: z.string().max(64).optional(),
        kind: z.string().max(64).optional(),
        q: z
          .string()
          .trim()
          .min(1)
          .max(200)
          .optional()
          .meta({ description: 'text in message, asset, place or kind; of alarms that are open' }),
        ...rangeFields,
        limit: countSchema(1, 5000).default(500),
        cursor: cursorSchema.optional(),
      }),
      answer: z.object({
        alarms: z.array(alarmView),
        total: z.number().optional().meta({ description: 'how many there are on all pages; of open ones only' }),
        cursor: z.string().optional(),
      }),
      async handle({ query }) {
        const { state, priority, limit, q, ...rest } = query;
        mustBeInOrder(rest);
        const filter = { limit, ...present({ ...rest, priorities: priority?.map(Number), states: state }) };
        if (state?.includes('normal') !== true) {
          const { items, total, cursor } = openAlarms.list({ ...filter, text: q });
          return { alarms: items.map(viewAlarm), total, ...present({ cursor }) };
        }
        if (q !== undefined)
          throw new Problem('input-invalid', 'q looks through open alarms only.', {
            errors: [
              { path: 'query.q', found: 'with state=normal', allowed: 'without state, or states of open alarms' },
            ],
          });
        const page = await store.alarms(filter);
        return { alarms: page.items.map(viewAlarm), ...present({ cursor: page.cursor }) };
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/alarms/journal',
      access: 'viewer',
      tag: 'alarms',
      summary: 'Every transition: what, when, who, why',
      query: z.strictObject({
        alarm: z.string().max(500).optional(),
        ...rangeFields,
        limit: countSchema(1, 5000).default(500),
        cursor: cursorSchema.optional(),
      }),
      answer: z.object({ journal: z.array(journalView), cursor: z.string().optional() }),
      async handle({ query }) {
        const { limit, ...rest } = query;
        mustBeInOrder(rest);
        const page = await store.journal({ limit, ...present(rest) });
        return { journal: page.items.map(viewJournal), ...present({ cursor: page.cursor }) };
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/alarms/{id}',
      access: 'viewer',
      tag: 'alarms',
      summary: 'One alarm with its journal and who was told',
      params: z.object({ id: z.string() }),
      answer: alarmView.extend({ journal: z.array(journalView), notifications: z.array(notificationView) }),
      async handle({ params }) {
        const alarm = await find(params.id);
        const [journal, notifications] = await Promise.all([
          store.journal({ alarm: alarm.id, limit: HISTORY_SHOWN }),
          store.notifications({ alarm: alarm.id, limit: HISTORY_SHOWN }),
        ]);
        return {
          ...viewAlarm(alarm),
          journal: journal.items.map(viewJournal),
          notifications: notifications.items.map(viewNotification),
        };
      },
    }),
    ...ALARM_ACTIONS.map((action) =>
      route({
        method: 'POST',
        path: `/api/v1/alarms/{id}/${action}`,
        access: 'operator',
        tag: 'alarms',
        summary: `${action} an alarm; answers the alarm as it is then`,
        params: z.object({ id: z.string() }),
        body: actionSchema,
        answer: alarmView,
        async handle({ params, body = {}, identity }) {
          const at = now();
          const comment = body.comment ?? body.reason;
          if (comment === undefined && config.requireReason === true && HIDING.includes(action))
            throw new Problem('action-invalid', `${action} needs a reason`, {
              errors: [{ path: 'body.reason', found: 'nothing', allowed: 'why, in up to 1000 characters' }],
            });
          const alarm = await ingest.operate({
            action,
            alarm: params.id,
            who: (identity as Identity).name,
            at,
            ...present({ comment, until: untilOf(body, at), oneShot: body.oneShot }),
          });
          return viewAlarm(alarm);
        },
      }),
    ),
  ];
}

/** @throws Problem action-invalid when it is said twice: nobody knows which was meant */
function untilOf(body: NonNullable<z.output<typeof actionSchema>>, now: Millis): Millis | undefined {
  const said = (['until', 'untilMs', 'for', 'duration', 'durationMs'] as const).filter(
    (key) => body[key] !== undefined,
  );
  if (said.length > 1)
    throw new Problem('action-invalid', `${said.join(' and ')} say the same thing twice`, {
      errors: [{ path: `body.${said[1]}`, found: said.join(', '), allowed: 'one of them' }],
    });
  const durationMs = body.for ?? body.duration ?? body.durationMs;
  if (durationMs !== undefined) return now + durationMs;
  return body.until ?? body.untilMs;
}

function viewNotification(notification: Notification): z.infer<typeof notificationView> {
  const { id, channel, event, state, dueAt, attempts, sentAt, lastError } = notification;
  return {
    id,
    channel,
    event,
    state,
    dueAt: formatTime(dueAt),
    attempts,
    ...present({ sentAt: optionalTime(sentAt), lastError }),
  };
}
