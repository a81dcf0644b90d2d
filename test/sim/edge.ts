// One client's request at the router, in memory: the shipped edge contract (router/edge/contract.ts) over a stream of the network.
import { BatonError } from '#core/errors.ts';
import type { Downstream, EdgeRequest, Headers } from '#router/edge/contract.ts';
import type { Stream } from './network.ts';

/** What the client is told; in order. */
export interface Reader {
  head(status: number, headers: ReadonlyMap<string, string>): void;
  /** `taken` when it has read them. */
  data(text: string, taken: () => void): void;
  end(): void;
}

// Pieces on their way to a client before the router is told to wait.
const WAITING_MAX = 3;

export class MemoryExchange implements EdgeRequest, Downstream {
  readonly method = 'POST';
  readonly path = '/v1/completions';
  readonly headers: Headers;
  readonly remoteAddress = '127.0.0.1';
  headersSent = false;
  readonly #stream: Stream;
  readonly #reader: Reader;
  #head: { status: number; headers: ReadonlyMap<string, string> } | null = null;
  #waiting = 0;
  #finished = false;
  #left = false;
  #drain: (() => void) | null = null;
  #leave: (() => void) | null = null;
  readonly #pieces: Buffer[] = [];
  #whole = false;
  #feed: (() => void) | null = null;

  constructor(stream: Stream, headers: Headers, reader: Reader) {
    this.#stream = stream;
    this.headers = headers;
    this.#reader = reader;
    stream.lost.b = () => {
      this.#left = true;
      this.#feed?.();
      if (!this.#finished) this.#leave?.();
    };
  }

  // ---- the request's body, as it arrives at the router ----

  arrived(piece: Buffer, last: boolean): void {
    this.#pieces.push(piece);
    this.#whole = last;
    this.#feed?.();
  }

  body(bytesMax: number, take: (bytes: number) => void): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let read = 0;
      let size = 0;
      this.#feed = () => {
        try {
          for (; read < this.#pieces.length; read++) {
            const bytes = this.#pieces[read]?.length ?? 0;
            size += bytes;
            if (size > bytesMax) throw new BatonError('body_too_large');
            take(bytes);
          }
          if (this.#left && !this.#whole) throw new BatonError('client_closed');
        } catch (error) {
          this.#feed = null;
          reject(BatonError.from(error));
          return;
        }
        if (!this.#whole) return;
        this.#feed = null;
        resolve(Buffer.concat(this.#pieces));
      };
      this.#feed();
    });
  }

  // ---- the answer ----

  head(status: number, headers: string[]): void {
    if (this.headersSent) return;
    this.headersSent = true;
    const named = new Map<string, string>();
    for (let i = 0; i + 1 < headers.length; i += 2) named.set(headers[i] ?? '', headers[i + 1] ?? '');
    this.#head = { status, headers: named };
  }

  write(chunk: Uint8Array | string): boolean {
    this.#send(Buffer.from(chunk as string).toString('utf8'));
    return this.#waiting < WAITING_MAX;
  }

  onDrain(work: () => void): void {
    this.#drain = work;
  }

  end(chunk?: Uint8Array | string): void {
    if (this.#finished) return;
    if (chunk !== undefined) this.#send(Buffer.from(chunk as string).toString('utf8'));
    this.#sendHead();
    this.#finished = true;
    this.#stream.send('a', () => { this.#reader.end(); }); // prettier-ignore
    this.#stream.close('b');
  }

  destroy(): void {
    this.#finished = true;
    this.#stream.cut('destroyed');
  }

  onLeave(work: () => void): void {
    this.#leave = work;
    if (this.#left) work();
  }

  #send(text: string): void {
    if (this.#left || this.#finished) return;
    this.#sendHead();
    this.#waiting++;
    const taken = (): void => {
      this.#stream.end('b').deliver(() => {
        this.#waiting--;
        if (this.#waiting >= WAITING_MAX) return;
        const drain = this.#drain;
        this.#drain = null;
        drain?.();
      });
    };
    this.#stream.send('a', () => { this.#reader.data(text, taken); }); // prettier-ignore
  }

  #sendHead(): void {
    const head = this.#head;
    if (head === null) return;
    this.#head = null;
    this.#stream.send('a', () => { this.#reader.head(head.status, head.headers); }); // prettier-ignore
  }
}
