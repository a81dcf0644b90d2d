// Prefill on the decode engine: one leg, no ticket. A named prompt still carries its root, so that the engine finds chunks
// in its own node's arena.
import { putPrompt, type Dialect } from './dialect.ts';

export const local: Dialect = {
  name: 'local',
  lease: 'none: nothing is kept for this request outside its engine',
  awaitsAnswer: false,
  prefill: () => null,
  decode(facts) {
    const edits = new Map<string, string | null>();
    putPrompt(edits, facts, facts.named ? { root: facts.root } : null);
    return edits;
  },
};
