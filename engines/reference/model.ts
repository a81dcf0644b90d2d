// What a model is: its folder's config.json with the engine's overrides, the name of its KV cache, and how the native part
// is to build it.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BatonError } from '#core/errors.ts';
import type { Geometry } from '#core/geometry.ts';
import { namespaceDigest } from '#core/keys.ts';
import { parseSettings, z } from '#core/schema.ts';
import type { EngineSettings } from '#core/settings.ts';
import { ENGINE_LIMITS } from './limits.ts';
import type { NativeModelOptions } from './native.ts';

const count = z.int().min(1);
const modelConfig = z.strictObject({
  model: z.string(),
  kind: z.enum(['tiny', 'synthetic']),
  layers: count,
  heads: count,
  head_dim: count,
  dtype: z.enum(['f32', 'bf16']),
  vocab: count,
  query_heads: z.int(),
  hidden: z.int(),
  ffn: z.int(),
  rope_theta: z.number(),
  eos_token_ids: z.array(z.int()),
});

export interface Model {
  /** As clients name it. */
  servedName: string;
  vocab: number;
  eosTokenIds: ReadonlySet<number>;
  geometry: Geometry;
  /** SHA-256 of the namespace encoding. */
  namespace: Uint8Array;
  options: NativeModelOptions;
  files: { tokenizer: string; chatTemplate: string };
}

/** Reads the model that the settings name; `bad_config` when settings do not fit together. */
export function loadModel(settings: EngineSettings): Model {
  const folder = join(import.meta.dirname, 'models', settings.model);
  const file = join(folder, 'config.json');
  const config = parseSettings(modelConfig, JSON.parse(readFileSync(file, 'utf8')), file);
  const layers = settings.layers ?? config.layers;
  const heads = settings.heads ?? config.heads;
  const headDim = settings.head_dim ?? config.head_dim;
  checkPages(settings);
  if (config.kind === 'tiny' && (config.query_heads % heads !== 0 || headDim % 2 !== 0)) {
    throw new BatonError(
      'bad_config',
      `engine.heads = ${heads}, engine.head_dim = ${headDim}: heads must divide ${config.query_heads}, head_dim must be even`,
    );
  }
  const trained = config.kind === 'tiny' && settings.weights === 'trained';
  if (trained && (layers !== config.layers || heads !== config.heads || headDim !== config.head_dim)) {
    throw new BatonError(
      'bad_config',
      'engine.layers, engine.heads, engine.head_dim: trained weights have one geometry: set engine.weights to random',
    );
  }
  const weights = trained ? join(folder, 'model.safetensors') : null;

  const planeBytes = headDim * (config.dtype === 'f32' ? 4 : 2);
  const geometry = {
    layers,
    heads,
    planeBytes: [planeBytes, planeBytes],
    chunkTokens: settings.chunk_tokens,
  };
  // All that shapes KV besides the geometry: engines with other weights never share a key.
  const shape = {
    kind: config.kind, vocab: config.vocab, queryHeads: config.query_heads, hidden: config.hidden, ffn: config.ffn,
    weights: weights === null ? settings.seed : createHash('sha256').update(readFileSync(weights)).digest('hex'),
  }; // prettier-ignore
  const namespace = namespaceDigest({
    model: config.model,
    revision: createHash('sha256').update(JSON.stringify(shape)).digest('hex'),
    quantisation: '',
    adapter: '',
    kvDtype: config.dtype,
    scales: '',
    position: config.rope_theta > 0 ? `rope theta=${config.rope_theta} scaling=none` : 'none',
    planeNames: ['k', 'v'],
    geometry,
  });
  return {
    servedName: settings.served_name ?? settings.model,
    vocab: config.vocab,
    eosTokenIds: new Set(config.eos_token_ids),
    geometry,
    namespace,
    options: {
      kind: config.kind,
      layers,
      heads,
      headDim,
      dtype: config.dtype,
      vocab: config.vocab,
      seed: settings.seed,
      queryHeads: config.query_heads,
      hidden: config.hidden,
      ffn: config.ffn,
      ropeTheta: config.rope_theta,
      weights,
      computeUsPerLayer: settings.compute_us_per_layer,
      computeUsPerLayerToken: settings.compute_us_per_layer_token,
      prepareKv: settings.prepare_kv,
      delayLayer: settings.delay_layer,
      delayMs: settings.delay_ms,
      layerHooks: settings.layer_hooks,
      pages: settings.pages,
      pageTokens: settings.page_tokens,
      threads: settings.threads,
    },
    files: { tokenizer: join(folder, 'tokenizer.json'), chatTemplate: join(folder, 'chat_template.jinja') },
  };
}

function checkPages(settings: EngineSettings): void {
  const room = settings.pages * settings.page_tokens;
  if (settings.chunk_tokens % settings.page_tokens !== 0) {
    throw new BatonError(
      'bad_config',
      `engine.page_tokens = ${settings.page_tokens}: must divide engine.chunk_tokens (${settings.chunk_tokens})`,
    );
  }
  if (settings.max_model_len > room) {
    throw new BatonError(
      'bad_config',
      `engine.max_model_len = ${settings.max_model_len}: engine.pages × engine.page_tokens hold ${room} tokens: raise engine.pages`,
    );
  }
  if (
    settings.max_batched_tokens > ENGINE_LIMITS.stepTokensMax ||
    settings.max_sequences > ENGINE_LIMITS.stepSequencesMax
  ) {
    throw new BatonError(
      'bad_config',
      `engine.max_batched_tokens = ${settings.max_batched_tokens}, engine.max_sequences = ${settings.max_sequences}: must be at most ${ENGINE_LIMITS.stepTokensMax} and ${ENGINE_LIMITS.stepSequencesMax}`,
    );
  }
  if (settings.max_batched_tokens < settings.max_sequences) {
    throw new BatonError(
      'bad_config',
      `engine.max_batched_tokens = ${settings.max_batched_tokens}: must be at least engine.max_sequences (${settings.max_sequences})`,
    );
  }
}
