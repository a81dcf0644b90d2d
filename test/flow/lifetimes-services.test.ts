// Services and engines outlive each other: a service that comes back on its socket and arena finds its engines again and what
// it had sealed; an engine that dies takes nothing of its service with it.
import { afterEach, describe, expect, test } from 'vitest';
import type { Cluster, EngineSpec } from '#cli/cluster.ts';
import { ask, deploy, promptOf, rightAnswer, untilBaseline } from '#test/support/deployment.ts';
import { untilJourney } from '#test/support/journey.ts';
import { metricAt } from '#test/support/metrics.ts';
import { untilReady } from '#cli/ready.ts';
import { until } from '#test/support/ready.ts';

const slow = { max_batched_tokens: 256, compute_us_per_layer: 20_000 };
const engine = (name: string, role: EngineSpec['role'], node: string | null, settings = {}): EngineSpec => ({
  name, role, node, settings,
}); // prettier-ignore
const alone = engine('alone', 'both', null);

let cluster: Cluster | null = null;
afterEach(async () => {
  await cluster?.stop();
  cluster = null;
});

async function start(engines: EngineSpec[]): Promise<Cluster> {
  return (cluster = await deploy({ engines: [...engines, alone] }));
}

const transferMetric = (made: Cluster, node: string, name: string): Promise<number> =>
  metricAt(made.member(node).adminUrl ?? '', `baton_transfer_${name}`);

async function kill(made: Cluster, name: string): Promise<void> {
  const { child } = made.member(name);
  child.signal('SIGKILL');
  expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
}

/** A prompt that nobody has seen is answered right, and its KV has come over a lane. */
async function expectServedOverLane(made: Cluster, seed: number): Promise<void> {
  const tokens = promptOf(600, seed);
  const right = await rightAnswer(made, tokens);
  const before = await transferMetric(made, 'b', 'lane_bytes_in_total');
  expect((await ask(made, tokens)).tokenIds).toEqual(right);
  expect(await transferMetric(made, 'b', 'lane_bytes_in_total')).toBeGreaterThan(before);
}

const attached = (made: Cluster, name: string, times: number): Promise<void> =>
  until(`${name} has attached ${times} times`, async () => {
    const { url } = made.member(name);
    const [now, count] = [await metricAt(url, 'baton_engine_attached'), await metricAt(url, 'baton_engine_attaches_total')]; // prettier-ignore
    return now === 1 && count === times;
  }); // prettier-ignore

describe('a service killed and started again on its socket and arena', () => {
  test('both: their engines attach again, what was sealed is still there, the next request goes over a lane', async () => {
    const made = await start([engine('prefill-0', 'prefill', 'a'), engine('decode-0', 'decode', 'b')]);
    const sealed = () =>
      Promise.all(['a', 'b'].map((node) => transferMetric(made, node, 'arena_bytes_sealed')));
    await expectServedOverLane(made, 21);
    const before = await sealed();
    expect(Math.min(...before)).toBeGreaterThan(0);
    for (const node of ['a', 'b']) await kill(made, node);
    for (const node of ['a', 'b']) await made.restart(node);
    expect(await sealed()).toEqual(before);
    await attached(made, 'prefill-0', 2);
    await attached(made, 'decode-0', 2);
    await untilReady(made.routerUrl);
    await expectServedOverLane(made, 22);
    await untilBaseline(made, ['a', 'b']);
  });

  test.each([
    ['source', 'a', 'prefill-0'],
    ['target', 'b', 'decode-0'],
  ])(
    'the %s while chunks stream: right bytes or no answer, and the next over a lane',
    async (_, node, name) => {
      const made = await start([
        engine('prefill-0', 'prefill', 'a', slow),
        engine('decode-0', 'decode', 'b'),
      ]);
      const tokens = promptOf(6 * 256, 23);
      const right = await rightAnswer(made, tokens);
      const id = `restarted-${node}`;
      const answer = ask(made, tokens, { id });
      await untilJourney(made, id, 'a chunk has landed', ({ ticket }) => (ticket?.chunks_landed ?? 0) >= 1);
      await kill(made, node);
      await made.restart(node);
      const { status, tokenIds } = await answer;
      expect(status === 200 ? tokenIds : right).toEqual(right);
      await attached(made, name, 2);
      await untilReady(made.routerUrl);
      await expectServedOverLane(made, 24);
      // A slot that was being filled stays quiescing while the engine that filled it could still write to it.
      await made.member(name).child.stop(5000);
      await untilBaseline(made, ['a', 'b']);
    },
  );
});

test('an engine killed while its chunks stream: its service goes on with the other one', async () => {
  const made = await start([
    engine('prefill-0', 'prefill', 'a', slow),
    engine('prefill-1', 'prefill', 'a', slow),
    engine('decode-0', 'decode', 'b'),
  ]);
  const tokens = promptOf(6 * 256, 25);
  const right = await rightAnswer(made, tokens);
  const answer = ask(made, tokens, { id: 'killed-engine' });
  const journey = await untilJourney(made, 'killed-engine', 'a chunk has landed', ({ ticket }) => (ticket?.chunks_landed ?? 0) >= 1); // prettier-ignore
  const { pid } = made.member('a').child;
  await kill(made, journey.attempts[0]?.prefill ?? '');
  expect((await answer).tokenIds).toEqual(right);
  await until('its session has ended', async () => (await transferMetric(made, 'a', 'sessions_up')) === 1);
  await untilBaseline(made, ['a', 'b']);
  await expectServedOverLane(made, 26);
  expect(made.member('a').child.pid).toBe(pid);
  await made.member('a').child.stop(5000);
  expect(await made.member('a').child.exited).toEqual({ code: 0, signal: null });
});
