// Prometheus metrics of one process. Every metric is declared in a table, so that docs/metrics.md can be checked and label
// values stay bounded.
import { Registry, type Metric } from 'prom-client';

export interface MetricEntry {
  kind: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: readonly string[];
  /** Upper bounds of a histogram's buckets, in the unit of its name. */
  buckets?: readonly number[];
}

export type MetricTable = Record<string, MetricEntry>;
export type Labels = Record<string, string>;

export interface Metrics<T extends MetricTable> {
  add(name: keyof T & string, value?: number, labels?: Labels): void;
  set(name: keyof T & string, value: number, labels?: Labels): void;
  observe(name: keyof T & string, value: number, labels?: Labels): void;
  /** Reads a counter or gauge back, for tests and reports. */
  value(name: keyof T & string, labels?: Labels): Promise<number>;
  /** Over all series with these labels: the sum of the values, and of a histogram how many were observed. */
  total(name: keyof T & string, labels?: Labels): { sum: number; count: number };
  /** Runs before each exposition, to read counters kept elsewhere. */
  beforeScrape(collect: () => void): void;
  expose(): Promise<string>;
  contentType: string;
}

/** Values of one set of labels. A histogram counts per bucket, the one beyond all bounds last; `value` is its sum. */
class Series {
  readonly labels: Labels;
  readonly counts: number[];
  value = 0;

  constructor(labels: Labels, buckets: number) {
    this.labels = labels;
    this.counts = new Array<number>(buckets).fill(0);
  }
}

// The library's own metrics build and hash a text of the labels at each call, which is a noticeable part of what a short
// request costs the router. Here each label's value leads one step down a tree; the library only writes the page.
class Family {
  readonly name: string;
  readonly entry: MetricEntry;
  readonly series: Series[] = [];
  private readonly buckets: readonly number[];
  private readonly root: Step = new Map();

  constructor(name: string, entry: MetricEntry) {
    this.name = name;
    this.entry = entry;
    this.buckets = entry.buckets ?? [];
    if (entry.labels.length === 0) this.of({});
  }

  of(labels: Labels): Series {
    let step = this.root;
    let value = '';
    const last = this.entry.labels.length - 1;
    for (let i = 0; i <= last; i++) {
      value = labels[this.entry.labels[i] ?? ''] ?? '';
      if (i === last) break;
      let next = step.get(value);
      if (next === undefined) step.set(value, (next = new Map()));
      step = next as Step;
    }
    let found = step.get(value);
    if (found === undefined) {
      const isHistogram = this.entry.kind === 'histogram';
      found = new Series({ ...labels }, isHistogram ? this.buckets.length + 1 : 0);
      step.set(value, found);
      this.series.push(found);
    }
    return found as Series;
  }

  observe(value: number, labels: Labels): void {
    const series = this.of(labels);
    let bucket = 0;
    while (value > (this.buckets[bucket] ?? Infinity)) bucket++;
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.value += value;
  }

  /** As the library's registry asks for it. */
  get(): Promise<object> {
    const { name, entry } = this;
    const values = this.series.flatMap((one) => (entry.kind === 'histogram' ? this.histogram(one) : one));
    return Promise.resolve({ name, help: entry.help, type: entry.kind, values, aggregator: 'sum' });
  }

  private histogram({ labels, counts, value }: Series): object[] {
    let seen = 0;
    const rows: object[] = counts.map((count, i) => {
      seen += count;
      const le = this.buckets[i] ?? '+Inf';
      return { metricName: `${this.name}_bucket`, labels: { le, ...labels }, value: seen };
    });
    rows.push({ metricName: `${this.name}_sum`, labels, value });
    rows.push({ metricName: `${this.name}_count`, labels, value: seen });
    return rows;
  }
}

type Step = Map<string, Step | Series>;

export function createMetrics<T extends MetricTable>(table: T): Metrics<T> {
  const registry = new Registry();
  const families = new Map<string, Family>();
  const collectors: (() => void)[] = [];
  for (const [name, entry] of Object.entries(table)) {
    const family = new Family(name, entry);
    families.set(name, family);
    registry.registerMetric(family as unknown as Metric);
  }
  const known = (name: string, kind: MetricEntry['kind']): Family => {
    const family = families.get(name);
    if (family?.entry.kind !== kind) throw new Error(`metric ${name} is not declared as a ${kind}`);
    return family;
  };
  const total = (name: string, labels = NONE): { sum: number; count: number } => {
    const series = families.get(name)?.series ?? [];
    const meant = series.filter((one) => Object.entries(labels).every(([k, x]) => one.labels[k] === x));
    const add = (sum: number, value: number): number => sum + value;
    return {
      sum: meant.map(({ value }) => value).reduce(add, 0),
      count: meant.flatMap(({ counts }) => counts).reduce(add, 0),
    };
  };
  return {
    add: (name, value = 1, labels = NONE) => { known(name, 'counter').of(labels).value += value; },
    set: (name, value, labels = NONE) => { known(name, 'gauge').of(labels).value = value; },
    observe: (name, value, labels = NONE) => { known(name, 'histogram').observe(value, labels); },
    value: (name, labels) => Promise.resolve(total(name, labels).sum),
    total,
    beforeScrape: (collect) => { collectors.push(collect); },
    async expose() {
      for (const collect of collectors) collect();
      return registry.metrics();
    },
    contentType: registry.contentType,
  }; // prettier-ignore
}

const NONE: Labels = {};
