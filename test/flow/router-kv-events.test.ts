// Engines that publish their own KV events over ZeroMQ: prompts go where their blocks are cached.
import { Publisher } from 'zeromq';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { batchOf, KvPublisher } from '#test/support/kv-publisher.ts';
import { startMockEngine, type MockEngine } from '#test/support/mock-engine.ts';
import { until } from '#test/support/ready.ts';
import { startRouter, type TestRouter } from '#test/support/router.ts';

const BLOCK = 16;
const prompt = Array.from({ length: 200 }, (_, i) => i);

/** All whole blocks of a prompt, in the shape of maps or of arrays, names of 64 bits or of 32 bytes. */
function stored(salt: string, tokens = prompt, map = true, wide = false): unknown {
  const blocks = Math.floor(tokens.length / BLOCK);
  const hashes = Array.from({ length: blocks }, (_, i) =>
    wide ? Buffer.alloc(32, i + 1) : (1n << 63n) + BigInt(i),
  );
  const extras = Array.from({ length: blocks }, (_, i) => (i === 0 ? [salt] : null));
  const ids = tokens.slice(0, blocks * BLOCK);
  if (!map) return ['BlockStored', hashes, null, ids, BLOCK, null, 'GPU', null, extras];
  return {
    type: 'BlockStored', block_hashes: hashes, parent_block_hash: null, token_ids: ids, block_size: BLOCK, medium: 'GPU', extra_keys: extras,
    group_idx: 0, kv_cache_spec_kind: 'full_attention',
  }; // prettier-ignore
}

let mocks: { a: MockEngine; b: MockEngine };
let engines: { a: KvPublisher; b: KvPublisher };
let router: TestRouter;
let salt = '';

async function start(kv: { a: Record<string, unknown>; b: Record<string, unknown> }): Promise<void> {
  const entry = (name: 'a' | 'b') => ({
    name,
    url: mocks[name].url,
    role: 'both',
    model: 'mock',
    kv_events: kv[name],
  });
  router = await startRouter({ engines: [entry('a'), entry('b')] }, {}, {
    random: { bytes: (n) => crypto.getRandomValues(new Uint8Array(n)), unit: () => 0 },
  }); // prettier-ignore
  // The salt that the router gives every request of this tenant and model: engines put it into their first block's extras.
  await ask();
  salt = String([...mocks.a.requests, ...mocks.b.requests][0]?.json['cache_salt']);
}

/** Which tokens placement counts as cached, by what holds them, and who was chosen. */
async function ask(): Promise<{ match: Record<string, number>; decode: string }> {
  const response = await router.post(
    '/v1/completions',
    { model: 'mock', prompt, max_tokens: 1 },
    { 'x-baton-explain': '1' },
  );
  expect(response.status).toBe(200);
  const decision = JSON.parse(response.headers.get('x-baton-decision') ?? '{}') as {
    match: Record<string, number>;
    chosen: { decode: string };
  };
  return { match: decision.match, decode: decision.chosen.decode };
}
const matches = (holder: string, tokens: number): Promise<void> =>
  until(`${holder} holds ${tokens}`, async () => ((await ask()).match[holder] ?? 0) === tokens);
const metrics = async (): Promise<string> => (await router.admin('/metrics')).text();

beforeEach(async () => {
  const [a, b] = await Promise.all([startMockEngine(), startMockEngine()]);
  mocks = { a, b };
  engines = { a: new KvPublisher(), b: new KvPublisher() };
  await Promise.all([engines.a.listen(), engines.b.listen()]);
});

afterEach(async () => {
  await router.close();
  for (const engine of Object.values(engines)) engine.close();
  await Promise.all([mocks.a.kill(), mocks.b.kill()]);
});

