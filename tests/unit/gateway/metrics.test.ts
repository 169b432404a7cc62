import { describe, expect, it } from 'vitest';
import { createMetrics, SERIES_MAX } from '../../../gateway/metrics.ts';

describe('metrics', () => {
  it('writes counters, gauges and histograms as Prometheus text', () => {
    const metrics = createMetrics();
    metrics.counter('a_total', 'How often.').value += 3;
    metrics.gauge('b', 'Asked when scraped.', () => 7);
    const waits = metrics.histogram('c_seconds', 'Waits.', [0.1, 1]);
    for (const value of [0.05, 0.1, 0.5, 5]) waits.observe(value);
    expect(metrics.render()).toBe(
      [
        '# HELP a_total How often.',
        '# TYPE a_total counter',
        'a_total 3',
        '# HELP b Asked when scraped.',
        '# TYPE b gauge',
        'b 7',
        '# HELP c_seconds Waits.',
        '# TYPE c_seconds histogram',
        'c_seconds_bucket{le="0.1"} 2',
        'c_seconds_bucket{le="1"} 3',
        'c_seconds_bucket{le="+Inf"} 4',
        'c_seconds_sum 5.65',
        'c_seconds_count 4',
        '',
      ].join('\n'),
    );
  });

  it('gives the same handle for the same labels and escapes their values', () => {
    const metrics = createMetrics();
    const family = metrics.counters('rejected_total', 'By reason.\nTwo lines.', ['reason']);
    family.with('say "no"\\\n').value += 1;
    family.with('say "no"\\\n').value += 1;
    expect(metrics.render()).toContain('rejected_total{reason="say \\"no\\"\\\\\\n"} 2\n');
    expect(metrics.render()).toContain('# HELP rejected_total By reason.\\nTwo lines.\n');
  });

  it('counts label values beyond the bound under other', () => {
    const metrics = createMetrics();
    const family = metrics.counters('x_total', 'x', ['client']);
    for (let i = 0; i < SERIES_MAX + 50; i++) family.with(`client-${i}`).value += 1;
    expect(metrics.render()).toContain('x_total{client="other"} 50\n');
  });

  it('refuses a name twice and a malformed one', () => {
    const metrics = createMetrics();
    metrics.counter('x_total', 'x');
    expect(() => metrics.gauge('x_total', 'x')).toThrow(RangeError);
    expect(() => metrics.gauge('not a name', 'x')).toThrow(RangeError);
  });
});
