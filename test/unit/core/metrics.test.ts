import fc from 'fast-check';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createMetrics } from '#core/metrics.ts';

const TABLE = {
  c_total: { kind: 'counter', help: 'Counts, "all".', labels: ['a', 'b'] },
  plain_total: { kind: 'counter', help: 'Counts.', labels: [] },
  g: { kind: 'gauge', help: 'Level.', labels: ['a'] },
  h_seconds: { kind: 'histogram', help: 'Times.', labels: ['a'], buckets: [0.1, 1, 10] },
  bare_seconds: { kind: 'histogram', help: 'Times.', labels: [], buckets: [1] },
} as const;

const label = fc.constantFrom('x', 'y', 'q"\\\n', '');
const amount = fc.constantFrom(0, 0.1, 0.5, 1, 3, 10, 11);
const call = fc.record({ what: fc.constantFrom('c', 'p', 'g', 'h', 'b'), a: label, b: label, v: amount });

test('the page is the one that the library writes of its own metrics', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(call), async (calls) => {
      const registers = [new Registry()];
      const theirs = {
        c: new Counter({ name: 'c_total', help: TABLE.c_total.help, labelNames: ['a', 'b'], registers }),
        p: new Counter({ name: 'plain_total', help: 'Counts.', registers }),
        g: new Gauge({ name: 'g', help: 'Level.', labelNames: ['a'], registers }),
        h: new Histogram({ name: 'h_seconds', help: 'Times.', labelNames: ['a'], buckets: [0.1, 1, 10], registers }),
        b: new Histogram({ name: 'bare_seconds', help: 'Times.', buckets: [1], registers }),
      }; // prettier-ignore
      const ours = createMetrics(TABLE);
      for (const { what, a, b, v } of calls) {
        if (what === 'c') theirs.c.inc({ a, b }, v);
        else if (what === 'p') theirs.p.inc(v);
        else if (what === 'g') theirs.g.set({ a }, v);
        else if (what === 'h') theirs.h.observe({ a }, v);
        else theirs.b.observe(v);
        if (what === 'c') ours.add('c_total', v, { a, b });
        else if (what === 'p') ours.add('plain_total', v);
        else if (what === 'g') ours.set('g', v, { a });
        else if (what === 'h') ours.observe('h_seconds', v, { a });
        else ours.observe('bare_seconds', v);
      }
      expect(await ours.expose()).toBe(await registers[0]?.metrics());
    }),
  );
});

test('values are read back by some of their labels, and another kind is refused', async () => {
  const metrics = createMetrics(TABLE);
  metrics.add('c_total', 2, { a: 'x', b: 'y' });
  metrics.add('c_total', 3, { b: 'z', a: 'x' });
  expect(await metrics.value('c_total', { a: 'x' })).toBe(5);
  expect(await metrics.value('c_total', { b: 'z' })).toBe(3);
  expect(() => { metrics.observe('c_total', 1); }).toThrow(/not declared/); // prettier-ignore
});
