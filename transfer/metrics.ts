// Metrics of the transfer service: the ledger's and the control streams' own, and the native counters read at each scrape.
import { createMetrics, type MetricEntry, type Metrics } from '#core/metrics.ts';
import type { NativeCounters } from './native.ts';

type Entry<K extends MetricEntry['kind']> = MetricEntry & { kind: K };
const counter = (help: string, ...labels: string[]): Entry<'counter'> => ({ kind: 'counter', help, labels });
const gauge = (help: string, ...labels: string[]): Entry<'gauge'> => ({ kind: 'gauge', help, labels });

/** Native counters by their name in BusCounters (ArenaStats prefixed `arena_`): gauges keep it (but for a _total that they may not have), counters end in _total. */
const NATIVE = {
  tickets_live: gauge('Tickets of the native table that have not ended'),
  tickets_opened: counter('Reservations granted as target'),
  tickets_expected: counter('Tickets granted as source'),
  tickets_refused: counter('Opens and Expects refused by the native bus'),
  tickets_landed: counter('Tickets whose chunks are all sealed at the target'),
  tickets_settled: counter('Tickets that ended well'),
  tickets_aborted: counter('Tickets that a router gave up'),
  tickets_expired: counter('Tickets whose lease ended'),
  tickets_failed: counter('Tickets that failed'),
  lane_bytes_out: counter('Bytes sent over lanes, frame heads included'),
  lane_bytes_in: counter('Bytes received over lanes, frame heads included'),
  lane_resets: counter('Lanes that ended without being closed'),
  lane_bad_frames: counter('Frames from a peer that broke the format'),
  lane_duplicates: counter('Runs received twice'),
  lane_discarded_bytes: counter('Payload bytes read and thrown away'),
  lane_hello_refused: counter('Lane hellos refused'),
  lanes_up: gauge('Lanes connected and proven'),
  runs_resent: counter('Runs sent again after wrong bytes or a lost lane'),
  stripes_wrong: counter('Stripes whose digest did not match after landing'),
  refused_unknown: counter('Messages of engines and lanes that name no known ticket'),
  refused_foreign: counter("Messages of engines and lanes that name another's ticket"),
  refused_ended: counter('Messages of engines and lanes that name an ended ticket'),
  late_messages: counter('Messages of engines and lanes that came too late, dropped'),
  sessions_up: gauge('Engines attached'),
  session_malformed: counter('Engine sessions ended for a broken message'),
  fills_begun: counter('Fills that engines began'),
  fills_full: counter('Fills refused for want of a slot'),
  claims: counter('Claims taken by engines'),
  corrupt_reported: counter('Chunks that a scatter found to be wrong'),
  arena_bytes_total: gauge('Chunk memory of the arena, bytes'),
  arena_bytes_used: gauge('Chunk memory in slots, bytes'),
  arena_bytes_pinned: gauge('Chunk memory in pinned slots, bytes'),
  arena_bytes_sealed: gauge('Chunk memory in sealed slots, bytes'),
  arena_slots_used: gauge('Slots in use'),
  arena_pins: gauge('Pins on slots'),
  arena_quiescing: gauge('Slots given up whose writer may still write'),
  arena_evictions: counter('Sealed chunks evicted for room'),
  arena_double_seals: counter('Chunks sealed although the arena held them already'),
} as const satisfies Record<string, MetricEntry>;

const OWN = {
  baton_transfer_routers_up: gauge('Routers with a welcomed control stream'),
  baton_transfer_hello_refused_total: counter('Control streams refused at their hello', 'reason'),
  baton_transfer_streams_cut_total: counter('Welcomed control streams that this service ended', 'reason'),
  baton_transfer_messages_refused_total: counter('Messages of routers that were refused', 'reason'),
  baton_transfer_messages_late_total: counter('Native records that came too late to mean anything, dropped'),
  baton_transfer_ledger_live: gauge('Tickets in the ledger that have not ended'),
  baton_transfer_reports_total: counter('Last words on tickets', 'role', 'state'),
  baton_transfer_reports_dropped_total: counter('Last words forgotten because their router stayed away'),
  baton_transfer_relists_total: counter('Times that cache events were lost and everything was listed again'),
  baton_transfer_draining: gauge('1 while the service drains'),
} as const satisfies Record<string, MetricEntry>;

type NativeName = keyof typeof NATIVE;
type NativeMetric = {
  [N in NativeName]: (typeof NATIVE)[N]['kind'] extends 'gauge'
    ? `baton_transfer_${N extends `${infer Stem}_total` ? Stem : N}`
    : `baton_transfer_${N}_total`;
}[NativeName];

const nameOf = (name: string, { kind }: MetricEntry): NativeMetric =>
  `baton_transfer_${name.replace(/_total$/, '')}${kind === 'counter' ? '_total' : ''}` as NativeMetric;

export const TRANSFER_METRICS = {
  ...OWN,
  ...(Object.fromEntries(
    Object.entries(NATIVE).map(([name, entry]) => [nameOf(name, entry), entry]),
  ) as Record<NativeMetric, MetricEntry>),
};

export type TransferMetrics = Metrics<typeof TRANSFER_METRICS>;

/** The metrics, with the native counters taken over before each scrape. */
export function createTransferMetrics(read: () => NativeCounters): TransferMetrics {
  const metrics = createMetrics(TRANSFER_METRICS);
  const seen = new Map<string, number>();
  metrics.beforeScrape(() => {
    const counters = read();
    for (const [name, entry] of Object.entries(NATIVE) as [NativeName, MetricEntry][]) {
      const value = counters[name];
      if (value === undefined) continue;
      const metric = nameOf(name, entry);
      if (entry.kind === 'gauge') metrics.set(metric, value);
      else metrics.add(metric, Math.max(0, value - (seen.get(name) ?? 0)));
      seen.set(name, value);
    }
  });
  return metrics;
}
