import { expect, test } from 'vitest';
import { LIMITS } from '#core/limits.ts';
import type { Candidate } from '#router/placement/decide.ts';
import { explain } from '#router/placement/explain.ts';
import { Rates } from '#router/placement/rates.ts';

const candidate = (i: number): Candidate => ({
  kind: 'disaggregated', prefill: `p${i}${'x'.repeat(60)}`, decode: `d${i}${'y'.repeat(60)}`, cachedTokens: 0,
  queueMs: 0, prefillMs: 1, transferMs: 1, roomMs: 0, firstTokenMs: 100 - i, totalMs: 100 - i, readyMs: 2,
  roomInMs: 2, holdsMs: 1,
}); // prettier-ignore

test('an explanation is JSON of bounded size that leaves the dearest candidates out and counts them', () => {
  const candidates = Array.from({ length: 100 }, (_, i) => candidate(i));
  const match = Object.fromEntries(candidates.map((_, i) => [`node${i}${'z'.repeat(50)}`, i]));
  const decision = {
    chosen: candidates[99] ?? null,
    candidates,
    reason: 'lowest cost',
    refusal: null,
    lateMs: null,
  };
  const text = explain(decision, { attempt: 1, mode: 'auto', promptTokens: 5, match });
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(LIMITS.decisionBytesMax);
  const shown = JSON.parse(text) as { candidates: { cost_ms: number }[]; candidates_left_out: number };
  expect(shown.candidates.length + shown.candidates_left_out).toBe(100);
  expect(shown.candidates[0]?.cost_ms).toBe(1);
});

test('rates are assumed until measured, the engine’s own first, then its model’s', () => {
  const rates = new Rates({ prefillTokensPerS: 1000, transferBytesPerS: 5e8 });
  expect(rates.prefillOf('e1', 'm')).toBe(1000);
  rates.sawPrefill('e1', 'm', 4000, 1000);
  expect([rates.prefillOf('e1', 'm'), rates.prefillOf('e2', 'm'), rates.prefillOf('e3', 'other')]).toEqual([
    4000, 4000, 1000,
  ]);
  rates.sawPrefill('e1', 'm', 10, 1);
  expect(rates.prefillOf('e1', 'm')).toBe(4000);
  rates.sawPrefill('e1', 'm', 2000, 1000);
  expect(rates.prefillOf('e1', 'm')).toBeCloseTo(3400);
  expect(rates.pullMsOf('e1', 'm')).toBe(0);
  rates.sawPull('e1', 'm', 1000, 100);
  rates.sawPull('e1', 'm', 10, 1000);
  expect([rates.pullMsOf('e1', 'm'), rates.pullMsOf('e2', 'm'), rates.pullMsOf('e3', 'o')]).toEqual([
    0.1, 0.1, 0,
  ]);
  expect(rates.decodeMsOf('e1', 'm')).toBe(Infinity);
  rates.sawDecode('e1', 'm', 100, 1000);
  expect([rates.decodeMsOf('e1', 'm'), rates.decodeMsOf('e2', 'm'), rates.decodeMsOf('e3', 'o')]).toEqual([
    10,
    10,
    Infinity,
  ]);
  // An answer that is allowed ten times as much and ends as early makes a token cheaper, not the engine quicker.
  for (let i = 0; i < 200; i++) rates.sawDecode('e1', 'm', i % 2 === 0 ? 1000 : 100, 1000);
  expect(rates.decodeMsOf('e1', 'm')).toBeGreaterThan(1.6);
  expect(rates.decodeMsOf('e1', 'm')).toBeLessThan(2.1);
  rates.sawTransfer('b', 64e6, 32, 2);
  expect([rates.transferTo('b'), rates.transferTo('c')]).toEqual([1e9, 5e8]);
});

test('what comes later than predicted is allowed for soon, and for long', () => {
  const rates = new Rates({ prefillTokensPerS: 1000, transferBytesPerS: 5e8 });
  expect(rates.lateBy('m')).toBe(0);
  for (let i = 0; i < 10; i++) rates.sawFirstToken('m', 1000, 1200);
  expect(rates.lateBy('m')).toBeGreaterThan(190);
  expect(rates.lateBy('other')).toBe(0);
  // Of twenty, one is late: it stays allowed for.
  for (let i = 0; i < 400; i++) rates.sawFirstToken('m', 1000, i % 20 === 0 ? 1200 : 900);
  expect(rates.lateBy('m')).toBeGreaterThan(150);
  for (let i = 0; i < 2000; i++) rates.sawFirstToken('m', 1000, 900);
  expect(rates.lateBy('m')).toBeLessThan(1);
});
