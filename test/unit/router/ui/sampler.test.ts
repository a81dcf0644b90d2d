import { expect, test } from 'vitest';
import { createMetrics } from '#core/metrics.ts';
import { ROUTER_LIMITS } from '#router/limits.ts';
import { ROUTER_METRICS, type RouterMetrics } from '#router/metrics.ts';
import { Sampler } from '#router/ui/sampler.ts';
import { ManualClock } from '#test/support/manual-clock.ts';

function start(): { clock: ManualClock; metrics: RouterMetrics; sampler: Sampler } {
  const clock = new ManualClock();
  const metrics = createMetrics(ROUTER_METRICS);
  return { clock, metrics, sampler: new Sampler(clock, metrics, () => 3) };
}

test('each sample says what happened since the one before it', () => {
  const { clock, metrics, sampler } = start();
  metrics.add('baton_router_requests_total', 4, { endpoint: 'chat', code: 'ok' });
  metrics.add('baton_router_requests_total', 1, { endpoint: 'chat', code: 'overloaded' });
  metrics.add('baton_router_prompt_tokens_total', 1000, { model: 'a' });
  metrics.add('baton_router_prompt_tokens_total', 500, { model: 'b' });
  metrics.add('baton_router_cached_tokens_total', 300, { model: 'b' });
  metrics.add('baton_router_lane_bytes_total', 4096);
  metrics.observe('baton_router_exposed_seconds', 0.002);
  metrics.observe('baton_router_exposed_seconds', 0.004);
  metrics.observe('baton_router_first_token_seconds', 0.5, { kind: 'local' });
  metrics.observe('baton_router_first_token_seconds', 0.7, { kind: 'disaggregated' });
  clock.advance(ROUTER_LIMITS.sampleMs);
  metrics.add('baton_router_requests_total', 2, { endpoint: 'chat', code: 'ok' });
  clock.advance(ROUTER_LIMITS.sampleMs);
  expect(sampler.samples).toEqual([
    {
      at: ROUTER_LIMITS.sampleMs, seconds: ROUTER_LIMITS.sampleMs / 1000, requests: 5, failed: 1, in_flight: 3,
      prompt_tokens: 1500, cached_tokens: 300, lane_bytes: 4096, exposed_ms: 3, first_token_ms: 600,
    },
    {
      at: 2 * ROUTER_LIMITS.sampleMs, seconds: ROUTER_LIMITS.sampleMs / 1000, requests: 2, failed: 0, in_flight: 3,
      prompt_tokens: 0, cached_tokens: 0, lane_bytes: 0, exposed_ms: null, first_token_ms: null,
    },
  ]); // prettier-ignore
});

test('as many samples are kept as the bound says, the last ones', () => {
  const { clock, sampler } = start();
  for (let i = 0; i < ROUTER_LIMITS.samplesKept + 3; i++) clock.advance(ROUTER_LIMITS.sampleMs);
  expect(sampler.samples).toHaveLength(ROUTER_LIMITS.samplesKept);
  expect(sampler.samples[0]?.at).toBe(4 * ROUTER_LIMITS.sampleMs);
});

test('nothing is sampled any more once it is closed', () => {
  const { clock, sampler } = start();
  sampler.close();
  clock.advance(10 * ROUTER_LIMITS.sampleMs);
  expect(sampler.samples).toEqual([]);
});
