import { expect, test } from 'vitest';
import type { Clock } from '#core/clock.ts';
import { silentLogger } from '#core/log.ts';
import { engineEntry } from '#core/settings.ts';
import type { Upstream } from '#router/edge/contract.ts';
import { ROUTER_LIMITS } from '#router/limits.ts';
import { Rates } from '#router/placement/rates.ts';
import { Pools } from '#router/pools.ts';

const { probeFailuresMax, probeSilencesMax } = ROUTER_LIMITS;

/** What an engine says to a probe: a status, nothing in time, or nobody listens. */
type Answer = 200 | 503 | 'silence' | 'refused';

/** One engine whose answers to probes are given one at a time; tells its health after each. */
async function probed(first: Answer) {
  let answer = first;
  let turn: () => void = () => undefined;
  const clock: Clock = {
    now: () => 0,
    after: (_ms, work) => {
      turn = work;
      return { cancel: () => undefined };
    },
  };
  const probe: Upstream['probe'] = () => {
    if (answer === 'refused') return Promise.reject(new Error('ECONNREFUSED'));
    return Promise.resolve(answer === 'silence' ? null : answer);
  };
  const unused = (): never => {
    throw new Error('only probes are expected');
  };
  const pools = new Pools({
    entries: [engineEntry.parse({ name: 'd', role: 'decode', url: 'http://127.0.0.1:1', model: 'm' })],
    rates: new Rates({ prefillTokensPerS: 1, transferBytesPerS: 1 }),
    upstream: { send: unused, probe, read: unused, close: () => Promise.resolve() },
    clock,
    log: silentLogger,
  });
  await pools.start();
  const engine = pools.ofModel('m')[0];
  if (engine === undefined) throw new Error('the engine is missing');
  const after = async (next: Answer, times = 1): Promise<boolean> => {
    answer = next;
    for (let i = 0; i < times; i++) {
      turn();
      await new Promise(setImmediate);
    }
    return engine.healthy;
  };
  return { pools, engine, after };
}

test.each([503, 'refused'] as const)(
  'an engine whose probes end in %s is down after a few in a row',
  async (bad) => {
    const { engine, after } = await probed(200);
    expect(engine.healthy).toBe(true);
    expect(await after(bad, probeFailuresMax - 1)).toBe(true);
    expect(await after(bad)).toBe(false);
    expect(await after(200)).toBe(true);
  },
);

test('an engine too busy to answer probes in time stays up for longer than one that refuses them', async () => {
  expect(probeSilencesMax).toBeGreaterThan(probeFailuresMax);
  const { after } = await probed(200);
  expect(await after('silence', probeSilencesMax - 1)).toBe(true);
  expect(await after('silence')).toBe(false);
  expect(await after(200)).toBe(true);
  expect(await after('silence', probeSilencesMax - 1)).toBe(true);
});

test('silences between refusals do not make up for them', async () => {
  const { after } = await probed(200);
  await after(503, probeFailuresMax - 1);
  await after('silence');
  expect(await after(503)).toBe(false);
});

test('an engine never heard of is down, and one that a leg could not reach is down at once', async () => {
  const { engine, pools, after } = await probed('silence');
  expect(engine.healthy).toBe(false);
  expect(await after(200)).toBe(true);
  pools.down(engine);
  expect(engine.healthy).toBe(false);
});
