// The one table of errors: every code that a client, an operator or a peer can meet. docs/errors.md is checked
// against it. Messages say what to do; they never hold bodies, prompts or secrets.

export interface ErrorEntry {
  /** HTTP status where the error reaches a client, else 0. */
  status: number;
  /** OpenAI's error type. */
  type:
    | 'invalid_request_error'
    | 'authentication_error'
    | 'not_found_error'
    | 'rate_limit_error'
    | 'server_error';
  /** Whether the answer carries Retry-After. */
  retryAfter: boolean;
  /** Whether the router may place the request again (only before anything was sent downstream). */
  retryable: boolean;
  meaning: string;
}

const client = { type: 'invalid_request_error', retryAfter: false, retryable: false } as const;
const server = { type: 'server_error', retryAfter: false, retryable: true } as const;
const ticket = { status: 0, type: 'server_error', retryAfter: false, retryable: true } as const;

export const ERRORS = {
  // what a client can mend
  invalid_http: {
    ...client,
    status: 400,
    meaning:
      'The request is not strict HTTP/1.1, or asks what this listener does not do. Correct the client or the proxy before it.',
  },
  invalid_json: {
    ...client,
    status: 400,
    meaning: 'The body is not one JSON object in UTF-8. Send a JSON object.',
  },
  invalid_type: {
    ...client,
    status: 400,
    meaning: 'A field has a wrong type or is out of range. Correct the named field.',
  },
  duplicate_key: {
    ...client,
    status: 400,
    meaning: 'A field that the router reads stands twice in the body. Send it once.',
  },
  missing_field: { ...client, status: 400, meaning: 'A required field is missing. Add the named field.' },
  unsupported_parameter: {
    ...client,
    status: 400,
    meaning: 'A parameter is not supported here. Leave the named parameter out.',
  },
  context_length_exceeded: {
    ...client,
    status: 400,
    meaning: 'Prompt plus max_tokens exceed the model. Shorten the prompt or lower max_tokens.',
  },
  body_too_large: {
    ...client,
    status: 413,
    meaning: 'The body exceeds the configured size. Send less, or raise router.limits.body_bytes.',
  },
  request_timeout: {
    ...client,
    status: 408,
    meaning: 'The request did not arrive whole in time. Send headers and body without pauses.',
  },
  headers_too_large: {
    ...client,
    status: 431,
    meaning: 'The request headers exceed the bound. Send fewer or shorter headers.',
  },
  invalid_api_key: {
    ...client,
    status: 401,
    type: 'authentication_error',
    meaning: 'The API key belongs to no configured tenant. Send a valid key as a bearer token.',
  },
  invalid_admin_key: {
    ...client,
    status: 401,
    type: 'authentication_error',
    meaning:
      'This part of the admin listener needs the admin key. Send it as a bearer token; see router.admin.key_file.',
  },
  foreign_origin: {
    ...client,
    status: 403,
    meaning:
      'The request comes from a page of another origin, or by a name that this listener is not known by. See router.admin.hosts.',
  },
  model_not_found: {
    ...client,
    status: 404,
    type: 'not_found_error',
    meaning: 'No configured pool serves this model. Use a name that /v1/models lists.',
  },
  not_found: {
    ...client,
    status: 404,
    type: 'not_found_error',
    meaning: 'There is no such path or request.',
  },
  method_not_allowed: { ...client, status: 405, meaning: 'This path takes another method.' },
  client_closed: { ...client, status: 499, meaning: 'The client went away before the answer was complete.' },
  // what an operator or time can mend
  no_worker: {
    ...server,
    status: 503,
    retryAfter: true,
    retryable: false,
    meaning:
      'No healthy engine can serve this request now. Retry later; see /health/ready and baton_router_engines_up.',
  },
  overloaded: {
    ...server,
    status: 429,
    type: 'rate_limit_error',
    retryAfter: true,
    retryable: false,
    meaning:
      'A bound on requests, bytes or tokens in flight is reached, or the first token would come too late. Retry after the stated time.',
  },
  no_room: {
    ...server,
    status: 503,
    retryAfter: true,
    meaning:
      'No decode engine or arena has room for this prompt now, or will have in time. Retry after the stated time.',
  },
  shutting_down: {
    ...server,
    status: 503,
    retryAfter: true,
    retryable: false,
    meaning: 'This process drains before it stops. Retry; the load balancer will choose another.',
  },
  engine_unavailable: {
    ...server,
    status: 503,
    retryAfter: true,
    meaning:
      'An engine refused the request for now (503): it drains, or is not ready. Retry after the stated time.',
  },
  prefill_failed: {
    ...server,
    status: 502,
    meaning: 'The prefill engine failed before the prompt was computed.',
  },
  decode_failed: { ...server, status: 502, meaning: 'The decode engine failed before its first token.' },
  decode_interrupted: {
    ...server,
    status: 502,
    retryable: false,
    meaning:
      'The decode engine failed after its first token: the stream ends with an error event and no [DONE].',
  },
  transfer_failed: {
    ...server,
    status: 502,
    meaning: 'The KV transfer failed and could not be replaced by recomputation.',
  },
  upstream_refused: {
    ...server,
    status: 502,
    retryable: false,
    meaning: 'The engine refused the request; its own message follows.',
  },
  upstream_protocol: {
    ...server,
    status: 502,
    meaning: 'The engine answered something that is not the OpenAI protocol.',
  },
  deadline_exceeded: {
    ...server,
    status: 504,
    retryable: false,
    meaning: 'The request did not end within router.timeouts.request_ms.',
  },
  internal: {
    ...server,
    status: 500,
    retryable: false,
    meaning: 'A defect of Baton. The log has the details under the request id.',
  },
  // configuration and start-up
  bad_config: {
    status: 0,
    type: 'server_error',
    retryAfter: false,
    retryable: false,
    meaning: 'The configuration is wrong; the message names the key, the value and the fix.',
  },
  missing_dependency: {
    status: 0,
    type: 'server_error',
    retryAfter: false,
    retryable: false,
    meaning: 'Something that must be installed or built is missing; the message has the line to paste.',
  },
  start_failed: {
    status: 0,
    type: 'server_error',
    retryAfter: false,
    retryable: false,
    meaning:
      'A process could not start: an address in use, no memory, no permission. The message says which.',
  },
  // control stream
  hello_refused: {
    status: 0,
    type: 'server_error',
    retryAfter: false,
    retryable: true,
    meaning: 'Router and service do not share a cluster key, or speak other protocol versions.',
  },
  service_lost: {
    status: 0,
    type: 'server_error',
    retryAfter: false,
    retryable: true,
    meaning: 'The control stream to a transfer service ended.',
  },
  stale_incarnation: {
    status: 0,
    type: 'server_error',
    retryAfter: false,
    retryable: true,
    meaning: 'A message names an earlier life of a service; it was refused.',
  },
  // why a ticket was refused or has failed; the first letter-for-letter as Reason in native/src/base/types.h
  source_full: { ...ticket, meaning: 'The source arena had no slot when a chunk was to be gathered.' },
  target_full: { ...ticket, meaning: 'The target arena has no room for the prompt.' },
  too_large: { ...ticket, meaning: 'The prompt exceeds the share of the arena that one ticket may reserve.' },
  no_attachment: { ...ticket, meaning: 'No engine of that name and namespace is attached to the service.' },
  key_mismatch: {
    ...ticket,
    meaning:
      'Engine and router derive different keys: tokenizer, template or model differ. The request goes local.',
  },
  digest_mismatch: { ...ticket, meaning: 'Bytes stayed wrong after the bounded number of resends.' },
  lane_lost: { ...ticket, meaning: 'No lane to the peer within the bound.' },
  lane_refused: {
    ...ticket,
    meaning: 'The peer refused the hello of a lane: wrong cluster key, node or incarnation.',
  },
  engine_gone: { ...ticket, meaning: "The engine's session ended before the ticket did." },
  peer_failed: { ...ticket, meaning: 'The other end failed the ticket.' },
  fill_aborted: { ...ticket, meaning: 'The engine gave a fill up.' },
  unknown_ticket: { ...ticket, meaning: 'The service knows no such ticket.' },
  foreign_ticket: { ...ticket, meaning: 'The ticket names another engine or node.' },
  ended_ticket: { ...ticket, meaning: 'The ticket has ended already.' },
  duplicate_ticket: { ...ticket, meaning: 'The ticket id is in use.' },
  stopping: { ...ticket, meaning: 'The service drains or stops.' },
  malformed: { ...ticket, meaning: 'A message broke the wire format.' },
  busy: { ...ticket, meaning: 'A bound on concurrent tickets is reached.' },
  expired: { ...ticket, meaning: 'The lease of the ticket, or of the prefill engine’s blocks, ended.' },
  aborted: { ...ticket, meaning: 'The router gave the ticket up.' },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** Reasons by their number on native boundaries and lanes (native/src/base/types.h). */
export const REASONS = [
  'none', 'source_full', 'target_full', 'too_large', 'no_attachment', 'key_mismatch', 'digest_mismatch', 'lane_lost',
  'lane_refused', 'engine_gone', 'peer_failed', 'fill_aborted', 'unknown_ticket', 'foreign_ticket', 'ended_ticket',
  'duplicate_ticket', 'stopping', 'malformed', 'busy',
] as const; // prettier-ignore

export type Reason = (typeof REASONS)[number];

export interface BatonErrorOptions {
  cause?: unknown;
  /** The field of the request that is wrong. */
  param?: string;
  /** Seconds for Retry-After, when the thrower knows better than the default. */
  retryAfterSeconds?: number;
}

/** The one error class. Its message starts with the code, because most tools show only the message. */
export class BatonError extends Error {
  readonly code: ErrorCode;
  readonly rawMessage: string;
  readonly param: string | null;
  readonly retryAfterSeconds: number | null;

  constructor(code: ErrorCode, message: string = ERRORS[code].meaning, options: BatonErrorOptions = {}) {
    super(`[${code}] ${message}`, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'BatonError';
    this.code = code;
    this.rawMessage = message;
    this.param = options.param ?? null;
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }

  get entry(): ErrorEntry {
    return ERRORS[this.code];
  }

  /** The only way in from the outside: anything thrown becomes a BatonError. */
  static from(error: unknown, code: ErrorCode = 'internal'): BatonError {
    if (error instanceof BatonError) return error;
    const message = error instanceof Error ? error.message : 'unknown error';
    return new BatonError(code, code === 'internal' ? ERRORS.internal.meaning : message, { cause: error });
  }
}

/** OpenAI's error body. */
export function errorBody(error: BatonError): string {
  const { type } = error.entry;
  return JSON.stringify({ error: { message: error.rawMessage, type, param: error.param, code: error.code } });
}

/** What was thrown and where, for logs. A stack names files and lines; a message may quote a body, and stands before it. */
export function whereThrown(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'not an Error';
  const { name, message, stack = '' } = thrown.cause instanceof Error ? thrown.cause : thrown;
  const lines = stack.slice(stack.indexOf(message) + message.length).split('\n');
  return [name, ...lines.filter((line) => /^\s+at /.test(line)).slice(0, 8)].join(' ');
}
