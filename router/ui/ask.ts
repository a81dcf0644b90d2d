// A question from the page: handed to the public listener's own handler as the request it is, so that its journey and placement are
// those of any client.
import { BatonError } from '#core/errors.ts';
import type { Downstream, EdgeHandler, EdgeRequest, Headers } from '../edge/contract.ts';
import { ROUTER_LIMITS } from '../limits.ts';

/** The public handler answers on `downstream`. */
export function ask(request: EdgeRequest, downstream: Downstream, toPublic: EdgeHandler): void {
  // A form of another page could send anything else.
  if (
    request.method === 'POST' &&
    !/^application\/json\s*(;|$)/i.test(String(request.headers['content-type']))
  )
    throw new BatonError('invalid_json', 'Send the body as content-type: application/json.');
  toPublic(new Question(request), downstream);
}

class Question implements EdgeRequest {
  readonly method: string;
  readonly path = '/v1/chat/completions';
  readonly headers: Headers;
  readonly remoteAddress: string;
  private readonly asked: EdgeRequest;

  constructor(asked: EdgeRequest) {
    const { headers, remoteAddress } = asked;
    const key = headers['x-baton-api-key'];
    // The bearer token that came is the admin key: no tenant's.
    this.headers = {
      'content-type': 'application/json',
      'x-baton-placement': headers['x-baton-placement'],
      authorization: typeof key === 'string' ? `Bearer ${key}` : undefined,
    };
    this.method = asked.method;
    this.remoteAddress = remoteAddress;
    this.asked = asked;
  }

  body(bytesMax: number, take: (bytes: number) => void): Promise<Buffer> {
    return this.asked.body(Math.min(bytesMax, ROUTER_LIMITS.askBytesMax), take);
  }
}
