// Metrics of the router. Labels are bounded: models, roles, kinds and states come from configuration and from the error table.
import type { Metrics, MetricTable } from '#core/metrics.ts';

const SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
];

export const ROUTER_METRICS = {
  baton_router_requests_total: { kind: 'counter', help: 'Requests that ended, by endpoint and code (ok or a code of docs/errors.md).', labels: ['endpoint', 'code'] },
  baton_router_requests_in_flight: { kind: 'gauge', help: 'Requests admitted and not ended.', labels: [] },
  baton_router_bytes_in_flight: { kind: 'gauge', help: 'Bytes of request bodies held.', labels: [] },
  baton_router_tokens_in_flight: { kind: 'gauge', help: 'Tokens of prompts and bounds of answers in flight.', labels: [] },
  baton_router_request_seconds: { kind: 'histogram', help: 'Arrival of a request to its end.', labels: ['endpoint'], buckets: SECONDS },
  baton_router_first_token_seconds: { kind: 'histogram', help: 'Arrival of a request to the first byte of its answer.', labels: ['kind'], buckets: SECONDS },
  baton_router_attempts_total: { kind: 'counter', help: 'Placements, by kind.', labels: ['kind'] },
  baton_router_retries_total: { kind: 'counter', help: 'Attempts given up and placed again, by code.', labels: ['code'] },
  baton_router_retries_refused_total: { kind: 'counter', help: 'Retries not made because too many requests are being retried, by code.', labels: ['code'] },
  baton_router_clients_cut_total: { kind: 'counter', help: 'Streams cut because their client took nothing for router.timeouts.client_stall_ms.', labels: [] },
  baton_router_defects_total: { kind: 'counter', help: 'Events that cannot happen in the state their request was in (docs/states.md): defects of Baton.', labels: ['state', 'event'] },
  baton_router_shed_total: { kind: 'counter', help: 'Requests refused before any engine saw them because their first token is predicted too late: overloaded, there is too much to compute before it; no_room, no decode engine has room by then.', labels: ['model', 'code'] },
  baton_router_prompt_tokens_total: { kind: 'counter', help: 'Prompt tokens placed, counted or estimated.', labels: ['model'] },
  baton_router_cached_tokens_total: { kind: 'counter', help: 'Prompt tokens that the chosen prefill node held already.', labels: ['model'] },
  baton_router_engines_up: { kind: 'gauge', help: 'Healthy engines.', labels: ['model', 'role'] },
  baton_router_engines_measured: { kind: 'gauge', help: 'Engines without a service whose own metrics tell their load.', labels: [] },
  baton_router_services_up: { kind: 'gauge', help: 'Transfer services with a live control stream.', labels: [] },
  baton_router_ready: { kind: 'gauge', help: '1 when a complete pair can serve.', labels: [] },
  baton_router_tickets_total: { kind: 'counter', help: 'Tickets that ended, by their target state and reason.', labels: ['state', 'reason'] },
  baton_router_tickets_live: { kind: 'gauge', help: 'Tickets known, those that wait for reports included.', labels: [] },
  baton_router_late_messages: { kind: 'gauge', help: 'Messages of services on tickets that nobody waits for, since the start.', labels: [] },
  baton_router_lane_bytes_total: { kind: 'counter', help: 'Bytes that landed over lanes for tickets of this router.', labels: [] },
  baton_router_exposed_seconds: { kind: 'histogram', help: 'Last layer computed to everything landed, per ticket.', labels: [], buckets: SECONDS },
  baton_router_nixl_params_total: { kind: 'counter', help: 'Prefill answers of dialect vllm-nixl, by what became of their params: passed, or why not (unreadable, missing, half_filled, no_blocks, short, late).', labels: ['outcome'] },
  baton_router_nixl_leases_missed_total: { kind: 'counter', help: 'Streams given up because they began after the lease of the blocks that they were computed from.', labels: [] },
  baton_router_tokenize_failures_total: { kind: 'counter', help: 'Prompts that an engine’s /tokenize did not turn into ids.', labels: ['model'] },
  baton_router_key_mismatches_total: { kind: 'counter', help: 'Handoffs whose engine derived other keys than the router.', labels: ['model'] },
  baton_router_rendering_off: { kind: 'gauge', help: '1 while repeated key mismatches keep rendering off for a model: for a minute, then twice as long each time, at most an hour.', labels: ['model'] },
  baton_router_kv_event_messages_total: { kind: 'counter', help: 'Messages of KV events by outcome: taken; lost (a gap that no replay filled), malformed or restarted (the publisher), after which the engine’s blocks are forgotten.', labels: ['outcome'] },
  baton_router_kv_event_blocks: { kind: 'gauge', help: 'Blocks known from engines’ own KV events.', labels: [] },
  baton_router_kv_event_orphans: { kind: 'gauge', help: 'Blocks that could not be named because the block before them is not known, since the start.', labels: [] },
  baton_router_index_keys: { kind: 'gauge', help: 'Chunk keys in the index.', labels: [] },
  baton_router_index_evicted: { kind: 'gauge', help: 'Chunk keys dropped from the index because it was full, since the start.', labels: [] },
} as const satisfies MetricTable; // prettier-ignore

export type RouterMetrics = Metrics<typeof ROUTER_METRICS>;
