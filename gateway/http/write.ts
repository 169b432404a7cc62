import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { DoorReceipt } from '../ingest.ts';
import { type LineError, parseLineProtocol } from '../line-protocol.ts';
import { unpack } from '../subscriber.ts';
import type { Identity } from './auth.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { receiptHeaders } from './readings.ts';
import { type Route, route } from './route.ts';

/** Before inflating; `unpack` bounds what comes out. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;
/** Bad lines kept in one dead letter. */
const LETTER_LENGTH_MAX = 4000;
const ignored = z.string().max(200).optional().meta({ description: 'taken and not used' });

/** The door for collectors that speak InfluxDB. */
export function writeRoutes({ ingest, now }: Door): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/api/v2/write',
      access: 'operator',
      tag: 'readings',
      summary:
        'InfluxDB line protocol, plain or gzip; 204 once on disk, 400 naming each bad line while the good ones are kept',
      query: z.strictObject({
        precision: z.enum(['ns', 'us', 'ms', 's']).default('ns'),
        bucket: ignored,
        org: ignored,
        orgID: ignored,
        db: ignored,
        rp: ignored,
      }),
      body: z
        .instanceof(Buffer)
        .optional()
        .meta({ description: 'lines: `measurement,device=fm-12 flow=12.3 1763877600000`' }),
      bodyTypes: ['text/plain'],
      bodyBytesMax: BODY_BYTES_MAX,
      status: 204,
      async handle({ query, body, identity, reply }) {
        const receivedAt = now();
        const text = await unpack(body ?? Buffer.alloc(0));
        if (!text.ok)
          throw new Problem(text.reason === 'too-large' ? 'body-too-large' : 'request-invalid', text.detail);
        const { entries, errors, badLines } = parseLineProtocol(text.value, query.precision);
        const who = (identity as Identity).name;
        if (badLines > 0)
          await ingest.deadLetter({
            id: randomBytes(12).toString('hex'),
            at: receivedAt,
            door: 'line-protocol',
            source: who,
            reason: 'wrong-shape',
            detail: `${badLines} lines; line ${errors[0]?.line}: ${errors[0]?.detail}`.slice(0, 1000),
            payload: badText(text.value, errors),
          });
        const receipt = entries.length === 0 ? NOTHING : await ingest.readings('line-protocol', entries, receivedAt);
        reply.headers(receiptHeaders(receipt));
        if (badLines + receipt.rejected.length > 0) throw refusal(receipt, errors, badLines);
      },
    }),
  ];
}

const NOTHING: DoorReceipt = { stored: 0, duplicate: 0, corrected: 0, rejected: [] };

/** Also in the words InfluxDB's clients print: `message`. */
function refusal(
  { stored, duplicate, corrected, rejected }: DoorReceipt,
  errors: readonly LineError[],
  badLines: number,
) {
  const first = errors.slice(0, 3).map(({ line, detail }) => `line ${line}: ${detail}`);
  const detail = `partial write: ${badLines} bad lines, ${rejected.length} values rejected, ${stored + duplicate + corrected} taken. ${first.join('; ')}`;
  return new Problem('readings-rejected', detail, {
    errors: [...errors, ...rejected.slice(0, 100)],
    members: { message: detail, stored, duplicate, corrected, rejected: badLines + rejected.length },
  });
}

function badText(text: string, errors: readonly LineError[]): string {
  const lines = text.split('\n');
  return errors
    .map(({ line }) => lines[line - 1] ?? '')
    .join('\n')
    .slice(0, LETTER_LENGTH_MAX);
}
