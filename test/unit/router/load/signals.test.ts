import fc from 'fast-check';
import { Gauge, Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { readLoad } from '#router/load/signals.ts';

// As vLLM 0.32 writes them, histograms and created-stamps between.
const VLLM = `# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="tiny"} 3.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
vllm:num_requests_waiting{engine="0",model_name="tiny"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="tiny",reason="capacity"} 99.0
vllm:kv_cache_usage_perc{engine="0",model_name="tiny"} 0.25
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001",model_name="tiny"} 0.0
vllm:cache_config_info{block_size="128",cache_dtype="auto",engine="0",gpu_memory_utilization="0.9",num_gpu_blocks="2048",prefix_caching_hash_algo="sha256"} 1.0
`;

describe('load signals', () => {
  test('of vLLM', () => {
    const told = { running: 3, waiting: 2, kvUsage: 0.25, blockTokens: 128, kvTokens: 262_144 };
    expect(readLoad(VLLM)).toEqual(told);
  });

  test('of several data-parallel ranks add up, shares are averaged', () => {
    const second = VLLM.replaceAll('engine="0"', 'engine="1"').replace(
      '_perc{engine="1",model_name="tiny"} 0.25',
      '_perc{engine="1",model_name="tiny"} 0.75',
    );
    expect(readLoad(VLLM + second)).toEqual({
      running: 6,
      waiting: 4,
      kvUsage: 0.5,
      blockTokens: 128,
      kvTokens: 524_288,
    });
  });

  test('of SGLang and trtllm-serve', () => {
    const sglang =
      'sglang:num_running_reqs{a="b"} 1\nsglang:num_queue_reqs 4\nsglang:token_usage 0.5\nsglang:cache_config_info{page_size="64",num_pages="10"} 1';
    expect(readLoad(sglang)).toEqual({
      running: 1,
      waiting: 4,
      kvUsage: 0.5,
      blockTokens: 64,
      kvTokens: 640,
    });
    const trt =
      'trtllm_num_requests_running 1\ntrtllm_num_requests_waiting 0\ntrtllm_kv_cache_utilization 1e-1\ntrtllm_kv_cache_tokens_per_block 32\ntrtllm_kv_cache_max_blocks 100';
    expect(readLoad(trt)).toEqual({ running: 1, waiting: 0, kvUsage: 0.1, blockTokens: 32, kvTokens: 3200 });
  });

  test('that say nothing usable are none', () => {
    expect(readLoad('')).toBeNull();
    expect(readLoad('<html>vllm:num_requests_running 3</html>')).toBeNull();
    expect(
      readLoad(
        'vllm:num_requests_running NaN\nvllm:kv_cache_usage_perc +Inf\nvllm:cache_config_info{block_size="16",num_gpu_blocks="None"} 1',
      ),
    ).toBeNull();
    expect(readLoad('vllm:kv_cache_usage_perc 7')?.kvUsage).toBe(1);
  });

  test('are read whatever labels another library writes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string(),
        fc.nat(1000),
        fc.integer({ min: 1, max: 4096 }),
        async (label, value, blocks) => {
          const registers = [new Registry()];
          const running = new Gauge({
            name: 'vllm:num_requests_running',
            help: 'h',
            labelNames: ['l'],
            registers,
          });
          running.set({ l: label }, value);
          const size = new Gauge({
            name: 'vllm:cache_config_info',
            help: `h ${label}`,
            labelNames: ['block_size', 'l', 'num_gpu_blocks'],
            registers,
          });
          size.set({ block_size: 16, l: label, num_gpu_blocks: blocks }, 1);
          const text = (await registers[0]?.metrics()) ?? '';
          expect(readLoad(text)).toMatchObject({ running: value, kvTokens: 16 * blocks });
        },
      ),
      { numRuns: 200 },
    );
  });
});
