// What chaos reigns over: two prefill and two decode engines on four nodes, a router, every way between two processes over a proxy.
// Engines wait instead of computing; an engine alone, which nothing is done to, says what is right.
import type { Cluster, EngineSpec } from '#cli/cluster.ts';
import { deploy } from '../support/deployment.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { Proxies } from '../support/proxies.ts';
import type { Shape } from '../support/open-loop.ts';
import type { Targets } from './schedule.ts';

export const REQUEST_MS = 20_000;
// Answers of 16 tokens take 0.64 s, four side by side on each decode engine; prompts of 750 take 90 ms on each prefill engine.
export const CAPACITY_PER_S = 12;
export const SHAPE: Shape = { prompt: [300, 1200], answer: [8, 24] };

// What is not collected yet looks like what is never given back: collectors are kept on a short leash.
const NODE_OPTIONS = '--max-old-space-size=128 --max-semi-space-size=4';
const NODES = ['a', 'b', 'c', 'd'];
const ENGINES = { 'prefill-0': 'a', 'prefill-1': 'b', 'decode-0': 'c', 'decode-1': 'd' };
const LAYERS = 4;
const PAGES = 1024;
const SEQUENCES = 4;

function specs(): EngineSpec[] {
  const common = { layers: LAYERS, heads: 2, head_dim: 16, pages: PAGES, max_model_len: 2048 };
  const made = Object.entries(ENGINES).map(([name, node]): EngineSpec => {
    const decodes = name.startsWith('decode');
    const [stepMs, tokenMs] = decodes ? [40, 0.02] : [2, 0.12];
    return {
      name,
      role: decodes ? 'decode' : 'prefill',
      node,
      settings: {
        ...common,
        max_sequences: decodes ? SEQUENCES : 32,
        compute_us_per_layer: (stepMs * 1000) / LAYERS,
        compute_us_per_layer_token: (tokenMs * 1000) / LAYERS,
      },
      entry: { kv_tokens: PAGES * 16, ...(decodes ? { max_sequences: SEQUENCES } : {}) },
    };
  });
  return [...made, { name: 'alone', role: 'both', node: null, settings: common }];
}

export interface Arena {
  cluster: Cluster;
  targets: Targets;
  link(name: string): FaultProxy;
  heal(): void;
  close(): Promise<void>;
}

export async function startArena(): Promise<Arena> {
  const proxies = new Proxies(...NODES, ...Object.keys(ENGINES));
  const cluster = await deploy({
    nodes: NODES,
    proxied: NODES,
    engines: specs(),
    reach: proxies.reach,
    env: { NODE_OPTIONS },
    transfer: { arena: { bytes: 32 << 20, slots_max: 1024 } },
    router: {
      placement: { first_token_ms: 3000 },
      timeouts: {
        request_ms: REQUEST_MS,
        handoff_idle_ms: 4000,
        first_token_ms: 6000,
        stream_idle_ms: 4000,
        lease_ms: 3000,
        drain_ms: 2000,
      },
    },
  });
  const lanes = new Map<string, FaultProxy>();
  for (const node of NODES) {
    const port = Number(cluster.member(node).child.ready['lanePort']);
    lanes.set(node, await startFaultProxy({ target: `127.0.0.1:${port}`, host: '127.0.0.2', port }));
  }
  const link = (name: string): FaultProxy => {
    const [kind, end = ''] = name.split(' ');
    const lane = kind === 'lane' ? lanes.get(end) : proxies.of(end);
    if (lane === undefined) throw new Error(`no link ${name}`);
    return lane;
  };
  return {
    cluster,
    targets: {
      processes: ['router', ...NODES, ...NODES, ...Object.keys(ENGINES), ...Object.keys(ENGINES)],
      links: [
        ...NODES.flatMap((node) => [`lane ${node}`, `control ${node}`]),
        ...Object.keys(ENGINES).map((name) => `http ${name}`),
      ],
    },
    link,
    heal() {
      proxies.heal();
      for (const lane of lanes.values()) lane.fault = {};
    },
    async close() {
      await cluster.stop();
      proxies.close();
      for (const lane of lanes.values()) lane.close();
    },
  };
}
