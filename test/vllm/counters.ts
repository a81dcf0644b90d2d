// What an engine counts: where prompt tokens came from, and what Baton's connector did and failed at.
import { metricAt } from '#test/support/metrics.ts';
import { until } from '#test/support/ready.ts';

export interface PromptTokens {
  prompts: number;
  /** Computed here, found in this engine's own pages, brought. */
  computed: number;
  cached: number;
  external: number;
  /** What was asked of the connector, and what it promised. */
  queries: number;
  hits: number;
}

const BY_SOURCE = 'vllm:prompt_tokens_by_source_total';

async function read(url: string): Promise<PromptTokens> {
  const of = (name: string, labels?: string): Promise<number> => metricAt(url, name, labels);
  return {
    prompts: await of('vllm:request_prompt_tokens_count'),
    computed: await of(BY_SOURCE, 'source="local_compute"'),
    cached: await of(BY_SOURCE, 'source="local_cache_hit"'),
    external: await of(BY_SOURCE, 'source="external_kv_transfer"'),
    queries: await of('vllm:external_prefix_cache_queries_total'),
    hits: await of('vllm:external_prefix_cache_hits_total'),
  };
}

/** From now on; the function waits until `prompts` further ones are counted (a request is counted after its answer). */
export async function countingPrompts(url: string): Promise<(prompts: number) => Promise<PromptTokens>> {
  const before = await read(url);
  return async (prompts) => {
    await until(`${prompts} prompts are counted`, async () => {
      return (await metricAt(url, 'vllm:request_prompt_tokens_count')) >= before.prompts + prompts;
    });
    const now = await read(url);
    const names = Object.keys(now) as (keyof PromptTokens)[];
    return Object.fromEntries(names.map((name) => [name, now[name] - before[name]])) as unknown as PromptTokens; // prettier-ignore
  };
}

/** Everything that the connectors count, by event. */
async function batonEvents(url: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const events: Record<string, number> = {};
  for (const [, labels, value] of text.matchAll(/^vllm:baton_events_total\{([^}]*)\} (\S+)$/gm)) {
    const event = /event="([^"]*)"/.exec(labels ?? '')?.[1] ?? '';
    events[event] = (events[event] ?? 0) + Number(value);
  }
  return events;
}

/**
 * From now on: the function tells of exceptions in hooks, and of chunks that could not be copied, announced or loaded. What other
 * files have done to these engines before is theirs.
 */
export async function countingFailures(urls: readonly string[]): Promise<() => Promise<string[]>> {
  const before = await Promise.all(urls.map(batonEvents));
  return async () => {
    const now = await Promise.all(urls.map(batonEvents));
    return now.flatMap((events, i) =>
      Object.entries(events)
        .map(([event, count]) => ({ event, more: count - (before[i]?.[event] ?? 0) }))
        .filter(
          ({ event, more }) =>
            more > 0 && /^(errors|gathers_failed|scatters_failed|loads_failed)/.test(event),
        )
        .map(({ event, more }) => `${event} ${more}`),
    );
  };
}
