// Prometheus metrics of one process. Every metric is declared in a table, so that docs/metrics.md can be checked and label
// values stay bounded.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

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
  /** Runs before each exposition, to read counters kept elsewhere. */
  beforeScrape(collect: () => void): void;
  expose(): Promise<string>;
  contentType: string;
}

export function createMetrics<T extends MetricTable>(table: T): Metrics<T> {
  const registry = new Registry();
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  const collectors: (() => void)[] = [];
  for (const [name, entry] of Object.entries(table)) {
    const common = { name, help: entry.help, labelNames: [...entry.labels], registers: [registry] };
    if (entry.kind === 'counter') counters.set(name, new Counter(common));
    else if (entry.kind === 'gauge') gauges.set(name, new Gauge(common));
    else histograms.set(name, new Histogram({ ...common, buckets: [...(entry.buckets ?? [])] }));
  }
  const known = <M>(map: Map<string, M>, name: string): M => {
    const metric = map.get(name);
    if (metric === undefined) throw new Error(`metric ${name} is not declared with this kind`);
    return metric;
  };
  return {
    add: (name, value = 1, labels = {}) => { known(counters, name).inc(labels, value); },
    set: (name, value, labels = {}) => { known(gauges, name).set(labels, value); },
    observe: (name, value, labels = {}) => { known(histograms, name).observe(labels, value); },
    async value(name, labels = {}) {
      const counter = counters.get(name);
      const { values } = await (counter === undefined ? known(gauges, name).get() : counter.get());
      return values.filter((v) => Object.entries(labels).every(([k, x]) => v.labels[k] === x)).reduce((sum, v) => sum + v.value, 0);
    },
    beforeScrape: (collect) => { collectors.push(collect); },
    async expose() {
      for (const collect of collectors) collect();
      return registry.metrics();
    },
    contentType: registry.contentType,
  }; // prettier-ignore
}
