// The deployments of the overload bench: two prefill and two decode engines that wait instead of computing, services where there are
// any, a router. Reference engines move real KV over real lanes, and one alone says what the right answers are.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '#cli/child.ts';
import { startCluster, type EngineSpec } from '#cli/cluster.ts';
import { untilReady } from '#cli/ready.ts';
import { complete } from '#test/support/complete.ts';
import type { Asking } from '#test/support/open-loop.ts';
import { MOCK_BLOCK_TOKENS, mockToken, promptName, type MockPace } from './overload-mock.ts';
import { startScript } from './process.ts';

export interface Deployment {
  url: string;
  pids: Record<string, number>;
  /** What the answer must be. */
  right(asking: Asking): Promise<readonly number[]>;
  stop(): Promise<void>;
}

/** Which half is the bottleneck. */
export type Limit = 'decode' | 'prefill';

export const MODEL = 'synthetic';
/** What the engines of the bottleneck serve together, about. */
export const CAPACITY_PER_S = 20;
export const FIRST_TOKEN_MS = 2000;

const PAGES = 512;
const PAGE_TOKENS = 16;
const LAYERS = 4;

/** Compute of one engine: ms of a step, and of each of its tokens. */
interface Pace {
  stepMs: number;
  tokenMs: number;
  sequences: number;
}

// An answer of 32 tokens at the median takes 32 steps, a prompt 550 tokens. Decode as bottleneck: 8 at a time on each of two engines,
// 25 ms a step: 10/s each. Prefill: 0.09 ms a token and 2 ms a step: 51 ms each, 20/s each, of two; with half the pace 10/s each.
const PACES: Record<Limit, { prefill: Pace; decode: Pace }> = {
  decode: {
    prefill: { stepMs: 2, tokenMs: 0.09, sequences: 32 },
    decode: { stepMs: 25, tokenMs: 0.02, sequences: 8 },
  },
  prefill: {
    prefill: { stepMs: 2, tokenMs: 0.18, sequences: 32 },
    decode: { stepMs: 25, tokenMs: 0.02, sequences: 16 },
  },
};

const placement = { first_token_ms: FIRST_TOKEN_MS };
const timeouts = { request_ms: 30_000 };
const onLog = (name: string, line: string): void => {
  console.error(`${name}: ${line}`);
};

export async function startReference(limit: Limit): Promise<Deployment> {
  const { prefill, decode } = PACES[limit];
  const engine = (name: string, role: 'prefill' | 'decode', node: string, pace: Pace): EngineSpec => ({
    name,
    role,
    node,
    settings: {
      ...common,
      max_sequences: pace.sequences,
      compute_us_per_layer: (pace.stepMs * 1000) / LAYERS,
      compute_us_per_layer_token: (pace.tokenMs * 1000) / LAYERS,
    },
    entry: { kv_tokens: PAGES * PAGE_TOKENS, max_sequences: pace.sequences },
  });
  const cluster = await startCluster({
    nodes: ['a', 'b', 'c', 'd'].map((name) => ({
      name,
      settings: { arena: { bytes: 64 << 20, slots_max: 1024 } },
    })),
    engines: [
      engine('prefill-0', 'prefill', 'a', prefill),
      engine('prefill-1', 'prefill', 'b', prefill),
      engine('decode-0', 'decode', 'c', decode),
      engine('decode-1', 'decode', 'd', decode),
      { name: 'alone', role: 'both', node: null, settings: common },
    ],
    router: { placement, timeouts },
    log: 'warn',
    onLog,
  });
  await untilReady(cluster.routerUrl);
  const members = [...cluster.services, ...cluster.engines].map(({ name, child }) => [name, child.pid]);
  const { url } = cluster.member('alone');
  return {
    url: cluster.routerUrl,
    pids: { router: cluster.router?.child.pid ?? 0, ...(Object.fromEntries(members) as Record<string, number>) },
    right: async ({ id, tokens, answerTokens }) =>
      (await complete({ url, id, tokens, answerTokens, model: MODEL, headers: {}, extra: {} })).tokenIds,
    stop: () => cluster.stop(),
  };
} // prettier-ignore

const common = {
  model: MODEL,
  layers: LAYERS,
  heads: 2,
  head_dim: 16,
  pages: PAGES,
  page_tokens: PAGE_TOKENS,
  max_model_len: 2048,
};

export async function startMocks(limit: Limit): Promise<Deployment> {
  const folder = mkdtempSync(join(tmpdir(), 'baton-bench-'));
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.reverse()) await one();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const pids: Record<string, number> = {};
    const engines = [];
    for (const name of ['prefill-0', 'prefill-1', 'decode-0', 'decode-1']) {
      const role = name.startsWith('prefill') ? 'prefill' : 'decode';
      const pace: MockPace = { ...PACES[limit][role], blocks: (PAGES * PAGE_TOKENS) / MOCK_BLOCK_TOKENS };
      const mock = await startScript(join(import.meta.dirname, 'overload-mock.ts'), [JSON.stringify(pace)]);
      stops.push(mock.stop);
      pids[name] = mock.pid;
      engines.push({
        name, role, url: `http://127.0.0.1:${mock.port}`, model: MODEL, dialect: 'vllm-nixl', max_sequences: pace.sequences,
      }); // prettier-ignore
    }
    const configFile = join(folder, 'router.json');
    const router = { port: 0, admin: { port: 0 }, engines, models: [{ name: MODEL }], placement, timeouts };
    writeFileSync(configFile, JSON.stringify({ log: 'warn', router }));
    const child = await startChild({ command: 'router', configFile, env: {}, readyMs: 60_000, onLog: (line) => { onLog('router', line); } }); // prettier-ignore
    stops.push(() => child.stop(1500));
    const url = String(child.ready['url']);
    await untilReady(url);
    return {
      url,
      pids: { router: child.pid, ...pids },
      right: ({ tokens, answerTokens }) => {
        const name = promptName([...tokens]);
        return Promise.resolve(Array.from({ length: answerTokens }, (_, n) => mockToken(name, n)));
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
