// The deployment of the overload bench: two prefill and two decode engines that wait instead of computing, services, router, and an
// engine alone that says what the right answers are.
import { startCluster, type Cluster, type EngineSpec } from '#cli/cluster.ts';

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

export function startOverloaded(limit: Limit): Promise<Cluster> {
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
  return startCluster({
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
    router: {
      placement: { first_token_ms: FIRST_TOKEN_MS },
      timeouts: { request_ms: 30_000 },
    },
    log: 'warn',
    onLog: (name, line) => {
      console.error(`${name}: ${line}`);
    },
  });
}

const common = {
  model: MODEL,
  layers: LAYERS,
  heads: 2,
  head_dim: 16,
  pages: PAGES,
  page_tokens: PAGE_TOKENS,
  max_model_len: 2048,
};
