import { Point } from '@influxdata/influxdb-client';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BAD, GOOD, QUALITIES, type QualityCode, REASONS, reasonCode } from '../../../../contract/reading.ts';
import { ReadingBuffer } from '../../../../gateway/domain/readings.ts';
import { LineEncoder, seriesKey } from '../../../../gateway/influxdb/lines.ts';
import { commitsOfNext, rejectionReason } from '../../../../gateway/influxdb/outlet.ts';

const encoder = new LineEncoder();
const encodeLines = (
  readings: ReadingBuffer,
  from: number,
  to: number,
  keyOf: (point: number) => string | undefined,
): string =>
  encoder
    .encode(readings, from, to, (point) => {
      const key = keyOf(point);
      return key === undefined ? undefined : Buffer.from(key);
    })
    .toString();

const id = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);
const word = fc.stringMatching(/^[ -[\]-~]{1,30}$/);

describe('a line for InfluxDB', () => {
  it('is the one that the client of InfluxDB makes', () => {
    fc.assert(
      fc.property(
        fc.record({ device: id, measurement: id, class: id, site: word }),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.constantFrom(0, 1),
        fc.integer({ min: 0, max: REASONS.length - 1 }),
        fc.integer({ min: 946_684_800_000, max: 4_102_444_800_000 }),
        (name, value, quality, reason, ts) => {
          const readings = new ReadingBuffer();
          readings.push(0, ts, value, quality as QualityCode, reason);
          const theirs = new Point(name.measurement)
            .tag('class', name.class)
            .tag('device', name.device)
            .tag('site', name.site)
            .floatField('value', value)
            .stringField('quality', QUALITIES[quality])
            .stringField('reason', REASONS[reason])
            .timestamp(ts);
          const [ours = ''] = encodeLines(readings, 0, 1, () => seriesKey(name)).split('\n');
          // Theirs sorts the fields, and writes a number as it is too.
          const fields = (line: string) => line.slice(line.indexOf('value='), line.lastIndexOf(' '));
          const line = theirs.toLineProtocol() ?? '';
          const [key] = line.split(' quality=');
          expect(ours.startsWith(`${key} `)).toBe(true);
          expect(line).toContain(`quality="${QUALITIES[quality]}"`);
          expect(fields(ours)).toBe(`value=${value},quality="${QUALITIES[quality]}",reason="${REASONS[reason]}"`);
          expect(ours.endsWith(` ${ts}`)).toBe(true);
        },
      ),
    );
  });

  it('says of a bad reading whether it has a value, and leaves out what nobody knows', () => {
    const readings = new ReadingBuffer();
    readings.push(0, 1, 5, BAD, reasonCode('out-of-range'));
    readings.push(0, 2, Number.NaN, BAD, reasonCode('timeout'));
    readings.push(7, 3, 1, GOOD, 0);
    expect(encodeLines(readings, 0, 3, (point) => (point === 0 ? 'flow,device=a ' : undefined))).toBe(
      'flow,device=a value=5,quality="bad",reason="out-of-range",empty=false 1\n' +
        'flow,device=a quality="bad",reason="timeout",empty=true 2\n',
    );
  });

  it('has numbers as they are: decimals, large ones, small ones, below zero', () => {
    const fixed = fc
      .tuple(fc.integer({ min: -2_000_000_000, max: 2_000_000_000 }), fc.integer({ min: 0, max: 5 }))
      .map(([digits, decimals]) => digits / 10 ** decimals);
    const number = fc.oneof(fixed, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger());
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 50 }), (values) => {
        const readings = new ReadingBuffer();
        for (const [row, value] of values.entries()) readings.push(row, row, value, GOOD, 0);
        const lines = encodeLines(readings, 0, values.length, () => 'm,device=ä ');
        expect(lines).toBe(
          values.map((value, row) => `m,device=ä value=${value},quality="good",reason="" ${row}\n`).join(''),
        );
      }),
    );
  });

  it('has no tag that would end it early', () => {
    expect(seriesKey({ device: 'a', measurement: 'm', class: '', site: 'x\\' })).toBe('m,device=a,site=x/ ');
    expect(seriesKey({ device: 'a', measurement: 'm', site: 'a, b=c\nd' })).toBe('m,device=a,site=a\\,\\ b\\=c\\ d ');
  });
});

describe('the pace of a copy', () => {
  it('takes more commits while they are small and fewer while they are large, within bounds', () => {
    let commits = 4;
    for (let n = 0; n < 50; n++) commits = commitsOfNext(commits, 10);
    expect(commits).toBe(4096);
    expect(commitsOfNext(commits, 60_000)).toBe(4096);
    for (let n = 0; n < 50; n++) commits = commitsOfNext(commits, 1_000_000);
    expect(commits).toBe(4);
  });

  it('names why InfluxDB did not take a line', () => {
    expect(rejectionReason('partial write: field type conflict: input field "value" dropped=1')).toBe(
      'influxdb-type-conflict',
    );
    expect(rejectionReason('partial write: points beyond retention policy dropped=3')).toBe(
      'influxdb-beyond-retention',
    );
    expect(rejectionReason("unable to parse 'x'")).toBe('influxdb-rejected');
  });
});
