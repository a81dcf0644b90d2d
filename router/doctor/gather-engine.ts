// What an engine tells over HTTP without being asked to compute anything.
import type { EngineEntry } from '#core/settings.ts';
import { sampleReader } from '#core/samples.ts';
import type { Upstream } from '../edge/contract.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import { readLoad } from '../load/signals.ts';
import { at, Pages, short } from './ask.ts';
import type { CacheFacts, EngineFacts, ModelCard, ServerFacts } from './facts.ts';

export async function gatherEngine(entry: EngineEntry, upstream: Upstream): Promise<EngineFacts> {
  const pages = new Pages(upstream, entry.url);
  const none = { entry, version: null, models: null, cache: null, server: null, events: null, probe: null };
  const health = await pages.status('/health');
  if (health === null) return { ...none, health };
  const [version, models, metrics, server] = await Promise.all([
    pages.json('/version'),
    pages.json('/v1/models'),
    pages.text('/metrics'),
    // Its first answer looks through the whole machine.
    pages.json('/server_info?config_format=json', ROUTER_LIMITS.doctorServerInfoMs),
  ]);
  return {
    ...none,
    health,
    version: short(at(version, 'version')),
    models: cardsOf(models),
    cache: metrics === null ? null : cacheOf(metrics),
    server: serverOf(server),
  };
}

function cardsOf(answer: unknown): ModelCard[] | null {
  const list = at(answer, 'data');
  if (!Array.isArray(list)) return null;
  return (list as unknown[]).slice(0, ROUTER_LIMITS.doctorModelsMax).flatMap((card): ModelCard[] => {
    const id = short(at(card, 'id'));
    const length = at(card, 'max_model_len');
    const maxModelLen = typeof length === 'number' && length > 0 ? length : null;
    return id === null ? [] : [{ id, root: short(at(card, 'root')), maxModelLen }];
  });
}

const infoOf = sampleReader(['vllm:cache_config_info', 'sglang:cache_config_info']);

function cacheOf(metrics: string): CacheFacts | null {
  const blockTokens = readLoad(metrics)?.blockTokens ?? null;
  const [info] = infoOf(metrics);
  if (info === undefined && blockTokens === null) return null;
  return {
    blockTokens,
    dtype: short(info?.labels.get('cache_dtype')),
    hashAlgorithm: short(info?.labels.get('prefix_caching_hash_algo')),
  };
}

function serverOf(answer: unknown): ServerFacts | null {
  const config = at(answer, 'vllm_config');
  if (typeof config !== 'object' || config === null) return null;
  return {
    dtype: short(at(config, 'model_config', 'dtype'))?.replace(/^torch\./, '') ?? null,
    connector: short(at(config, 'kv_transfer_config', 'kv_connector')),
    policy: short(at(config, 'kv_transfer_config', 'kv_load_failure_policy')),
    publishesEvents:
      at(config, 'kv_events_config', 'enable_kv_cache_events') === true &&
      at(config, 'kv_events_config', 'publisher') === 'zmq',
    nixlHost: short(at(answer, 'vllm_env', 'VLLM_NIXL_SIDE_CHANNEL_HOST')),
  };
}
