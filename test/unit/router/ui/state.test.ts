// What the page shows of a router with one request in it, at several moments.
import { afterEach, expect, test } from 'vitest';
import { hex, shortKey, keyAt } from '#core/ids.ts';
import { ROUTER_LIMITS } from '#router/limits.ts';
import { stateJson } from '#router/ui/state.ts';
import { IDS, reach, type Reached } from '../reach.ts';
import { TestClient, turn } from '../rig.ts';

let reached: Reached | null = null;
afterEach(async () => reached?.rig.close());

interface Row {
  id: string;
  code: string | null;
  stage: string | null;
}

interface State {
  router: object;
  load: Record<string, number>;
  pools: { model: string; engines: Record<string, unknown>[] }[];
  services: Record<string, unknown>[];
  requests: Row[];
}

const shown = ({ rig }: Reached): State => JSON.parse(stateJson(rig.world)) as State;

test('a running request is shown with its stage, its placement, and what it takes of its engines', async () => {
  reached = await reach('baton', 'handoff');
  const { router, load, pools, services, requests } = shown(reached);
  expect(router).toMatchObject({ ready: true, mode: 'disaggregated' });
  expect(load).toMatchObject({ requests: 1, tickets: 1 });
  const [pool] = pools;
  expect(pool?.model).toBe('m');
  expect(pool?.engines).toMatchObject([
    { name: 'd', role: 'decode', node: 'b', healthy: true, attached: true, running: 1, promised_tokens: IDS.length + 4, decode_ms_per_token: null },
    { name: 'p', role: 'prefill', node: 'a', healthy: true, attached: true, running: 0, pending_tokens: IDS.length },
  ]);
  expect(services).toMatchObject([
    { node: 'a', up: true, draining: false, arena_bytes: 1 << 30, chunks: 0 },
    { node: 'b', up: true },
  ]);
  expect(requests).toMatchObject([
    { id: reached.ctx.id, code: null, stage: 'handoff', prefill: 'p', decode: 'd', prompt_tokens: IDS.length, first_token_ms: null, total_ms: null },
  ]);
}); // prettier-ignore

test('a request that has ended is shown with how it ended, and gives back what it took', async () => {
  reached = await reach('baton', 'stream');
  const { rig, ctx } = reached;
  const leg = reached.leg();
  leg.handler.data(Buffer.from('data: [DONE]\n\n'));
  leg.end();
  await turn();
  const { load, pools, requests } = shown(reached);
  expect(load['requests']).toBe(0);
  expect(pools[0]?.engines).toMatchObject([{ running: 0, promised_tokens: 0 }, { pending_tokens: 0 }]);
  expect(requests).toMatchObject([{ id: ctx.id, code: 'ok', stage: 'settle' }]);
  rig.source.disconnect();
  expect(shown(reached)).toMatchObject({ router: { ready: false }, services: [{ up: false, arena_bytes: null }, {}] });
}); // prettier-ignore

test('as many requests are listed as the bound says, the newest first', async () => {
  reached = await reach('local', 'stream');
  const { rig, ctx } = reached;
  const ids = [ctx.id];
  for (let i = 0; i < ROUTER_LIMITS.requestsListedMax; i++) ids.push(rig.ask(new TestClient({})).id);
  await turn();
  expect(shown(reached).requests.map(({ id }) => id)).toEqual(ids.slice(1).reverse());
});

test('a journey names its chunks by eight characters, and says which were computed and which held', async () => {
  reached = await reach('baton', 'stream');
  const { rig, ctx } = reached;
  const keys = ctx.named?.keys ?? new Uint8Array(0);
  const names = [0, 1].map((i) => shortKey(keyAt(keys, i)));
  expect(hex(keyAt(keys, 0))).toMatch(new RegExp(`^${names[0] ?? '-'}`));
  const chunksOf = (record: { toJson(): string }): unknown =>
    (JSON.parse(record.toJson()) as { chunks: unknown }).chunks;
  expect(chunksOf(ctx.record)).toEqual([
    { name: names[0], tokens: 256, from: 'computed' },
    { name: names[1], tokens: IDS.length - 256, from: 'computed' },
  ]);
  // The same prompt once the target holds its first chunk, and the source both.
  rig.target.store(keyAt(keys, 0));
  rig.source.store(keys);
  const again = rig.ask(new TestClient({ model: 'm', prompt: IDS, stream: true, max_tokens: 4 }));
  await turn();
  expect(chunksOf(again.record)).toEqual([
    { name: names[0], tokens: 256, from: 'target' },
    { name: names[1], tokens: IDS.length - 256, from: 'source' },
  ]);
});
