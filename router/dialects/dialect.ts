// The wire shape that one kind of engine needs on its two legs. A dialect only says how a body is spliced; when legs are
// sent, given up or sent again is the journey's.
import type { Edits } from '../api/body.ts';
import type { Params } from '../api/params.ts';

/** What a dialect may put into a leg. */
export interface LegFacts {
  params: Params;
  /** The router's rendering of the client's text, as JSON; null: there is none, or the client sent ids. */
  ids: string | null;
  /** Hex of the request's root: the engine's own cache salt. */
  root: string;
  /** The root names KV (the prompt is named); false: it only keeps engine caches apart. */
  named: boolean;
  /** Hex; null: none. */
  ticket: string | null;
  /** What the prefill engine said of its KV, as it said it; null: nothing that may be passed on. */
  engineParams: string | null;
}

export interface Dialect {
  /** What is told to whom when an attempt is given up stands under it in aborts.ts. */
  readonly name: 'baton' | 'vllm-nixl' | 'local';
  /** What bounds how long an engine or service keeps something for this request. */
  readonly lease: string;
  /** The prefill leg's answer holds what the decode leg needs: handoff waits for it. */
  readonly awaitsAnswer: boolean;
  /** Null: this dialect has no prefill leg. */
  prefill(facts: LegFacts): Edits | null;
  decode(facts: LegFacts): Edits;
}

// Fields that shape the output only; a prefill leg's one token is thrown away.
const OUTPUT_ONLY = [
  'stream_options', 'stop', 'stop_token_ids', 'logprobs', 'top_logprobs', 'prompt_logprobs', 'response_format', 'min_tokens',
  'best_of', 'echo', 'guided_json', 'guided_regex', 'guided_choice', 'guided_grammar', 'structured_outputs', 'logit_bias',
]; // prettier-ignore

/** One token, whole, of the very prompt. */
export function prefillEdits(facts: LegFacts): Map<string, string | null> {
  const edits = new Map<string, string | null>([
    ['max_tokens', '1'],
    ['n', '1'],
    ['stream', 'false'],
  ]);
  if (facts.params.usesCompletionTokens) edits.set('max_completion_tokens', '1');
  for (const field of OUTPUT_ONLY) edits.set(field, null);
  return edits;
}

/**
 * Baton's own parameters, and among them what the router made of the client's text: an engine that makes something else of it
 * goes by its own, and the handoff ends as a key mismatch. A rendering must never decide what is answered: beside `baton`, as
 * `prompt_token_ids`, vLLM would take it for the prompt.
 */
export function putPrompt(edits: Map<string, string | null>, facts: LegFacts, baton: object | null): void {
  const { ids } = facts;
  edits.set('cache_salt', `"${facts.root}"`);
  const own = baton === null ? '' : JSON.stringify(baton).slice(1, -1);
  const rendered = ids === null ? '' : `,"rendered":${ids}`;
  edits.set('kv_transfer_params', baton === null ? null : `{"baton":{${own}${rendered}}}`);
}
