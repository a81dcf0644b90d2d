// Every bound and pace of the router that is neither configuration nor in core/limits.ts, with its unit.

export const ROUTER_LIMITS = {
  /** Pace of the one coarse timer: deadlines, watchdogs, lease renewals, ms. */
  tickMs: 100,
  /**
   * Health probe of an engine: pause between two, bound of one, and how many in a row make it count as down: failures, and
   * silences, more of them, since an engine's HTTP front may be starved by its own work while it serves what it has.
   */
  probeMs: 1000,
  probeTimeoutMs: 1000,
  probeFailuresMax: 2,
  probeSilencesMax: 5,
  /** Metrics of an engine without a service: pause between two reads, and while it tells nothing, bound of one, ms and bytes. */
  loadPollMs: 500,
  loadSilentMs: 5000,
  loadTimeoutMs: 1000,
  loadBytesMax: 4 * 1024 * 1024,
  /** What such an engine told last counts for so long, ms. */
  loadStaleMs: 5000,
  /** KV events of engines: bytes of one message, tokens, blocks of one event and tokens of one block. */
  eventBytesMax: 16 * 1024 * 1024,
  eventTokensMax: 1_048_576,
  eventBlocksMax: 65_536,
  blockTokensMax: 4096,
  /** Blocks known of one cache; more and all is forgotten. */
  cacheBlocksMax: 524_288,
  /** Messages held while a replay runs; messages of one replay, their bytes together, and the bound of one, ms. */
  eventsHeldMax: 10_000,
  replayMessagesMax: 20_000,
  replayBytesMax: 256 * 1024 * 1024,
  replayMs: 10_000,
  /** Of `baton doctor`: one question to a worker, /server_info, the answer to a probe, the wait for events and its steps, ms. */
  doctorAskMs: 5000,
  doctorServerInfoMs: 10_000,
  doctorProbeMs: 10_000,
  doctorListenMs: 2000,
  doctorPauseMs: 20,
  /** Bytes of one answer, models of one engine, first blocks kept of one engine, characters of a probe's prompt. */
  doctorBytesMax: 8 * 1024 * 1024,
  doctorModelsMax: 256,
  doctorBlocksMax: 4096,
  doctorPromptChars: 1024,
  /** From a question to an engine's /tokenize to its answer, ms. */
  tokenizeMs: 2000,
  /** To render one prompt, whoever does it, ms. */
  renderMs: 20_000,
  /** What ends a wait by itself has this much longer than its own bound, ms. */
  graceMs: 1000,
  /** Idle connections are kept this long, to clients and to engines, ms. */
  clientIdleMs: 75_000,
  engineIdleMs: 10_000,
  /** A client that takes nothing of the end of its answer for so long is cut, ms. */
  clientFlushMs: 60_000,
  /** Headers of one request; connections of one listener. */
  headersMax: 200,
  clientConnectionsMax: 16_384,
  /** Body of a refused request read and thrown away, bytes; then the connection ends. */
  discardBytesMax: 16 * 1024 * 1024,
  /** Retry-After where nobody knows better, and at most, s. */
  retryAfterSeconds: 1,
  retryAfterMaxSeconds: 60,
  /** What a tenant asked for in this window or the one before is kept for it, up to its share, ms. */
  shareWindowMs: 5000,
  /** Output tokens counted against a decode engine's room when the request names no bound. */
  outputTokensAssumed: 256,
  /** Body bytes per token where the prompt was not rendered. */
  bytesPerTokenAssumed: 4,
  /** Retries that reach an engine, as a share of the requests; and how many may be saved up. */
  retryShare: 0.2,
  retriesSavedMax: 50,
  /** Attempts of one request whose reservation was refused, so that no engine saw them. */
  unsentAttemptsMax: 8,
  /** Roots kept, one per tenant and namespace. */
  rootsKeptMax: 4096,
  /** Prompts per request, stop strings per request. */
  promptsMax: 64,
  stopsMax: 16,
  /** Bytes of a client's request id and of its cache salt. */
  requestIdBytesMax: 128,
  cacheSaltBytesMax: 1024,
  /** Key mismatches in a row until rendering is off for a model; for how long the first time, doubling up to the last, ms. */
  keyMismatchesMax: 3,
  renderingOffMinMs: 60_000,
  renderingOffMaxMs: 3_600_000,
  /** Tickets whose reports are awaited after their request ended, and for how long, ms. */
  ticketsKeptMax: 8192,
  reportWaitMs: 30_000,
  /** Streams of one request that began after the lease of what they were computed from, until it is placed local. */
  leasesMissedMax: 2,
  /** Uncached tokens that a leg must have for its time to count as a prefill rate. */
  rateTokensMin: 128,
  /** Bytes that a ticket must have moved for its times to count as a transfer rate. */
  rateBytesMin: 1024 * 1024,
  /** Weight of a new measurement; of one answer, whose length is chance. */
  rateWeight: 0.3,
  decodeWeight: 0.05,
  /** How much of a first token's lateness beyond what was allowed for is taken over; and of its being early. */
  lateWeight: 0.3,
  earlyWeight: 0.003,
  /** Share of the bound of first tokens that predictions must stay below it by, at least and at most. */
  keptShareMin: 0.1,
  keptShareMax: 0.5,
  /** What an engine did last says for so long how quick it is; after that, and with nothing to do, it is tried, ms. */
  rateTrustMs: 10_000,
  /** Transfer rates kept, one per target node. */
  rateNodesMax: 1024,
  /** What one running sequence of a decode engine is taken to add to the first token, ms. Chosen, not measured. */
  runningCostMs: 1,
  /**
   * Share of its prefill time that a local prompt is charged for the sequences that wait on its decode engine meanwhile. Chosen,
   * not measured: it depends on the engine's batching and on what a late token is worth to those who wait.
   */
  interference: 0.5,
  /** Candidates shown in an explanation. */
  candidatesShownMax: 16,
  /** Names of chunks kept per journey. */
  chunksShownMax: 256,
  /** Of the page: pause between two samples of its series, ms, and how many are kept; requests listed; bytes of a question. */
  sampleMs: 2000,
  samplesKept: 450,
  requestsListedMax: 60,
  askBytesMax: 1024 * 1024,
} as const;

/** Retry-After for a wait of `ms`: whole seconds, at least one, within the bound. */
export const retryAfterSeconds = (ms: number): number =>
  Math.min(Math.max(1, Math.ceil(ms / 1000)), ROUTER_LIMITS.retryAfterMaxSeconds);
