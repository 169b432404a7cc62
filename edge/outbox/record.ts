import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { DeviceReadings } from '../../contract/reading.ts';
import type { Millis } from '../../contract/time.ts';
import { BATCH_BYTES_MAX } from '../../contract/wire-readings.ts';

/** One numbered batch as it lies on disk; what changes with each sending (`sentAt`, `clock`) is added by the uplink. */
export interface SealedBatch {
  readonly seq: number;
  /** Values ever put into the lane, up to and including this batch. */
  readonly made: number;
  /** Values of this batch; with `overflow` those that were lost before they had a place on disk. */
  readonly count: number;
  readonly sealedAt: Millis;
  readonly upTo: Readonly<Record<string, Millis>>;
  readonly readings: readonly DeviceReadings[];
  /** Recorded while the clock was free, in this start of the machine. */
  readonly freeBoot?: string;
  /** No readings: they overflowed memory while the disk was full, and this number explains them. */
  readonly overflow?: true;
}

/** What the header of a batch's records tells without their payload; a batch written in parts counts as one. */
export interface RecordInfo {
  readonly offset: number;
  /** Header and payload, bytes. */
  readonly bytes: number;
  readonly seq: number;
  readonly made: number;
  readonly count: number;
  readonly sealedAt: Millis;
  readonly overflow: boolean;
  /** Continues the number of the record before it. */
  readonly part: boolean;
}

/*
 * Layout, little endian: 0 u32 payload length, 4 u32 CRC-32 of everything after it, 8 u8 format, 9 u8 encoding,
 * 10 u16 flags (1 = overflow, 2 = part), 12 u32 count, 16 f64 seq, 24 f64 made, 32 f64 sealedAt, 40 payload.
 */
export const HEADER_BYTES = 40;
const FORMAT = 1;
const OVERFLOW_FLAG = 1;
const PART_FLAG = 2;
const JSON_PLAIN = 0;
const JSON_DEFLATED = 1;
/** Below this deflating gains nothing. */
const DEFLATE_MIN_BYTES = 256;
/** The fastest level: half a core of a small ARM board is worth more than the last tenth of the size. */
const DEFLATE_LEVEL = 1;

/** @param part - continues the number of the record before it; `count` and `readings` are those of this part alone */
export function encodeRecord(batch: SealedBatch, compress: boolean, part = false): Buffer {
  const { upTo, readings, freeBoot } = batch;
  const plain = Buffer.from(JSON.stringify({ upTo, readings, freeBoot }));
  const deflate = compress && plain.length >= DEFLATE_MIN_BYTES;
  const payload = deflate ? deflateRawSync(plain, { level: DEFLATE_LEVEL }) : plain;
  const record = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  record.writeUInt32LE(payload.length, 0);
  record.writeUInt8(FORMAT, 8);
  record.writeUInt8(deflate ? JSON_DEFLATED : JSON_PLAIN, 9);
  record.writeUInt16LE((batch.overflow === true ? OVERFLOW_FLAG : 0) | (part ? PART_FLAG : 0), 10);
  record.writeUInt32LE(batch.count, 12);
  record.writeDoubleLE(batch.seq, 16);
  record.writeDoubleLE(batch.made, 24);
  record.writeDoubleLE(batch.sealedAt, 32);
  payload.copy(record, HEADER_BYTES);
  record.writeUInt32LE(crc32(record.subarray(8)), 4);
  return record;
}

/**
 * Reads one batch back.
 *
 * @param records - its record, or the records of all its parts
 * @returns undefined when the bytes are anything but whole, sound records of one number
 */
export function decodeBatchRecords(records: Buffer): SealedBatch | undefined {
  const { records: parts, end } = scanRecords(records);
  const [first] = parts;
  const last = parts.at(-1);
  if (first === undefined || last === undefined || end !== records.length || first.seq !== last.seq) return undefined;
  const readings: DeviceReadings[] = [];
  let body: PayloadBody | undefined;
  for (const { offset, bytes } of parts) {
    body = decodePayload(records.subarray(offset, offset + bytes));
    if (body === undefined) return undefined;
    readings.push(...body.readings);
  }
  const { seq, made, sealedAt } = last;
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const { upTo, freeBoot } = body as PayloadBody;
  return {
    seq,
    made,
    count,
    sealedAt,
    upTo,
    readings,
    ...(freeBoot === undefined ? {} : { freeBoot }),
    ...(first.overflow ? { overflow: true as const } : {}),
  };
}

type PayloadBody = Pick<SealedBatch, 'upTo' | 'readings' | 'freeBoot'>;

function decodePayload(record: Buffer): PayloadBody | undefined {
  try {
    const raw = record.subarray(HEADER_BYTES);
    const isDeflated = record.readUInt8(9) === JSON_DEFLATED;
    const plain = isDeflated ? inflateRawSync(raw, { maxOutputLength: BATCH_BYTES_MAX }) : raw;
    return JSON.parse(plain.toString('utf8')) as PayloadBody;
  } catch {
    return undefined;
  }
}

/**
 * Walks the records of a segment file.
 *
 * @param segment - the whole file
 * @returns the sound records from the start, numbered without a gap, and where they end; bytes after `end` are torn or damaged
 */
export function scanRecords(segment: Buffer): { readonly records: readonly RecordInfo[]; readonly end: number } {
  const records: RecordInfo[] = [];
  let end = 0;
  while (end < segment.length) {
    const info = recordAt(segment, end);
    const before = records.at(-1);
    if (info === undefined) break;
    if (before !== undefined && info.seq !== before.seq + (info.part ? 0 : 1)) break;
    records.push(info);
    end += info.bytes;
  }
  return { records, end };
}

/** Joins the parts of a batch; each result spans the records of one number. */
export function joinParts(records: readonly RecordInfo[]): RecordInfo[] {
  const batches: RecordInfo[] = [];
  for (const record of records) {
    const before = batches.at(-1);
    if (record.part && before !== undefined) batches[batches.length - 1] = joinPart(before, record);
    else batches.push(record);
  }
  return batches;
}

export function joinPart(before: RecordInfo, { bytes, made, count, sealedAt }: RecordInfo): RecordInfo {
  return { ...before, bytes: before.bytes + bytes, made, count: before.count + count, sealedAt };
}

function recordAt(segment: Buffer, offset: number): RecordInfo | undefined {
  if (segment.length - offset < HEADER_BYTES) return undefined;
  const payloadBytes = segment.readUInt32LE(offset);
  const bytes = HEADER_BYTES + payloadBytes;
  if (payloadBytes > BATCH_BYTES_MAX || segment.length - offset < bytes) return undefined;
  if (segment.readUInt8(offset + 8) !== FORMAT) return undefined;
  if (crc32(segment.subarray(offset + 8, offset + bytes)) !== segment.readUInt32LE(offset + 4)) return undefined;
  return {
    offset,
    bytes,
    count: segment.readUInt32LE(offset + 12),
    seq: segment.readDoubleLE(offset + 16),
    made: segment.readDoubleLE(offset + 24),
    sealedAt: segment.readDoubleLE(offset + 32),
    overflow: (segment.readUInt16LE(offset + 10) & OVERFLOW_FLAG) !== 0,
    part: (segment.readUInt16LE(offset + 10) & PART_FLAG) !== 0,
  };
}

/** Values in one reading of a device; what `made` counts. */
export function countValues(readings: DeviceReadings): number {
  let count = 0;
  for (const _ in readings.values) count++;
  return count;
}
