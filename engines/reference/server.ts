// The engine's HTTP server: routes, request ids, bodies within their bound, errors as OpenAI shapes them.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { BatonError, errorBody, whereThrown } from '#core/errors.ts';
import { hex } from '#core/ids.ts';
import type { OpenAnswers } from '#core/open-answers.ts';
import { VERSION } from '#core/version.ts';
import { answer } from './api/answer.ts';
import { chatShape, readChat } from './api/chat.ts';
import { completionShape, readCompletion } from './api/completions.ts';
import { Fields, isObject } from './api/fields.ts';
import { digests, health, models, tokenize } from './api/info.ts';
import type { Engine } from './engine.ts';
import { ENGINE_LIMITS } from './limits.ts';

interface Call {
  engine: Engine;
  requestId: string;
  path: string;
  request: IncomingMessage;
  response: ServerResponse;
}
type Handler = (call: Call) => Promise<void> | void;

const routes: Readonly<Record<string, { method: 'GET' | 'POST'; handle: Handler }>> = {
  '/v1/chat/completions': {
    method: 'POST',
    async handle({ engine, request, response, requestId }) {
      const parsed = await readChat(await readFields(request), engine, requestId);
      await answer(response, engine, parsed, chatShape);
    },
  },
  '/v1/completions': {
    method: 'POST',
    async handle({ engine, request, response, requestId }) {
      const parsed = await readCompletion(await readFields(request), engine, requestId);
      await answer(response, engine, parsed, completionShape);
    },
  },
  '/tokenize': {
    method: 'POST',
    async handle({ engine, request, response }) {
      json(response, 200, await tokenize(await readFields(request), engine));
    },
  },
  '/v1/models': {
    method: 'GET',
    handle({ engine, response }) {
      json(response, 200, models(engine));
    },
  },
  '/health': {
    method: 'GET',
    handle({ engine, response }) {
      const { status, body } = health(engine);
      json(response, status, body);
    },
  },
  '/version': {
    method: 'GET',
    handle({ response }) {
      json(response, 200, { version: VERSION });
    },
  },
  '/metrics': {
    method: 'GET',
    async handle({ engine, response }) {
      const text = await engine.parts.metrics.expose();
      response.writeHead(200, { 'content-type': engine.parts.metrics.contentType }).end(text);
    },
  },
  '/debug/digests/': {
    method: 'GET',
    handle({ engine, response, path }) {
      json(response, 200, digests(engine, path.slice('/debug/digests/'.length).replaceAll('%3A', ':')));
    },
  },
};

/** For the head of a request, then for its body, and the pace at which slow ones are looked for, ms. */
export interface ServerBounds {
  headersMs: number;
  bodyMs: number;
  slowCheckMs: number;
}

export function createEngineServer(
  engine: Engine,
  answers: OpenAnswers,
  { headersMs, bodyMs, slowCheckMs }: ServerBounds = ENGINE_LIMITS,
): Server {
  const options = {
    headersTimeout: headersMs,
    requestTimeout: headersMs + bodyMs,
    connectionsCheckingInterval: slowCheckMs,
    maxHeaderSize: ENGINE_LIMITS.headerBytesMax,
  };
  return createServer(options, (request, response) => {
    answers.add(response);
    void serve(engine, request, response);
  });
}

async function serve(engine: Engine, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const sent = request.headers['x-request-id'];
  const requestId = typeof sent === 'string' && isRequestId(sent) ? sent : hex(engine.parts.random.bytes(16));
  response.setHeader('x-request-id', requestId);
  // A connection that breaks is seen by whoever writes to it.
  response.on('error', () => undefined);
  try {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const route = routes[path.startsWith('/debug/digests/') ? '/debug/digests/' : path];
    if (route === undefined) throw new BatonError('not_found');
    if (route.method !== request.method) {
      response.setHeader('allow', route.method);
      throw new BatonError('method_not_allowed');
    }
    await route.handle({ engine, requestId, path, request, response });
  } catch (error) {
    const known = BatonError.from(error);
    if (known.code === 'internal') {
      engine.parts.log.error({ request: requestId, error: whereThrown(error) }, 'request failed');
    }
    if (response.headersSent || response.destroyed) response.destroy();
    else refuse(response, known);
  }
}

function refuse(response: ServerResponse, error: BatonError): void {
  const { status, retryAfter } = error.entry;
  if (retryAfter) response.setHeader('retry-after', String(error.retryAfterSeconds ?? 1));
  // The rest of a body that is not read must not stand before the next request.
  if (error.code === 'body_too_large') response.setHeader('connection', 'close');
  const body = errorBody(error);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

function json(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

function isRequestId(text: string): boolean {
  return text.length <= ENGINE_LIMITS.requestIdCharsMax && /^[\w.:-]+$/.test(text);
}

async function readFields(request: IncomingMessage): Promise<Fields> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > ENGINE_LIMITS.bodyBytesMax) throw new BatonError('body_too_large');
      parts.push(part);
    }
  } catch (error) {
    throw BatonError.from(error, 'client_closed');
  }
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts)));
  } catch (error) {
    throw new BatonError('invalid_json', undefined, { cause: error });
  }
  if (!isObject(body)) throw new BatonError('invalid_json');
  return new Fields(body);
}
