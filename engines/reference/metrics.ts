// Every metric of the reference engine (docs/metrics.md).
import type { MetricTable, Metrics } from '#core/metrics.ts';

export const ENGINE_METRICS = {
  baton_engine_requests_running: { kind: 'gauge', help: 'Sequences being computed.', labels: [] },
  baton_engine_requests_waiting: { kind: 'gauge', help: 'Sequences waiting for pages or for their ticket.', labels: [] },
  baton_engine_requests_loading: { kind: 'gauge', help: 'Sequences whose KV is being loaded from the arena.', labels: [] },
  baton_engine_kv_pages_used: { kind: 'gauge', help: 'Pages in use by sequences.', labels: [] },
  baton_engine_kv_pages_total: { kind: 'gauge', help: 'Pages of the engine.', labels: [] },
  baton_engine_attached: { kind: 'gauge', help: '1 while attached to the transfer service.', labels: [] },
  baton_engine_renderings_compared_total: { kind: 'counter', help: "Prompts that came with a router's rendering, by whether the engine's own agreed.", labels: ['agreed'] },
  baton_engine_steps_total: { kind: 'counter', help: 'Steps of the model.', labels: [] },
  baton_engine_prompt_tokens_total: { kind: 'counter', help: 'Prompt tokens of finished prefills.', labels: [] },
  baton_engine_generated_tokens_total: { kind: 'counter', help: 'Tokens sampled.', labels: [] },
  baton_engine_prefix_hit_tokens_total: { kind: 'counter', help: "Prompt tokens found in the engine's own prefix cache.", labels: [] },
  baton_engine_external_hit_tokens_total: { kind: 'counter', help: 'Prompt tokens loaded from the arena.', labels: [] },
  baton_engine_preemptions_total: { kind: 'counter', help: 'Sequences that gave their pages up and were computed again.', labels: [] },
  baton_engine_attaches_total: { kind: 'counter', help: 'Attaches to the transfer service.', labels: [] },
  baton_engine_attach_failures_total: { kind: 'counter', help: 'Attaches refused or unanswered.', labels: [] },
  baton_engine_connector_errors_total: { kind: 'counter', help: 'Errors inside connector hooks; the request went on without Baton.', labels: ['hook'] },
  baton_engine_tickets_accepted_total: { kind: 'counter', help: 'Prefill tickets accepted.', labels: [] },
  baton_engine_tickets_landed_total: { kind: 'counter', help: 'Decode tickets found landed.', labels: [] },
  baton_engine_tickets_lost_total: { kind: 'counter', help: 'Tickets that ended early at this engine, by the code that told it.', labels: ['code'] },
  baton_engine_fills_total: { kind: 'counter', help: 'Chunks gathered, for a ticket or to keep.', labels: ['kind'] },
  baton_engine_fills_refused_total: { kind: 'counter', help: 'Fills not begun, by code.', labels: ['code'] },
  baton_engine_fills_failed_total: { kind: 'counter', help: 'Fills begun whose gather failed.', labels: [] },
  baton_engine_loads_total: { kind: 'counter', help: 'Claims loaded from the arena, whole or in part.', labels: [] },
  baton_engine_loads_failed_total: { kind: 'counter', help: 'Loads of which a part failed and was computed instead.', labels: [] },
  baton_engine_client_rpcs_total: { kind: 'counter', help: 'Round trips to the transfer service.', labels: [] },
  baton_engine_client_rpc_timeouts_total: { kind: 'counter', help: 'Round trips that were not answered in time.', labels: [] },
  baton_engine_client_gathered_bytes_total: { kind: 'counter', help: 'Bytes copied from pages to the arena.', labels: [] },
  baton_engine_client_scattered_bytes_total: { kind: 'counter', help: 'Bytes copied from the arena to pages.', labels: [] },
  baton_engine_client_digest_failures_total: { kind: 'counter', help: 'Stripes whose digest was wrong while loading.', labels: [] },
  baton_engine_client_late_messages_total: { kind: 'counter', help: 'Answers that came after their time-out.', labels: [] },
} as const satisfies MetricTable; // prettier-ignore

export type EngineMetrics = Metrics<typeof ENGINE_METRICS>;

/** Counters of the C ABI's client, by their name there. */
export const CLIENT_COUNTERS = [
  'rpcs', 'rpc_timeouts', 'gathered_bytes', 'scattered_bytes', 'digest_failures', 'late_messages',
] as const; // prettier-ignore
