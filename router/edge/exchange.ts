// One request and its answer over node:http.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BatonError } from '#core/errors.ts';
import { LIMITS } from '#core/limits.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import type { Downstream, EdgeRequest, Headers } from './contract.ts';

// Up to here a body goes out with its head as one string in one write; as a buffer it would be a write of its own.
const ONE_WRITE_BYTES_MAX = 16 * 1024;

export class Exchange implements EdgeRequest, Downstream {
  private readonly request: IncomingMessage;
  private readonly response: ServerResponse;
  readonly method: string;
  readonly path: string;
  /** The client sends its body when it is told to go on. */
  private readonly expects: boolean;
  /** Headers that every answer has, a flat list. */
  private readonly always: readonly string[];
  /** It is refused: what follows on its connection is not read. */
  last = false;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    expects: boolean,
    always: readonly string[],
  ) {
    this.request = request;
    this.response = response;
    this.expects = expects;
    this.always = always;
    this.method = request.method ?? '';
    const url = request.url ?? '';
    const query = url.indexOf('?');
    this.path = query < 0 ? url : url.slice(0, query);
    // A broken connection shows as 'close'; without a listener the error itself would end the process.
    response.on('error', ignore);
  }

  /** The whole answer is on its way. */
  get answered(): boolean {
    return this.response.writableEnded;
  }

  /** The whole body has arrived. */
  get arrived(): boolean {
    return this.request.complete;
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
      else if (this.expects) this.response.writeContinue();
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
    const { response, always } = this;
    if (response.headersSent) return;
    response.writeHead(status, always.length === 0 ? headers : [...headers, ...always]);
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
