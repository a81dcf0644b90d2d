// vLLM with its own NixlConnector, pull mode: the prefill engine answers where its blocks lie, the decode engine gets that answer
// verbatim and pulls. Both render the prompt themselves: nothing here checks names, so the router's own ids would go unchecked.
import { prefillEdits, putPrompt, type Dialect } from './dialect.ts';

const ASK = JSON.stringify({
  do_remote_decode: true,
  do_remote_prefill: false,
  remote_engine_id: null,
  remote_block_ids: null,
  remote_host: null,
  remote_port: null,
});

export const vllmNixl: Dialect = {
  name: 'vllm-nixl',
  lease: 'router.nixl.lease_ms from the prefill leg’s answer; the params of one answer go to one decode leg',
  awaitsAnswer: true,
  prefill(facts) {
    const edits = prefillEdits(facts);
    putPrompt(edits, facts, null);
    edits.set('kv_transfer_params', ASK);
    return edits;
  },
  decode(facts) {
    const edits = new Map<string, string | null>();
    putPrompt(edits, facts, null);
    edits.set('kv_transfer_params', facts.engineParams);
    return edits;
  },
};
