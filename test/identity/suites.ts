// What the identity run deploys: for each suite a disaggregated pair and an engine serving alone.
import { startCluster, type Cluster, type EngineSpec } from '#cli/cluster.ts';

export interface Suite {
  name: string;
  model: 'tiny' | 'synthetic';
  geometry: Record<string, number>;
  prefillPageTokens: number;
  decodePageTokens: number;
  /** Both engines on one node: the arena is shared, nothing crosses a lane. */
  oneNode: boolean;
  longest: number;
  answerTokens: number;
  vocab: number;
  pages: number;
  arenaBytes: number;
}

const EIGHT_B = { layers: 32, heads: 8, head_dim: 128 };
const SMALL = { layers: 4, heads: 2, head_dim: 64 };
const common = {
  prefillPageTokens: 16,
  oneNode: false,
  longest: 6000,
  vocab: 256,
  pages: 2048,
  arenaBytes: 256 << 20,
};

/** Suites and their share of the prompts: pages 16→16 and 16→32, both models, the 8B geometry, one node. */
export function suites(prompts: number): { suite: Suite; prompts: number }[] {
  const half = Math.ceil(prompts / 2);
  const tiny = { ...common, model: 'tiny' as const, geometry: {}, answerTokens: 8 };
  const synthetic = { ...common, model: 'synthetic' as const, geometry: SMALL, answerTokens: 3 };
  const eightB = {
    ...synthetic,
    geometry: EIGHT_B,
    longest: 1500,
    pages: 600,
    arenaBytes: 1 << 30,
    answerTokens: 2,
  };
  const near = Math.min(prompts, 20);
  return [
    { suite: { ...tiny, name: 'tiny 16→16', decodePageTokens: 16 }, prompts: half },
    { suite: { ...tiny, name: 'tiny 16→32', decodePageTokens: 32, pages: 1024 }, prompts: prompts - half },
    { suite: { ...synthetic, name: 'synthetic 16→16', decodePageTokens: 16 }, prompts: half },
    {
      suite: { ...synthetic, name: 'synthetic 16→32', decodePageTokens: 32, pages: 1024 },
      prompts: prompts - half,
    },
    { suite: { ...eightB, name: 'synthetic 8B 16→32', decodePageTokens: 32 }, prompts: Math.min(8, prompts) },
    { suite: { ...tiny, name: 'tiny one node', decodePageTokens: 16, oneNode: true }, prompts: near },
    {
      suite: { ...synthetic, name: 'synthetic one node', decodePageTokens: 32, oneNode: true },
      prompts: near,
    },
  ];
}

export const TENANT = {
  name: 'identity',
  secret: 'identity-tenant-secret-of-32-bytes!!',
  apiKey: 'identity-key',
};

export function deploy(suite: Suite, keyHash: string): Promise<Cluster> {
  const engine = (name: string, role: EngineSpec['role'], node: string | null, pageTokens: number): EngineSpec => ({
    name, role, node,
    settings: {
      model: suite.model, weights: 'random', ...suite.geometry, page_tokens: pageTokens, pages: suite.pages, check: true,
      max_batched_tokens: 2048, max_model_len: Math.min(16384, suite.pages * 16),
    },
  }); // prettier-ignore
  const arena = { bytes: suite.arenaBytes, slots_max: 8192 };
  return startCluster({
    nodes: ['a', 'b'].map((name) => ({ name, settings: { arena, ticket_share_max: 1 } })),
    engines: [
      engine('prefill-0', 'prefill', 'a', suite.prefillPageTokens),
      engine('decode-0', 'decode', suite.oneNode ? 'a' : 'b', suite.decodePageTokens),
      engine('alone', 'both', null, 16),
    ],
    router: {
      placement: { mode: 'disaggregated' },
      tenants: [{ name: TENANT.name, secret: TENANT.secret, keys: [keyHash] }],
    },
    onLog: (process, line) => {
      console.error(`${process}: ${line}`);
    },
  });
}
