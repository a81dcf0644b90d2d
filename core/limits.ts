// Every bound of the TypeScript side that is not configuration, with its unit. (Native bounds: native/src/base/limits.h.)

export const LIMITS = {
  /** x-baton-decision header, bytes. */
  decisionBytesMax: 4096,
  /** Journeys kept for /debug/requests/ID. */
  journeysKeptMax: 1024,
  /** Keys in the router's index, all models. */
  indexKeysMax: 2_000_000,
  /** Chunks of one ticket. */
  chunksPerTicketMax: 16_384,
  /** Live tickets of one router at one service. */
  ticketsPerStreamMax: 8192,
  /** Router streams of one service. */
  streamsMax: 64,
  /** Messages of one batch on the control stream. */
  batchMessagesMax: 4096,
  /** Bytes of one batch on the control stream. */
  batchBytesMax: 16 * 1024 * 1024,
  /** Unsent bytes to a router that does not read, then its stream is cut. */
  streamBufferBytesMax: 64 * 1024 * 1024,
  /** First SSE event of an engine, bytes. */
  firstEventBytesMax: 1024 * 1024,
  /** Answer of a prefill leg, bytes. */
  legAnswerBytesMax: 1024 * 1024,
  /** Bytes held for a slow client per stream before reading from the engine pauses. */
  relayBufferBytesMax: 256 * 1024,
  /** HTTP headers of a request, bytes. */
  headerBytesMax: 32 * 1024,
  /** Time for a client to send its headers, then its body, ms. */
  headersMs: 10_000,
  bodyMs: 60_000,
  /** Nesting of a request body. */
  jsonDepthMax: 64,
  /** Prompt as a list of token ids, at most. */
  promptTokensMax: 1_048_576,
  /** Choices per request. */
  choicesMax: 16,
} as const;
