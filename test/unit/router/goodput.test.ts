// Overload, in virtual time: what the router admits is what its engines can serve in time, however much more is asked for.
import { describe, expect, test } from 'vitest';
import { serve, type Deployment, type Outcome } from './goodput-world.ts';

const WITHIN_MS = 2000;
// Answers of 32 tokens take 0.8 s: 20 a second on two engines of 8 sequences each. Prompts of 550 take 50 ms.
const decodeBound: Deployment = {
  prefills: 2, decodes: 2, promptMsPerToken: 0.09, stepMs: 25, sequences: 8, kvTokens: 8192, overheadMs: 5,
  placement: { first_token_ms: WITHIN_MS },
}; // prettier-ignore
const deployments: [string, Deployment][] = [
  ['sequences are scarce', decodeBound],
  ['KV room is scarce', { ...decodeBound, sequences: 1000, kvTokens: 4800 }],
  ['compute of prompts is scarce', { ...decodeBound, promptMsPerToken: 0.18, sequences: 16, kvTokens: 16_384 }],
  ['every leg takes longer than assumed', { ...decodeBound, overheadMs: 80 }],
  ['prompts are computed where they are answered', { ...decodeBound, prefills: 0, decodes: 4, placement: { mode: 'local', first_token_ms: WITHIN_MS } }],
]; // prettier-ignore

const LASTS = 14;
const WARM = 3;
const load = (times: number) => ({
  perSecond: 20 * times,
  seconds: LASTS,
  prompt: [400, 700] as const,
  answer: [16, 48] as const,
});
const good = ({ status, sentAt, firstAt }: Outcome): boolean =>
  status === 200 && firstAt !== null && firstAt - sentAt <= WITHIN_MS;
/** Of those whose first token came after the beginning and before the end of the load. */
const goodput = (all: readonly Outcome[]): number => {
  const inside = ({ firstAt }: Outcome): boolean =>
    firstAt !== null && firstAt >= WARM * 1000 && firstAt < LASTS * 1000;
  return all.filter((one) => good(one) && inside(one)).length / (LASTS - WARM);
};

describe.each(deployments)('where %s', (_, deployment) => {
  test('ten times the load that can be served loses no more than a tenth of what is served at best', async () => {
    const steps = [];
    for (const times of [2, 10]) {
      const all = await serve(deployment, load(times), 9);
      for (const { status } of all) expect([200, 429, 503]).toContain(status);
      steps.push(goodput(all));
    }
    const [, last = 0] = steps;
    expect(Math.max(...steps)).toBeGreaterThan(18);
    expect(last).toBeGreaterThanOrEqual(0.9 * Math.max(...steps));
  }, 60_000);
});

test('engines that become slower are seen to be: what is admitted afterwards comes in time', async () => {
  const all = await serve(decodeBound, { ...load(5), slower: { from: 2, times: 1.5 } }, 9);
  const admitted = all.filter(({ status, sentAt }) => status === 200 && sentAt > 5000);
  expect(admitted.length).toBeGreaterThan(20);
  expect(admitted.filter(good).length / admitted.length).toBeGreaterThan(0.85);
}, 60_000);

test.each([1, 5])(
  'after a standstill as much is served as before, at %i times the load',
  async (times) => {
    const all = await serve(decodeBound, { ...load(times), seconds: 25, slower: { from: 3, until: 5, times: 100 } }, 9); // prettier-ignore
    const late = all.filter(({ firstAt }) => firstAt !== null && firstAt >= 15_000 && firstAt < 25_000);
    expect(late.filter(good).length).toBeGreaterThan(0.85 * Math.min(20 * times, 20) * 10);
  },
  60_000,
);
