// Every bound of the TypeScript side that is not configuration, with its unit. (Native bounds: native/src/base/limits.h.)

export const LIMITS = {
  /** Log lines held while they cannot be written, bytes; more are dropped. */
  logBytesMax: 1024 * 1024,
  /** x-baton-decision header, bytes. */
  decisionBytesMax: 4096,
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
  /** From the start of a control stream to its welcome, ms. */
  helloMs: 5000,
  /** Control streams whose hello is not finished, of one service. */
  hellosPendingMax: 64,
  /** From Open or Expect to its answer, ms. */
  grantMs: 3000,
  /** Silence on a control stream after which its other end is asked for a sign of life, and the time to give it, ms. */
  controlPingMs: 5000,
  controlPongMs: 3000,
  /** Wait before a lost control stream is dialled again, ms: doubles from the first to the second, with jitter. */
  redialMinMs: 50,
  redialMaxMs: 5000,
  /** Lease of a ticket, ms. */
  leaseMsMax: 86_400_000,
  /** Tokens of one chunk. */
  chunkTokensMax: 4096,
  /** A host name, characters. */
  hostCharsMax: 253,
  /** Ended tickets a service remembers, so that late messages are told so. */
  endedTicketsKeptMax: 4096,
  /** Last words kept for routers that are away, all routers of one service. */
  reportsKeptMax: 4096,
  /** Keys of one message of a listing. */
  listedKeysMax: 65_536,
  /** From the end of a drain to the forced end of tickets, streams and answers that nobody takes, ms. */
  stopMs: 500,
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
  /** Pace at which Node looks for slow headers and bodies, ms. */
  slowCheckMs: 2000,
  /** Nesting of a request body. */
  jsonDepthMax: 64,
  /** Prompt as a list of token ids, at most. */
  promptTokensMax: 1_048_576,
  /** Choices per request. */
  choicesMax: 16,
} as const;
