// A listener over node:http. Slow and oversized heads and bodies are bounded here; everything else is the handler's.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { BatonError, errorBody } from '#core/errors.ts';
import { LIMITS } from '#core/limits.ts';
import { OpenAnswers } from '#core/open-answers.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import type { Downstream, EdgeHandler, EdgeRequest, EdgeServer, Headers } from './contract.ts';

/** Listens and hands each request over; `start_failed` when the address cannot be bound. */
export async function createEdgeServer(
  host: string,
  port: number,
  handler: EdgeHandler,
): Promise<EdgeServer> {
  const answers = new OpenAnswers();
  const server = createServer(
    {
      noDelay: true,
      maxHeaderSize: LIMITS.headerBytesMax,
      headersTimeout: LIMITS.headersMs,
      requestTimeout: LIMITS.headersMs + LIMITS.bodyMs,
      keepAliveTimeout: ROUTER_LIMITS.clientIdleMs,
      connectionsCheckingInterval: ROUTER_LIMITS.slowCheckMs,
    },
    (request, response) => {
      answers.add(response);
      const exchange = new Exchange(request, response);
      handler(exchange, exchange);
    },
  );
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    refuseHead(error, socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new BatonError(
          'start_failed',
          `cannot listen on ${host}:${port} (${error.code ?? error.message}): free the address or choose another`,
          { cause: error },
        ),
      );
    });
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
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

/** A head that Node could not take never becomes a request; it still gets an answer of the table. */
function refuseHead(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const refusal =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new BatonError('headers_too_large')
      : new BatonError('invalid_json', 'The request is not HTTP/1.1, or did not arrive in time.');
  const body = errorBody(refusal);
  socket.end(
    `HTTP/1.1 ${refusal.entry.status} Refused\r\ncontent-type: application/json\r\nx-request-id: ${randomUUID()}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

// Up to here a body goes out with its head as one string in one write; as a buffer it would be a write of its own.
const ONE_WRITE_BYTES_MAX = 16 * 1024;

class Exchange implements EdgeRequest, Downstream {
  private readonly request: IncomingMessage;
  private readonly response: ServerResponse;
  readonly method: string;
  readonly path: string;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request;
    this.response = response;
    this.method = request.method ?? '';
    const url = request.url ?? '';
    const query = url.indexOf('?');
    this.path = query < 0 ? url : url.slice(0, query);
    // A broken connection shows as 'close'; without a listener the error itself would end the process.
    response.on('error', ignore);
  }

  get headers(): Headers {
    return this.request.headers;
  }

  get remoteAddress(): string {
    return this.request.socket.remoteAddress ?? '';
  }

  body(bytesMax: number, take: (bytes: number) => void): Promise<Buffer> {
    const { request } = this;
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      let refused = false;
      const refuse = (error: unknown): void => {
        refused = true;
        chunks.length = 0;
        reject(error instanceof Error ? error : new BatonError('internal'));
      };
      const declared = Number(request.headers['content-length'] ?? 0);
      if (declared > bytesMax) refuse(tooLarge(bytesMax));
      request.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (refused) {
          // Read on for a while, so that the client sees the answer instead of a reset.
          if (size > bytesMax + ROUTER_LIMITS.discardBytesMax) request.destroy();
          return;
        }
        if (size > bytesMax) {
          refuse(tooLarge(bytesMax));
          return;
        }
        try {
          take(chunk.length);
        } catch (error) {
          refuse(error);
          return;
        }
        chunks.push(chunk);
      });
      request.once('end', () => {
        if (!refused)
          resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size));
      });
      request.once('error', () => {
        if (!refused) refuse(new BatonError('client_closed'));
      });
    });
  }

  get headersSent(): boolean {
    return this.response.headersSent;
  }

  head(status: number, headers: string[]): void {
    if (!this.response.headersSent) this.response.writeHead(status, headers);
  }

  write(chunk: Uint8Array | string): boolean {
    const { response } = this;
    return response.write(chunk) || response.writableLength < LIMITS.relayBufferBytesMax;
  }

  onDrain(work: () => void): void {
    this.response.once('drain', work);
  }

  end(chunk?: Uint8Array | string): void {
    if (Buffer.isBuffer(chunk) && chunk.length <= ONE_WRITE_BYTES_MAX)
      this.response.end(chunk.toString('latin1'), 'latin1');
    else this.response.end(chunk);
    if (this.response.writableLength > 0) this.flushWithin(ROUTER_LIMITS.clientFlushMs);
  }

  /** What a client does not take of its answer's end is not held for ever. */
  private flushWithin(ms: number): void {
    const { response } = this;
    const timer = setTimeout(() => response.destroy(), ms);
    timer.unref();
    response.once('close', () => {
      clearTimeout(timer);
    });
  }

  destroy(): void {
    this.response.destroy();
  }

  onLeave(work: () => void): void {
    const { response } = this;
    response.once('close', () => {
      if (!response.writableFinished) work();
    });
  }
}

const ignore = (): void => undefined;

function tooLarge(bytesMax: number): BatonError {
  return new BatonError(
    'body_too_large',
    `The body exceeds ${bytesMax} bytes. Send less, or raise router.limits.body_bytes.`,
  );
}
