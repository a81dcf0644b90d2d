// Engines whose connector knows the bus: both legs name the ticket, the KV goes from arena to arena.
import { prefillEdits, putPrompt, type Dialect } from './dialect.ts';

export const baton: Dialect = {
  name: 'baton',
  lease: 'router.timeouts.lease_ms of the ticket, renewed while the request lives',
  awaitsAnswer: false,
  prefill(facts) {
    const edits = prefillEdits(facts);
    putPrompt(edits, facts, { ticket: facts.ticket, root: facts.root, role: 'prefill' });
    return edits;
  },
  decode(facts) {
    const edits = new Map<string, string | null>();
    putPrompt(edits, facts, { ticket: facts.ticket, root: facts.root, role: 'decode' });
    return edits;
  },
};
