// A decision as people read it: JSON of at most 4 KiB.
import { LIMITS } from '#core/limits.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import type { Candidate, Decision } from './decide.ts';

export interface Explained {
  attempt: number;
  mode: string;
  promptTokens: number;
  /** Tokens held, per node. */
  match: Readonly<Record<string, number>>;
}

const tenths = (ms: number): number => Math.round(ms * 10) / 10;

function shown(candidate: Candidate): object {
  return {
    kind: candidate.kind,
    prefill: candidate.prefill,
    decode: candidate.decode,
    cost_ms: tenths(candidate.totalMs),
    queue_ms: tenths(candidate.queueMs),
    prefill_ms: tenths(candidate.prefillMs),
    transfer_ms: tenths(candidate.transferMs),
    room_ms: tenths(candidate.roomMs),
    first_token_ms: tenths(candidate.firstTokenMs),
    cached_tokens: candidate.cachedTokens,
  };
}

/** The cheapest candidates, as many as fit. */
export function explain(decision: Decision, facts: Explained): string {
  const sorted = [...decision.candidates].sort((a, b) => a.totalMs - b.totalMs);
  const nodes = Object.entries(facts.match).sort(([, a], [, b]) => b - a);
  for (let count: number = ROUTER_LIMITS.candidatesShownMax; ; count--) {
    const candidates = sorted.slice(0, count);
    const text = JSON.stringify({
      attempt: facts.attempt,
      mode: facts.mode,
      reason: decision.reason,
      refusal: decision.refusal,
      chosen: decision.chosen === null ? null : shown(decision.chosen),
      prompt_tokens: facts.promptTokens,
      match: Object.fromEntries(nodes.slice(0, count)),
      candidates: candidates.map(shown),
      candidates_left_out: sorted.length - candidates.length,
    });
    if (count === 0 || Buffer.byteLength(text) <= LIMITS.decisionBytesMax) return text;
  }
}
