// What a run is made of: nodes, engines, rooms and settings, drawn from its seed.
import { createHash } from 'node:crypto';
import type { Geometry } from '#core/geometry.ts';
import { namespaceDigest } from '#core/keys.ts';
import { parseSettings } from '#core/schema.ts';
import { settings as schema, type EngineSettings, type Settings } from '#core/settings.ts';
import type { Model } from '#engines/reference/model.ts';
import type { Mood } from './faults/plan.ts';
import type { Chance } from './random.ts';
import { CHUNK_TOKENS } from './workload.ts';

export const ROUTER_NODE = 'front';
export const CLIENT_NODE = 'outside';
const MODEL = 'model';
const PAGE_TOKENS = 4;
const MODEL_LEN = 160;
export const GEOMETRY: Geometry = { layers: 2, heads: 2, planeBytes: [1, 1], chunkTokens: CHUNK_TOKENS };
export const LANES = GEOMETRY.layers * GEOMETRY.heads;
export const TENANTS = [
  { name: 'first', secret: 'first'.repeat(8), key: 'key-first' },
  { name: 'second', secret: 'second'.repeat(8), key: 'key-second' },
] as const;

type Role = 'prefill' | 'decode' | 'both';

export interface Setup {
  mood: Mood;
  nodes: string[];
  engines: { name: string; node: string; settings: EngineSettings }[];
  config: Settings;
  model: Model;
  arenaBytes: Record<string, number>;
  shareMax: number;
}

/** node, then its engines' roles. The second shares an arena between prefill and decode. */
const SHAPES: readonly (readonly Role[])[][] = [
  [['prefill'], ['decode'], ['decode']],
  [['prefill'], ['prefill', 'decode'], ['decode']],
  [['prefill'], ['prefill'], ['decode'], ['decode']],
  [['both'], ['both'], ['decode']],
];

// As often as each stands here.
const MOODS: readonly Mood[] = [
  'all', 'all', 'all', 'all', 'all', 'engines', 'engines', 'services', 'services', 'control', 'control', 'calm', 'storm',
]; // prettier-ignore

export function setupOf(chance: Chance): Setup {
  const mood = chance.pick(MOODS);
  const shape = chance.pick(SHAPES);
  const nodes = shape.map((_, i) => `n${i}`);
  const pages = chance.pick([48, 64, 128]);
  const slots = chance.pick([12, 24, 64, 128]);
  let made = 0;
  const listed = shape.flatMap((roles, i) =>
    roles.map((role) => ({ role, node: nodes[i] ?? '', name: `${role[0] ?? ''}${made++}` })),
  );
  const config = parseSettings(schema, {
    tenants: TENANTS.map(({ name, secret, key }) => ({ name, secret, keys: [createHash('sha256').update(key).digest('hex')] })),
    router: {
      services: nodes.map((node) => ({ node, address: `${node}:7001` })),
      engines: listed.map(({ name, node, role }) => ({ name, url: `http://${name}:80`, node, role, model: MODEL, kv_tokens: pages * PAGE_TOKENS })),
      models: [{ name: MODEL, max_model_len: MODEL_LEN }],
      placement: { mode: chance.chance(0.7) ? 'disaggregated' : 'auto', handoff_ms: chance.pick([1, 15]), prefill_tokens_per_s: 2000 },
      limits: { requests: mood === 'storm' ? 64 : chance.pick([8, 12, 64]), attempts: mood === 'storm' ? 3 : chance.whole(1, 3), in_flight_tokens: chance.pick([800, 1_000_000, 1_000_000]) },
      timeouts: { request_ms: 15_000, connect_ms: 1000, handoff_idle_ms: 3000, first_token_ms: 5000, lease_ms: chance.pick([600, 600, 2000]) },
    },
  }, 'simulation'); // prettier-ignore
  const engines = listed.map(({ name, node }) => {
    const settings: EngineSettings = {
      ...config.engine, name, pages, page_tokens: PAGE_TOKENS, chunk_tokens: CHUNK_TOKENS, max_model_len: MODEL_LEN,
      max_batched_tokens: chance.pick([16, 48, 256]), max_sequences: chance.pick([4, 16]), socket: node,
      keep: chance.chance(0.7), keep_generated: chance.chance(0.7),
    }; // prettier-ignore
    return { name, node, settings };
  });
  // One slot of a whole chunk: 4 KiB of header, 4 KiB of payload.
  const arenaBytes = Object.fromEntries(
    nodes.map((node) => [node, slots * 8192 * (chance.chance(0.2) ? 2 : 1)]),
  );
  return { mood, nodes, engines, config, model: modelOf(), arenaBytes, shareMax: chance.pick([0.5, 1]) };
}

function modelOf(): Model {
  const namespace = namespaceDigest({
    model: MODEL, revision: '1', quantisation: '', adapter: '', kvDtype: 'f32', scales: '', position: 'none',
    planeNames: ['k', 'v'], geometry: GEOMETRY,
  }); // prettier-ignore
  const none = { tokenizer: '', chatTemplate: '' };
  // The native part is a model and reads no options.
  return { servedName: MODEL, vocab: 256, eosTokenIds: new Set(), geometry: GEOMETRY, namespace, options: {} as Model['options'], files: none };
} // prettier-ignore