describe('a prompt goes where its blocks are cached', () => {
  test.each([
    ['maps and 64 bits', true, false],
    ['arrays and 32 bytes', false, true],
  ])('%s', async (_, map, wide) => {
    await start({ a: engines.a.settings, b: engines.b.settings });
    expect(await ask()).toEqual({ match: {}, decode: 'a' });
    await engines.b.say([stored(salt, prompt, map, wide)]);
    await matches('engine/b', 192);
    expect(await ask()).toEqual({ match: { 'engine/b': 192 }, decode: 'b' });
    await engines.b.say([
      map
        ? { type: 'BlockRemoved', block_hashes: [(1n << 63n) + 2n], medium: 'GPU', group_idx: 0 }
        : ['BlockRemoved', [Buffer.alloc(32, 3)], 'GPU'],
    ]);
    await matches('engine/b', 32);
    await engines.b.say([map ? { type: 'AllBlocksCleared' } : ['AllBlocksCleared']]);
    await matches('engine/b', 0);
  });

  test('but not for what another tenant has cached', async () => {
    await start({ a: engines.a.settings, b: engines.b.settings });
    await engines.b.say([stored('another salt')]);
    await until('the blocks are known', async () =>
      (await metrics()).includes('baton_router_kv_event_blocks 12'),
    );
    expect((await ask()).match).toEqual({});
  });

  test('also if it was said before the router was there, or went lost on the way', async () => {
    await start({ a: engines.a.settings, b: engines.b.settings });
    const early = salt;
    await router.close();
    await engines.b.say([stored(early)], true);
    await start({ a: engines.a.settings, b: engines.b.settings });
    await matches('engine/b', 192);
    const more = prompt.slice(0, 16);
    await engines.b.say([{ type: 'AllBlocksCleared' }], true);
    await engines.b.say([stored(salt, more)]);
    await matches('engine/b', 16);
    expect(engines.b.replays).toBeGreaterThan(1);
  });
});

test('an engine that is started anew has nothing cached', async () => {
  await start({ a: engines.a.settings, b: engines.b.settings });
  await engines.b.say([stored(salt)]);
  await matches('engine/b', 192);
  await engines.b.say([stored(salt)]);
  engines.b.restart();
  await engines.b.say([stored(salt, prompt.slice(0, 32))]);
  await matches('engine/b', 32);
  expect(await metrics()).toContain('baton_router_kv_event_messages_total{outcome="restarted"} 1');
});

test('garbage is counted and costs what was known of that engine, nothing else', async () => {
  await start({ a: engines.a.settings, b: engines.b.settings });
  await engines.a.say([stored(salt)]);
  await engines.b.say([stored(salt)]);
  await matches('engine/a', 192);
  await matches('engine/b', 192);
  await engines.b.say([{ type: 'BlockStored', block_hashes: 'x' }]);
  await matches('engine/b', 0);
  expect((await ask()).match).toEqual({ 'engine/a': 192 });
  expect(await metrics()).toContain('baton_router_kv_event_messages_total{outcome="malformed"} 1');
  await engines.b.say([stored(salt)]);
  await matches('engine/b', 192);
});

test('engines that connect to one endpoint of the router are told apart by their topics', async () => {
  const probe = new Publisher();
  await probe.bind('tcp://127.0.0.1:0');
  const endpoint = probe.lastEndpoint ?? '';
  probe.close();
  const shared = { endpoint, bind: true };
  await start({ a: { ...shared, topic: 'kv@a' }, b: { ...shared, topic: 'kv@b' } });
  for (const engine of Object.values(engines)) engine.close();
  engines = { a: new KvPublisher('kv@a'), b: new KvPublisher('kv@b') };
  engines.b.pub.connect(endpoint);
  // A publisher that connects is heard from some moment on: it says the same until it is.
  await until('b is heard', async () => {
    await engines.b.say([stored(salt)]);
    return ((await ask()).match['engine/b'] ?? 0) === 192;
  });
  expect((await ask()).match).toEqual({ 'engine/b': 192 });
});

test('engines that share an endpoint and have no topics are a wrong configuration', async () => {
  await start({ a: engines.a.settings, b: engines.b.settings });
  const { endpoint } = engines.a.settings;
  await expect(start({ a: { endpoint }, b: { endpoint, topic: 'x' } })).rejects.toThrow(
    'give each its own kv_events.topic',
  );
});

/** A second publisher at the port after an engine's own, which moves until that one is free. */
async function consecutive(engine: KvPublisher): Promise<Publisher> {
  const second = new Publisher({ linger: 0 });
  for (;;) {
    const own = engine.pub.lastEndpoint ?? '';
    const next = own.replace(/\d+$/, (port) => String(Number(port) + 1));
    try {
      await second.bind(next);
      return second;
    } catch {
      await engine.pub.unbind(own);
      await engine.pub.bind('tcp://127.0.0.1:0');
    }
  }
}

test('ranks of one engine publish at consecutive ports, and the best of them counts', async () => {
  const second = await consecutive(engines.b);
  await start({ a: engines.a.settings, b: { endpoint: engines.b.settings['endpoint'], ranks: 2 } });
  await engines.b.say([stored(salt, prompt.slice(0, 32))]);
  await matches('engine/b', 32);
  const seq = Buffer.alloc(8);
  await second.send(['', seq, batchOf([stored(salt, prompt.slice(0, 96))], 1)]);
  await matches('engine/b', 96);
  second.close();
});
