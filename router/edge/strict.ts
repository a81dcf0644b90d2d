// What the listener refuses of HTTP that Node's parser takes: whatever two programs in a row may read in two ways, or that means
// something which is not done here.
import type { IncomingMessage } from 'node:http';
import { BatonError } from '#core/errors.ts';
import { ROUTER_LIMITS } from '../limits.ts';

/** Of these the first would count here and another one elsewhere. */
const ONCE: ReadonlySet<string> = new Set([
  'host', 'authorization', 'content-type', 'content-encoding', 'transfer-encoding', 'expect',
]); // prettier-ignore
const LENGTHS: ReadonlySet<number> = new Set([...ONCE].map((name) => name.length));

/** Why a request is not taken; null: it is. */
export function refusal(request: IncomingMessage): BatonError | null {
  const { rawHeaders, headers, httpVersion, url = '' } = request;
  if (rawHeaders.length >= 2 * ROUTER_LIMITS.headersMax) return new BatonError('headers_too_large');
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return invalid('Use HTTP/1.1.');
  if (!url.startsWith('/')) return invalid('The request target must be a path: this is no proxy.');
  const twice = doubled(rawHeaders);
  if (twice !== null) return invalid(`The header ${twice} stands twice. Send it once.`);
  if (httpVersion === '1.1' && headers.host === undefined) return invalid('The header host is missing.');
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && (httpVersion === '1.0' || coding.trim().toLowerCase() !== 'chunked'))
    return invalid('The only transfer-encoding is chunked, and in HTTP/1.0 there is none.');
  const { 'content-encoding': encoding = 'identity' } = headers;
  return encoding === 'identity' ? null : invalid('Send the body without content-encoding.');
}

function doubled(rawHeaders: readonly string[]): string | null {
  const seen: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (!LENGTHS.has(name.length)) continue;
    const lower = name.toLowerCase();
    if (!ONCE.has(lower)) continue;
    if (seen.includes(lower)) return lower;
    seen.push(lower);
  }
  return null;
}

export function invalid(message: string): BatonError {
  return new BatonError('invalid_http', message);
}
