// Engines whose connector knows the bus: both legs name the ticket, the KV goes from arena to arena.
import { putPrompt, type Dialect } from './dialect.ts';

// Fields that shape the output only; a prefill leg's one token is thrown away.
const OUTPUT_ONLY = [
  'stream_options', 'stop', 'stop_token_ids', 'logprobs', 'top_logprobs', 'prompt_logprobs', 'response_format', 'min_tokens',
  'best_of', 'echo', 'guided_json', 'guided_regex', 'guided_choice', 'guided_grammar', 'structured_outputs', 'logit_bias',
]; // prettier-ignore

export const baton: Dialect = {
  name: 'baton',
  abortRule: 'abort the ticket at both services, then close both legs; what landed stays sealed',
  lease: 'router.timeouts.lease_ms of the ticket, renewed while the request lives',
  prefill(facts) {
    const edits = new Map<string, string | null>([
      ['max_tokens', '1'],
      ['n', '1'],
      ['stream', 'false'],
    ]);
    if (facts.params.usesCompletionTokens) edits.set('max_completion_tokens', '1');
    for (const field of OUTPUT_ONLY) edits.set(field, null);
    putPrompt(edits, facts, { ticket: facts.ticket, root: facts.root, role: 'prefill' });
    return edits;
  },
  decode(facts) {
    const edits = new Map<string, string | null>();
    putPrompt(edits, facts, { ticket: facts.ticket, root: facts.root, role: 'decode' });
    return edits;
  },
};
