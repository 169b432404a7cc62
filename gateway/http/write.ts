import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { DoorReceipt } from '../ingest.ts';
import { type LineError, LineReader, type Precision } from '../line-protocol.ts';
import { unpack } from '../subscriber.ts';
import type { Identity } from './auth.ts';
import type { Door } from './ports.ts';
import { Problem } from './problem.ts';
import { receiptHeaders } from './readings.ts';
import { type Call, type Route, route } from './route.ts';

/** Before inflating; `unpack` bounds what comes out. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;
/** Bad lines kept in one dead letter. */
const LETTER_LENGTH_MAX = 4000;
/** Lines read and given to ingest before others get their turn: some 5 ms. */
const LINES_A_TURN = 2000;
const ignored = z.string().max(200).optional().meta({ description: 'taken and not used' });
const body = z
  .instanceof(Buffer)
  .optional()
  .meta({ description: 'lines: `measurement,device=fm-12 flow=12.3 1763877600000`' });

/** How version 1 of the protocol names units of time. */
const VERSION_1: Readonly<Record<string, Precision>> = { n: 'ns', u: 'us', µ: 'us' };

/** The doors for collectors that speak InfluxDB, version 2 and 1. */
export function writeRoutes(door: Door): readonly Route[] {
  const common = {
    method: 'POST',
    access: 'operator',
    tag: 'readings',
    body,
    bodyTypes: ['text/plain'],
    bodyBytesMax: BODY_BYTES_MAX,
    status: 204,
  } as const;
  return [
    route({
      ...common,
      path: '/api/v2/write',
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
      handle: (call) => takeLines(door, call, call.query.precision),
    }),
    route({
      ...common,
      path: '/write',
      summary: 'The same for collectors that speak version 1; the token as bearer, or as password of a basic login',
      query: z.strictObject({
        precision: z.enum(['n', 'ns', 'u', 'µ', 'us', 'ms', 's', 'm', 'h']).default('n'),
        db: ignored,
        rp: ignored,
        consistency: ignored,
      }),
      handle: (call) => takeLines(door, call, VERSION_1[call.query.precision] ?? (call.query.precision as Precision)),
    }),
  ];
}

async function takeLines(
  { ingest, now, room }: Door,
  { body: bytes, identity, reply }: Call<unknown, unknown, Buffer | undefined>,
  precision: Precision,
): Promise<void> {
  const receivedAt = now();
  const text = await unpack(bytes ?? Buffer.alloc(0));
  if (!text.ok) throw new Problem(text.reason === 'too-large' ? 'body-too-large' : 'request-invalid', text.detail);
  const { receipt, errors, badLines } = await room.hold(text.value.length, async () => {
    const reader = new LineReader(text.value, precision);
    const receipts: Promise<DoorReceipt>[] = [];
    const errors: LineError[] = [];
    let badLines = 0;
    while (!reader.atEnd) {
      if (receipts.length > 0) await new Promise((resolve) => setImmediate(resolve));
      const part = reader.read(LINES_A_TURN);
      if (part.entries.length > 0) receipts.push(ingest.readings('line-protocol', part.entries, receivedAt));
      errors.push(...part.errors);
      badLines += part.badLines;
    }
    // One that fails must not leave the others unheard.
    const settled = await Promise.allSettled(receipts);
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
    const receipt = settled.reduce(
      (sum, result) => (result.status === 'fulfilled' ? add(sum, result.value) : sum),
      NOTHING,
    );
    if (badLines > 0)
      await ingest.deadLetter({
        id: randomBytes(12).toString('hex'),
        at: receivedAt,
        door: 'line-protocol',
        source: (identity as Identity).name,
        reason: 'wrong-shape',
        detail: `${badLines} lines; line ${errors[0]?.line}: ${errors[0]?.detail}`.slice(0, 1000),
        payload: badText(text.value, errors),
      });
    return { receipt, errors, badLines };
  });
  reply.headers(receiptHeaders(receipt));
  if (badLines + receipt.rejected.length > 0) throw refusal(receipt, errors, badLines);
}

const NOTHING: DoorReceipt = { stored: 0, duplicate: 0, corrected: 0, rejected: [] };

function add(a: DoorReceipt, b: DoorReceipt): DoorReceipt {
  return {
    stored: a.stored + b.stored,
    duplicate: a.duplicate + b.duplicate,
    corrected: a.corrected + b.corrected,
    rejected: [...a.rejected, ...b.rejected],
  };
}

/** Also in the words InfluxDB's clients look for: `message` in version 2, `error` in version 1. */
function refusal(
  { stored, duplicate, corrected, rejected }: DoorReceipt,
  errors: readonly LineError[],
  badLines: number,
) {
  const first = errors.slice(0, 3).map(({ line, detail }) => `line ${line}: ${detail}`);
  const detail = `partial write: ${badLines} bad lines, ${rejected.length} values rejected, ${stored + duplicate + corrected} taken. ${first.join('; ')}`;
  return new Problem('readings-rejected', detail, {
    errors: [...errors, ...rejected.slice(0, 100)],
    members: { message: detail, error: detail, stored, duplicate, corrected, rejected: badLines + rejected.length },
  });
}

function badText(text: string, errors: readonly LineError[]): string {
  const lines = text.split('\n');
  return errors
    .map(({ line }) => lines[line - 1] ?? '')
    .join('\n')
    .slice(0, LETTER_LENGTH_MAX);
}
