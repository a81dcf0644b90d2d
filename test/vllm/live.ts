// What test/vllm/setup.ts has started, as tests see it.
import { describe, inject } from 'vitest';
import { until } from '#test/support/ready.ts';

/** The name that the engines serve the model under. */
export const MODEL = 'tiny';

export type PairName = 'baton' | 'nixl' | 'bfloat16' | 'small-baton' | 'small-nixl';

export interface LiveEngine {
  name: string;
  url: string;
  /** Leader of its process group. */
  pid: number;
  logFile: string;
  args: readonly string[];
  /** JSON lines of gathered and loaded digests (dialect baton). */
  checkFile: string;
}

export interface LivePair {
  folder: string;
  routerUrl: string;
  adminUrl: string;
  prefill: LiveEngine;
  decode: LiveEngine;
  /** `a` and `b`, the nodes of prefill and decode; none for vllm-nixl. */
  services: { name: string; adminUrl: string; pid: number }[];
}

export interface Live {
  control: string;
  wheel: string;
  model: string;
  pairs: Partial<Record<PairName, LivePair>>;
}

declare module 'vitest' {
  export interface ProvidedContext {
    vllm: Live | null;
  }
}

/** Tests over a pair; skipped where it is not started (BATON_SKIP_VLLM, BATON_VLLM_PAIRS). */
export function describePair(
  name: PairName,
  title: string,
  tests: (pair: LivePair, live: Live) => void,
): void {
  const live = inject('vllm');
  const pair = live?.pairs[name];
  // Skipped tests are declared all the same, so that they are counted; nothing of the pair is read while declaring.
  describe.skipIf(pair === undefined)(title, () => {
    tests(pair as LivePair, live as Live);
  });
}

/** The pid that a member has now: a file that ran before may have started it again. */
export async function pidOf(live: Live, pair: PairName, member: string): Promise<number> {
  const response = await fetch(`${live.control}/pid?pair=${pair}&member=${member}`);
  return Number(await response.text());
}

/** Kills what is left of a member and starts it again at its address; @returns its new pid. Minutes for an engine. */
export async function restart(live: Live, pair: PairName, member: string): Promise<number> {
  const response = await fetch(`${live.control}/restart?pair=${pair}&member=${member}`, { method: 'POST' });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return Number(text);
}

/** Empties an engine's own prefix cache, once nothing holds its blocks. */
export function forgetCached(engine: LiveEngine): Promise<void> {
  return until(`${engine.name} forgets what it has cached`, async () => {
    const response = await fetch(`${engine.url}/reset_prefix_cache`, { method: 'POST' });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return ((await response.json()) as { success: boolean }).success;
  });
}
