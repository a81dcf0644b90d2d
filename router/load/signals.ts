// What an engine's own metrics say of its load: the few lines of a Prometheus exposition that placement needs, under the names that
// vLLM, SGLang and trtllm-serve give them.
import { sampleReader } from '#core/samples.ts';

export interface EngineLoad {
  running: number;
  waiting: number;
  /** Share of the KV room in use, 0 to 1; null: not told. */
  kvUsage: number | null;
  /** Tokens of one KV block; null: not told. */
  blockTokens: number | null;
  /** The whole KV room; null: not told. */
  kvTokens: number | null;
}

const NAMES = {
  running: ['vllm:num_requests_running', 'sglang:num_running_reqs', 'trtllm_num_requests_running'],
  waiting: ['vllm:num_requests_waiting', 'sglang:num_queue_reqs', 'trtllm_num_requests_waiting'],
  usage: ['vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc', 'sglang:token_usage', 'trtllm_kv_cache_utilization'],
  // Labels tell the size.
  size: ['vllm:cache_config_info', 'sglang:cache_config_info'],
  blockTokens: ['trtllm_kv_cache_tokens_per_block'],
  blocks: ['trtllm_kv_cache_max_blocks'],
} as const; // prettier-ignore

type Signal = keyof typeof NAMES;

const SIGNAL_OF = new Map<string, Signal>(
  Object.entries(NAMES).flatMap(([signal, names]) => names.map((name) => [name, signal as Signal] as const)),
);
const samples = sampleReader([...SIGNAL_OF.keys()]);

/** Null: the text has none of these signals. One sample per data-parallel rank: counts add up, shares are averaged. */
export function readLoad(text: string): EngineLoad | null {
  const values: Record<Signal, number[]> = {
    running: [],
    waiting: [],
    usage: [],
    size: [],
    blockTokens: [],
    blocks: [],
  };
  let blockTokens: number | null = null;
  let kvTokens: number | null = null;
  for (const { name, labels, value } of samples(text)) {
    const signal = SIGNAL_OF.get(name);
    if (signal === undefined) continue;
    if (signal === 'size') {
      const sized = sizeOf(labels);
      if (sized === null) continue;
      blockTokens = sized.blockTokens;
      kvTokens = (kvTokens ?? 0) + sized.blockTokens * sized.blocks;
    } else if (/^\d/.test(value) && Number.isFinite(Number(value))) values[signal].push(Number(value));
  }
  const [perBlock] = values.blockTokens;
  const [blocks] = values.blocks;
  if (kvTokens === null && perBlock !== undefined && blocks !== undefined) {
    blockTokens = perBlock;
    kvTokens = perBlock * blocks;
  }
  const { running, waiting, usage } = values;
  if (running.length === 0 && usage.length === 0 && kvTokens === null) return null;
  return {
    running: sum(running),
    waiting: sum(waiting),
    kvUsage: usage.length === 0 ? null : Math.min(1, sum(usage) / usage.length),
    blockTokens,
    kvTokens,
  };
}

function sizeOf(labels: ReadonlyMap<string, string>): { blockTokens: number; blocks: number } | null {
  const blockTokens = whole(labels.get('block_size') ?? labels.get('page_size'));
  const blocks = whole(labels.get('num_gpu_blocks') ?? labels.get('num_pages'));
  return blockTokens === null || blocks === null ? null : { blockTokens, blocks };
}

/** A count of sane size; an engine that has not measured yet writes None. */
function whole(text: string | undefined): number | null {
  return text !== undefined && /^[1-9]\d{0,9}$/.test(text) ? Number(text) : null;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
