// How an error reaches a client: its status and OpenAI's body before the head went out, an SSE event after.
import { BatonError, ERRORS, errorBody, type ErrorCode } from '#core/errors.ts';
import { planted } from '#planted';
import type { Downstream, EngineAnswer } from '../edge/contract.ts';
import { ROUTER_LIMITS } from '../limits.ts';

const FULL: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['source_full', 'target_full', 'too_large', 'busy']);

/** After these the connection is closed: what is left of the request, or the next one, is not read. */
const LAST: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'shutting_down', 'body_too_large', 'request_timeout', 'invalid_http', 'headers_too_large',
]); // prettier-ignore

/** Tickets end for reasons that have no status; a client is told what it means for its request. */
export function clientError(error: BatonError): BatonError {
  if (error.entry.status !== 0) return error;
  if (FULL.has(error.code)) return new BatonError('no_room', ERRORS.no_room.meaning, { cause: error });
  return new BatonError('transfer_failed', `${ERRORS.transfer_failed.meaning} (${error.code})`, {
    cause: error,
  });
}

/** Answers an error; `extra` is a flat list of headers. Only before the head went out. */
export function answerError(
  to: Downstream,
  id: string,
  error: BatonError,
  extra: readonly string[] = [],
): void {
  const { status, retryAfter } = error.entry;
  const body = errorBody(error);
  const headers = [
    'content-type',
    'application/json',
    'content-length',
    String(Buffer.byteLength(body)),
    'x-request-id',
    id,
    ...extra,
  ];
  if (retryAfter)
    headers.push('retry-after', String(error.retryAfterSeconds ?? ROUTER_LIMITS.retryAfterSeconds));
  if (LAST.has(error.code)) headers.push('connection', 'close');
  to.head(status === 0 ? 500 : status, headers);
  to.end(body);
}

/** Ends an event stream that cannot be completed: an error event, and no [DONE]. */
export function endStreamWithError(to: Downstream, error: BatonError): void {
  to.end(planted('done_after_error') ? 'data: [DONE]\n\n' : `data: ${errorBody(error)}\n\n`);
}

/** Relays what an engine answered, as it is. */
export function answerAsEngine(
  to: Downstream,
  id: string,
  answer: EngineAnswer,
  extra: readonly string[] = [],
): void {
  to.head(answer.status, [
    'content-type', answer.contentType, 'content-length', String(answer.body.length), 'x-request-id', id, ...extra,
  ]); // prettier-ignore
  to.end(answer.body);
}
