// Engines without a transfer service tell their load by their own metrics.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startMockEngine, type MockEngine } from '#test/support/mock-engine.ts';
import { until } from '#test/support/ready.ts';
import { startRouter, type TestRouter } from '#test/support/router.ts';

let engines: { a: MockEngine; b: MockEngine };
let router: TestRouter;

const page = (running: number, usage: number, blocks = 1000): string =>
  `vllm:num_requests_running{engine="0"} ${running}\nvllm:num_requests_waiting{engine="0"} 0\n` +
  `vllm:kv_cache_usage_perc{engine="0"} ${usage}\nvllm:cache_config_info{block_size="16",num_gpu_blocks="${blocks}"} 1\n`;
const body = { model: 'mock', prompt: Array.from({ length: 1000 }, (_, i) => i), max_tokens: 1 };
const asked = async (): Promise<{ status: number; by: string }> => {
  const before = [engines.a.requests.length, engines.b.requests.length];
  const { status } = await router.post('/v1/completions', body);
  const by =
    engines.a.requests.length > (before[0] ?? 0)
      ? 'a'
      : engines.b.requests.length > (before[1] ?? 0)
        ? 'b'
        : '';
  return { status, by };
};

beforeEach(async () => {
  const [a, b] = await Promise.all([startMockEngine(), startMockEngine()]);
  engines = { a, b };
});

afterEach(async () => {
  await router.close();
  await Promise.all([engines.a.kill(), engines.b.kill()]);
});

async function start(): Promise<void> {
  const entry = (name: 'a' | 'b') => ({ name, url: engines[name].url, role: 'both', model: 'mock' });
  router = await startRouter({ engines: [entry('a'), entry('b')] }, {}, {
    random: { bytes: (n) => crypto.getRandomValues(new Uint8Array(n)), unit: () => 0 },
  }); // prettier-ignore
}

test('the engine that is less busy is chosen, whoever made the other one busy', async () => {
  engines.a.pages.set('/metrics', page(50, 0.1));
  engines.b.pages.set('/metrics', page(1, 0.1));
  await start();
  expect(await asked()).toEqual({ status: 200, by: 'b' });
  engines.a.pages.set('/metrics', page(0, 0.1));
  await until('the new load is seen', async () => (await asked()).by === 'a');
});

test('an engine whose KV is in use gets nothing that does not fit, though nothing was promised', async () => {
  engines.a.pages.set('/metrics', page(0, 0.95));
  engines.b.pages.set('/metrics', page(9, 0.1));
  await start();
  expect(await asked()).toEqual({ status: 200, by: 'b' });
  engines.b.pages.set('/metrics', page(9, 1));
  await until('both are full', async () => (await asked()).status === 503);
});

test('its metrics tell the size of its KV, not the configuration', async () => {
  engines.a.pages.set('/metrics', page(0, 0, 62));
  engines.b.pages.set('/metrics', page(5, 0, 63));
  await start();
  expect(await asked()).toEqual({ status: 200, by: 'b' });
});

test('an engine without such metrics is judged by what was promised on it', async () => {
  engines.a.pages.set('/metrics', 'x'.repeat(5 * 1024 * 1024));
  await start();
  expect(await asked()).toEqual({ status: 200, by: 'a' });
  expect(await (await router.admin('/metrics')).text()).toContain('baton_router_engines_measured 0');
});
