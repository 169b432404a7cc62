import { isIP } from 'node:net';
import { z } from 'zod';
import type { Mistake } from '../../contract/mistakes.ts';
import { bytesSchema } from '../../contract/settings.ts';
import { openOutgoing } from '../notify/outgoing.ts';

const nameSchema = z.string().min(1).max(200);
const pathSchema = z.string().min(1);

/** The gateway tells of its copy as a device of itself, with a class of its own: so it has a trend and alarms like any other. */
export const COPY_DEVICE = 'influxdb';
export const COPY_CLASS = 'history-copy';

/** Where InfluxDB listens when nobody says. */
const DEFAULT_URL = 'http://127.0.0.1:8086';
const DEFAULT_DATABASE = 'hanfeng';
const GIB = 1024 ** 3;

const influxdbSchema = z
  .strictObject({
    url: z
      .string()
      .refine(isAddress, 'an address such as http://127.0.0.1:8086, without name, password or query')
      .default(DEFAULT_URL)
      .describe('HANFENG_INFLUXDB_URL overrides it'),
    database: nameSchema
      .optional()
      .describe(`Of InfluxDB 1, or of a bucket's mapping in 2 and 3; ${DEFAULT_DATABASE} unless said`),
    retentionPolicy: nameSchema.optional().describe('Of that database; its default unless said'),
    org: nameSchema.optional().describe('Of InfluxDB 2; with `bucket`'),
    bucket: nameSchema.optional().describe('Of InfluxDB 2 or 3: written by its own door, /api/v2/write'),
    username: nameSchema.optional().describe('Of InfluxDB 1'),
    passwordFile: pathSchema.optional().describe('HANFENG_INFLUXDB_PASSWORD overrides it'),
    tokenFile: pathSchema.optional().describe('Of InfluxDB 2 or 3; HANFENG_INFLUXDB_TOKEN overrides it'),
    buffer: bytesSchema({ min: 10_000_000, max: 1e15, words: 'at least 10 MB' })
      .default(10 * GIB)
      .describe('Disk for what waits while InfluxDB is away; beyond it the oldest is given up and counted'),
    gzip: z.boolean().default(false).describe('For a slow link'),
    allowHosts: z
      .array(z.string().min(1))
      .default([])
      .describe('Inner hosts or networks that `url` may lead to, beside those of notify.allowHosts'),
  })
  .refine(({ org, bucket }) => org === undefined || bucket !== undefined, {
    error: 'a bucket beside the org',
    path: ['bucket'],
  })
  .refine(({ username, tokenFile }) => username === undefined || tokenFile === undefined, {
    error: 'a user with a password (InfluxDB 1), or a token (2 and 3)',
    path: ['username'],
  });

/** `history:` of gateway.yaml. */
export const historySchema = z
  .union(
    [
      z.literal('parquet').transform(() => ({ kind: 'parquet' as const })),
      z.literal('influxdb').transform(() => ({ kind: 'influxdb' as const, ...influxdbSchema.parse({}) })),
      z
        .strictObject({ influxdb: influxdbSchema })
        .transform(({ influxdb }) => ({ kind: 'influxdb' as const, ...influxdb })),
    ],
    { error: 'parquet, influxdb, or {influxdb: {url, database, tokenFile, buffer}}' },
  )
  .describe('Sealed history as Parquet files; with influxdb every reading is written there too');

export type HistorySettings = z.output<typeof historySchema>;

/** How InfluxDB is reached: settings with their secrets. */
export interface InfluxTarget {
  readonly url: string;
  readonly database: string;
  readonly retentionPolicy?: string | undefined;
  readonly org?: string | undefined;
  readonly bucket?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  readonly gzip: boolean;
}

/** What tells one target from another: with another one the copy begins anew. */
export function targetName({ url, database, retentionPolicy, org, bucket }: InfluxTarget): string {
  const base = url.replace(/\/+$/, '');
  return bucket === undefined
    ? `${base} database ${database}${retentionPolicy === undefined ? '' : `.${retentionPolicy}`}`
    : `${base} bucket ${org ?? ''}/${bucket}`;
}

/** `history:` with its secrets. */
export type HistoryConfig =
  | { readonly kind: 'parquet' }
  | {
      readonly kind: 'influxdb';
      readonly target: InfluxTarget;
      readonly bufferBytes: number;
      readonly allowHosts: readonly string[];
    };

/**
 * Settings as they are used.
 *
 * @param env - HANFENG_INFLUXDB_URL, HANFENG_INFLUXDB_TOKEN and HANFENG_INFLUXDB_PASSWORD override the file
 * @param read - content of a secret file, given its path and where it is named
 */
export function historyOf(
  settings: HistorySettings,
  env: Readonly<Record<string, string | undefined>>,
  read: (path: string | undefined, at: string) => string | undefined,
): HistoryConfig {
  if (settings.kind === 'parquet') return settings;
  const { url, database, bucket, tokenFile, passwordFile, buffer, allowHosts, ...rest } = settings;
  return {
    kind: 'influxdb',
    target: {
      ...rest,
      url: env.HANFENG_INFLUXDB_URL ?? url,
      bucket,
      // A bucket is asked by the database it is mapped to, which has its name unless somebody chose another.
      database: database ?? bucket ?? DEFAULT_DATABASE,
      token: env.HANFENG_INFLUXDB_TOKEN ?? read(tokenFile, 'history.influxdb.tokenFile'),
      password: env.HANFENG_INFLUXDB_PASSWORD ?? read(passwordFile, 'history.influxdb.passwordFile'),
    },
    bufferBytes: buffer,
    allowHosts,
  };
}

/** A database on this very machine is named by its address alone; what lies elsewhere inside must be allowed by name. */
export function allowedHosts(url: string, named: readonly string[]): readonly string[] {
  const host = URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : '';
  const isOwn = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  return isOwn ? [...named, host] : named;
}

/** An address that can't be used, or that nobody allowed. */
export function addressMistakes(
  history: HistoryConfig,
  notify: { readonly allowHosts: readonly string[] },
  file: string,
): Mistake[] {
  if (history.kind === 'parquet') return [];
  const { url } = history.target;
  const mistake = (allowed: string): Mistake[] => [{ file, path: 'history.influxdb.url', found: url, allowed }];
  if (!isAddress(url)) return mistake('an address such as http://127.0.0.1:8086, without name, password or query');
  const allowHosts = allowedHosts(url, [...notify.allowHosts, ...history.allowHosts]);
  const outgoing = openOutgoing({ allowHosts, connectTimeoutMs: 1000 });
  try {
    outgoing.check(new URL(url));
    return [];
  } catch {
    return mistake('an outer address, or an inner one named in history.influxdb.allowHosts');
  } finally {
    void outgoing.close();
  }
}

function isAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, search } = new URL(text);
  return /^https?:$/.test(protocol) && username === '' && search === '';
}
