// A listener over node:http. Slow and oversized heads and bodies, and HTTP that is not strict, are refused here; everything else is
// the handler's.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { BatonError, errorBody, type ErrorCode } from '#core/errors.ts';
import { LIMITS } from '#core/limits.ts';
import { OpenAnswers } from '#core/open-answers.ts';
import { answerError } from '../api/errors.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import type { EdgeHandler, EdgeServer } from './contract.ts';
import { Exchange } from './exchange.ts';
import { invalid, refusal } from './strict.ts';

export interface EdgeBounds {
  /** For the head of a request, then for its body, and the pace at which slow ones are looked for, ms. */
  headersMs: number;
  bodyMs: number;
  slowCheckMs: number;
  /** Connections at a time; more are dropped. */
  connections: number;
}

const BOUNDS: EdgeBounds = {
  headersMs: LIMITS.headersMs,
  bodyMs: LIMITS.bodyMs,
  slowCheckMs: LIMITS.slowCheckMs,
  connections: ROUTER_LIMITS.clientConnectionsMax,
};

/** What is being answered on a connection, or was last. */
const CURRENT = Symbol('current exchange');
interface Seat extends Socket {
  [CURRENT]?: Exchange;
}

/**
 * Listens and hands each request over; `start_failed` when the address cannot be bound. `always`: a flat list of headers that every
 * answer of the handler has.
 */
export async function createEdgeServer(
  host: string,
  port: number,
  handler: EdgeHandler,
  bounds: EdgeBounds = BOUNDS,
  always: readonly string[] = [],
): Promise<EdgeServer> {
  const { headersMs, bodyMs, slowCheckMs, connections } = bounds;
  const answers = new OpenAnswers();
  const server = createServer({
    noDelay: true,
    maxHeaderSize: LIMITS.headerBytesMax,
    headersTimeout: headersMs,
    // A little later than whoever reads the body gives it up, with an answer.
    requestTimeout: headersMs + bodyMs,
    keepAliveTimeout: ROUTER_LIMITS.clientIdleMs,
    connectionsCheckingInterval: slowCheckMs,
    requireHostHeader: false,
  });
  server.maxHeadersCount = ROUTER_LIMITS.headersMax;
  server.maxConnections = connections;
  const take = (request: IncomingMessage, response: ServerResponse, expects: boolean): void => {
    answers.add(response);
    const exchange = new Exchange(request, response, expects, always);
    const error = seated(request.socket, exchange) ?? refusal(request);
    if (error === null) handler(exchange, exchange);
    else answerLast(exchange, error);
  };
  server.on('request', (request, response) => { take(request, response, false); }); // prettier-ignore
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    take(request, response, true);
  });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const exchange = new Exchange(request, response, false, always);
    const error = seated(request.socket, exchange) ?? invalid('Nothing but 100-continue may be expected.');
    answerLast(exchange, error);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ECONNRESET') socket.destroy();
    else refuse(socket, new BatonError(codeOf(error)));
  });
  // From here on the socket is nobody's but ours.
  server.on('connect', (_, socket: Socket) => {
    socket.on('error', () => undefined);
    refuse(socket, invalid('This is no proxy.'));
  });
  const bound = await listen(server, host, port);
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    flushed: (ms, clock) => answers.taken(ms, clock),
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new BatonError(
          'start_failed',
          `cannot listen on ${host}:${port} (${error.code ?? error.message}): free the address or choose another`,
          { cause: error },
        ),
      );
    });
    server.listen(port, host, () => {
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/**
 * One request of a connection at a time. Behind one that is not answered yet the next gets its refusal, in its turn, and whoever sends
 * still more is cut: answers that wait for each other would hold engines for a client that may have left unseen.
 */
function seated(socket: Seat, exchange: Exchange): BatonError | null {
  const before = socket[CURRENT];
  socket[CURRENT] = exchange;
  if (before === undefined || (before.answered && !before.last)) return null;
  if (before.last) cut(socket, before);
  return invalid('Send the next request when the one before is answered.');
}

function answerLast(exchange: Exchange, error: BatonError): void {
  exchange.last = true;
  answerError(exchange, randomUUID(), error);
}

function codeOf({ code }: NodeJS.ErrnoException): ErrorCode {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large';
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request_timeout' : 'invalid_http';
}

/** What never became a request, or the body of one that has begun: it still gets an answer of the table, unless it has one. */
function refuse(socket: Seat, error: BatonError): void {
  const current = socket[CURRENT];
  if (!socket.writable || (current !== undefined && !mayAnswer(current))) {
    cut(socket, current);
    return;
  }
  const body = errorBody(error);
  socket.end(
    `HTTP/1.1 ${error.entry.status} Refused\r\ncontent-type: application/json\r\nx-request-id: ${randomUUID()}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
  cutLater(socket);
}

/** Another answer would neither stand within one that is under way nor follow the last one, or one to the same request. */
function mayAnswer({ answered, arrived, headersSent, last }: Exchange): boolean {
  return answered ? arrived && !last : !arrived && !headersSent;
}

/** An answer that has been given still goes out. */
function cut(socket: Socket, current: Exchange | undefined): void {
  if (current?.answered !== true) {
    socket.destroy();
    return;
  }
  socket.destroySoon();
  cutLater(socket);
}

/** Whoever does not close its end has its answer by then. */
function cutLater(socket: Socket): void {
  setTimeout(() => socket.destroy(), ROUTER_LIMITS.graceMs).unref();
}
