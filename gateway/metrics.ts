/** A number that only grows. Hot paths add to `value` and nothing else. */
export interface Counter {
  value: number;
}

/** A number that goes up and down; set it, or give a `read` function when it is made. */
export interface Gauge {
  value: number;
}

/** Counts observations per bucket. */
export interface Histogram {
  observe(value: number): void;
  readonly count: number;
  readonly sum: number;
}

/** One metric with labels; `with` gives the same handle for the same values: fetch it once, keep it. */
export interface Family<T> {
  with(...labelValues: readonly string[]): T;
}

export interface Metrics {
  /** @param read - asked at each scrape; then `value` is ignored */
  counter(name: string, help: string, read?: () => number): Counter;
  counters(name: string, help: string, labels: readonly string[]): Family<Counter>;
  /** @param read - asked at each scrape; then `value` is ignored */
  gauge(name: string, help: string, read?: () => number): Gauge;
  gauges(name: string, help: string, labels: readonly string[]): Family<Gauge>;
  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
  histograms(name: string, help: string, labels: readonly string[], buckets: readonly number[]): Family<Histogram>;
  /** Called at each scrape, before anything is written: for families whose labels come and go. */
  beforeScrape(fill: () => void): void;
  /** The Prometheus text format 0.0.4, families in the order they were made. */
  render(): string;
}

/** Upper bounds in seconds for whatever waits on a commit. */
export const WAIT_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30] as const;
/** Most label combinations of one metric; a further one is counted under `other`, so that foreign input can't grow memory. */
export const SERIES_MAX = 2000;

interface Series {
  /** Sample lines without the metric's name and labels. */
  write(name: string, labels: string): string;
}

class Scalar implements Series {
  value = 0;
  private readonly read: (() => number) | undefined;
  constructor(read?: () => number) {
    this.read = read;
  }
  write(name: string, labels: string): string {
    return `${name}${braces(labels)} ${formatNumber(this.read === undefined ? this.value : this.read())}\n`;
  }
}

class Buckets implements Series, Histogram {
  count = 0;
  sum = 0;
  private readonly bounds: readonly number[];
  private readonly counts: Float64Array;
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length);
  }
  observe(value: number): void {
    this.count += 1;
    this.sum += value;
    for (let i = 0; i < this.bounds.length; i++) {
      if (value <= (this.bounds[i] as number)) {
        (this.counts[i] as number) += 1;
        return;
      }
    }
  }
  write(name: string, labels: string): string {
    let text = '';
    let total = 0;
    this.bounds.forEach((bound, i) => {
      total += this.counts[i] as number;
      text += `${name}_bucket${braces(join(labels, `le="${formatNumber(bound)}"`))} ${total}\n`;
    });
    text += `${name}_bucket${braces(join(labels, 'le="+Inf"'))} ${this.count}\n`;
    text += `${name}_sum${braces(labels)} ${formatNumber(this.sum)}\n`;
    return `${text}${name}_count${braces(labels)} ${this.count}\n`;
  }
}

class Labelled<T extends Series> implements Family<T> {
  readonly all = new Map<string, T>();
  private readonly labels: readonly string[];
  private readonly make: () => T;
  constructor(labels: readonly string[], make: () => T) {
    this.labels = labels;
    this.make = make;
  }
  with(...labelValues: readonly string[]): T {
    if (labelValues.length !== this.labels.length) throw new RangeError(`expected labels ${this.labels.join(', ')}`);
    const key = labelText(this.labels, labelValues);
    const known = this.all.get(key);
    if (known !== undefined) return known;
    if (this.all.size >= SERIES_MAX && labelValues.some((value) => value !== 'other'))
      return this.with(...labelValues.map(() => 'other'));
    const series = this.make();
    this.all.set(key, series);
    return series;
  }
}

/** An empty set of metrics; one per process, made in main and handed to the parts. */
export function createMetrics(): Metrics {
  const families = new Map<
    string,
    { readonly type: string; readonly help: string; readonly family: Labelled<Series> }
  >();
  const fills: (() => void)[] = [];
  const add = <T extends Series>(
    type: string,
    name: string,
    help: string,
    labels: readonly string[],
    make: () => T,
  ): Labelled<T> => {
    if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)) throw new RangeError(`metric name ${name}`);
    if (families.has(name)) throw new RangeError(`metric ${name} exists`);
    const family = new Labelled<T>(labels, make);
    families.set(name, { type, help, family });
    return family;
  };
  return {
    counter: (name, help, read) => add('counter', name, help, [], () => new Scalar(read)).with(),
    counters: (name, help, labels) => add('counter', name, help, labels, () => new Scalar()),
    gauge: (name, help, read) => add('gauge', name, help, [], () => new Scalar(read)).with(),
    gauges: (name, help, labels) => add('gauge', name, help, labels, () => new Scalar()),
    histogram: (name, help, buckets) => add('histogram', name, help, [], () => new Buckets(buckets)).with(),
    histograms: (name, help, labels, buckets) => add('histogram', name, help, labels, () => new Buckets(buckets)),
    beforeScrape: (fill) => fills.push(fill),
    render() {
      for (const fill of fills) fill();
      let text = '';
      for (const [name, { type, help, family }] of families) {
        text += `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`;
        for (const [labels, series] of family.all) text += series.write(name, labels);
      }
      return text;
    },
  };
}

function labelText(names: readonly string[], values: readonly string[]): string {
  return names.map((name, i) => `${name}="${escapeLabel(values[i] as string)}"`).join(',');
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function join(labels: string, more: string): string {
  return labels === '' ? more : `${labels},${more}`;
}

function braces(labels: string): string {
  return labels === '' ? '' : `{${labels}}`;
}

function formatNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
