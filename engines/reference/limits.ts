// Every bound of the reference engine that is not configuration, with its unit.

export const ENGINE_LIMITS = {
  /** Request body, bytes. */
  bodyBytesMax: 8 * 1024 * 1024,
  /** HTTP headers of a request, bytes. */
  headerBytesMax: 32 * 1024,
  /** Time for a client to send its headers, then its body, ms. */
  headersMs: 10_000,
  bodyMs: 60_000,
  /** Pace at which Node looks for slow headers and bodies, ms. */
  slowCheckMs: 2000,
  /** Prompts of one completion request. */
  promptsMax: 16,
  /** Choices per prompt. */
  choicesMax: 16,
  /** Sequences of one request: prompts × choices. */
  sequencesPerRequestMax: 64,
  /** Messages of one chat. */
  messagesMax: 4096,
  /** Stop strings, and the characters of one. */
  stopsMax: 16,
  stopCharsMax: 256,
  /** Characters of a request id or a cache salt. */
  requestIdCharsMax: 128,
  cacheSaltCharsMax: 256,
  /** Tokens and sequences of one step (native/src/base/limits.h of this engine). */
  stepTokensMax: 131_072,
  stepSequencesMax: 4096,
  /** Sequences that wait for admission. */
  waitingMax: 4096,
  /** Requests whose digests are kept (check mode). */
  digestRequestsKept: 256,
  /** One attach to the service, ms (it blocks the JavaScript thread). */
  attachTimeoutMs: 1000,
  /** Pause before the next attach: doubled from the first to the last, ms. */
  attachBackoffMinMs: 100,
  attachBackoffMaxMs: 5000,
  /** How often an idle engine asks for the progress of its tickets, ms. */
  ticketPollMs: 2,
  /** A decode leg waits this long for its ticket to land, then computes the prompt itself, ms. */
  ticketWaitMs: 60_000,
} as const;
