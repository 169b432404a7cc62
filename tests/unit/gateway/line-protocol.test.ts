import { Point } from '@influxdata/influxdb-client';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LINE_ERRORS_MAX, type Precision, parseLineProtocol } from '../../../gateway/line-protocol.ts';

const T = 1_767_225_600_123;
const parse = (text: string, precision: Precision = 'ms') => parseLineProtocol(text, precision);
const entries = (text: string, precision: Precision = 'ms') =>
  JSON.parse(JSON.stringify(parse(text, precision).entries));

describe('line protocol', () => {
  it('names the device by its tag and the measurement by the field', () => {
    expect(entries(`water,device=fm-12,site=east flow=92.4,pressure=410i ${T}`)).toEqual([
      { device: 'fm-12', ts: T, values: { flow: 92.4, pressure: 410 } },
    ]);
    expect(entries(`flow,device=fm-12 value=1 ${T}`)).toEqual([{ device: 'fm-12', ts: T, values: { flow: 1 } }]);
  });

  it('keeps series apart that name no device', () => {
    expect(entries('cpu,host=a,cpu=cpu0 idle=9').map(({ device }: { device: string }) => device)).toEqual([
      'cpu.cpu0.a',
    ]);
    expect(entries('temperature value=9')).toEqual([{ device: 'temperature', values: { temperature: 9 } }]);
  });

  it('reads every way to write a value', () => {
    const line = 'm,device=d a=1,b=-1.5e3,c=7i,d=8u,e=t,f=FALSE,g=.5,h=+2.,s="text, with = and \\" and\nlines",i=1';
    expect(entries(line)[0].values).toEqual({ a: 1, b: -1500, c: 7, d: 8, e: 1, f: 0, g: 0.5, h: 2, i: 1 });
  });

  it('reads timestamps of every precision exactly, and leaves a missing one to the receipt', () => {
    expect(entries(`m,device=d a=1 ${T}000000`, 'ns')[0].ts).toBe(T);
    expect(entries(`m,device=d a=1 ${T}999999`, 'ns')[0].ts).toBe(T);
    expect(entries(`m,device=d a=1 ${T}999`, 'us')[0].ts).toBe(T);
    expect(entries('m,device=d a=1 1767225600', 's')[0].ts).toBe(1_767_225_600_000);
    expect(entries('m,device=d a=1')[0]).not.toHaveProperty('ts');
  });

  it('takes escapes, comments, empty lines, carriage returns and spaces at the ends', () => {
    const text = '# a comment\r\n\r\n  my\\ name,device=d va\\,l=1,x\\=y=2 \r\n\nm,device=d a=1   \n';
    const { errors, entries: good, lines } = parse(text.replace('va\\,l', 'val').replace('x\\=y', 'xy'));
    expect(errors).toEqual([]);
    expect(good).toHaveLength(2);
    expect(lines).toEqual([3, 5]);
    expect(parse('m\\,x,device=d value=1').errors[0]?.detail).toContain('m,x is no measurement id');
    expect(parse('m,device=a\\ b value=1').errors[0]?.detail).toContain('a b is no device id');
  });

  it('passes quality on', () => {
    expect(entries('m,device=d,quality=bad a=1')[0].values).toEqual({ a: { value: 1, quality: 'bad' } });
    expect(entries('m,device=d a=1,quality="uncertain"')[0].values).toEqual({ a: { value: 1, quality: 'uncertain' } });
    expect(parse('m,device=d,quality=so-so a=1').errors).toHaveLength(1);
  });

  it('names each bad line and keeps the good ones', () => {
    const bad = [
      'm',
      'm,device=d',
      ',device=d a=1',
      'm,device= a=1',
      'm,device a=1',
      'm,device=d a',
      'm,device=d a=',
      'm,device=d a=NaN',
      'm,device=d a=1e400',
      'm,device=d a=Infinity',
      'm,device=d a=0x10',
      'm,device=d a="only text"',
      'm,device=d a=1 yesterday',
      'm,device=d a=1 -5',
      'm,device=d a=1 12345678901234567890',
      'm,device=d a=1 1767225600',
      `m,device=d a=1 ${T} more`,
      `m,device=${'x'.repeat(65)} a=1`,
      'm,device=d a=1,',
    ];
    const good = `m,device=d a=1 ${T}`;
    const { entries: kept, errors, lines } = parse(bad.flatMap((line) => [line, good]).join('\n'));
    expect(kept).toHaveLength(bad.length);
    expect(errors.map(({ line }) => line)).toEqual(bad.map((_, i) => 2 * i + 1));
    expect(lines).toEqual(bad.map((_, i) => 2 * i + 2));
  });

  it('loses one line to a quote that is never closed', () => {
    const { entries: kept, errors } = parse('m,device=d a="open\nm,device=d a=1\nm,device=d a=2');
    expect(kept).toHaveLength(2);
    expect(errors).toEqual([{ line: 1, detail: 'field a is no number, boolean or quoted string' }]);
  });

  it('counts bad lines beyond the ones it names', () => {
    const { errors, badLines } = parse('bad\n'.repeat(LINE_ERRORS_MAX + 50));
    expect(errors).toHaveLength(LINE_ERRORS_MAX);
    expect(badLines).toBe(LINE_ERRORS_MAX + 50);
  });

  it('takes a field called __proto__ as any other', () => {
    const [entry] = parse('m,device=d __proto__=1,constructor=2').entries;
    expect(Object.keys(entry?.values ?? {})).toEqual(['__proto__', 'constructor']);
  });

  it('never throws, and says of every line of garbage that it is bad, blank or good', () => {
    const piece = fc.constantFrom(
      'm',
      ',',
      '=',
      ' ',
      '"',
      '\\',
      '\n',
      '\r',
      '1',
      'i',
      'device=d',
      ' a=1',
      '#',
      'é',
      '\0',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const { entries: good, lines, errors, badLines } = parse(pieces.join(''));
        expect(good.length).toBe(lines.length);
        expect(errors.length).toBe(badLines);
      }),
    );
  });

  it('reads what the InfluxDB client writes', () => {
    const text = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/);
    const number = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(text, text, number, fc.integer({ min: -1e9, max: 1e9 }), fc.string(), (device, field, a, b, s) => {
        // The client itself loses a field called __proto__.
        fc.pre(!['value', 'quality', 'count', 'note', '__proto__'].includes(field));
        const point = new Point('any name, with = and spaces')
          .tag('device', device)
          .tag('place', 'a, b = c')
          .floatField(field, a)
          .intField('count', b)
          .stringField('note', s)
          .timestamp(T);
        const line = point.toLineProtocol({ convertTime: (time: unknown) => String(time) } as never) as string;
        expect(entries(line)).toEqual([{ device, ts: T, values: { [field]: a === 0 ? 0 : a, count: b } }]);
      }),
    );
  });
});
