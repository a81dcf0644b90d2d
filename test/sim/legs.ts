// The router's edge towards engines, in memory: the shipped contract (router/edge/contract.ts) over streams of the simulated network.
import type { Headers, Leg, LegHandler, LegRequest, Upstream } from '#router/edge/contract.ts';
import type { Network, Stream } from './network.ts';
import type { Process } from './process.ts';

/** What an engine sees of one leg. */
export interface Exchange {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
  head(status: number, contentType: string): void;
  /** Resolves when the reader is not behind any more, or gone. */
  write(text: string): Promise<void>;
  end(): void;
  /** Breaks the connection. */
  cut(): void;
  onClose(work: () => void): void;
}

/** Who listens at an engine's address. */
export interface Listener {
  readonly process: Process;
  handle(exchange: Exchange): void;
  health(): number;
}

const WINDOW = 4;

export class MemoryUpstream implements Upstream {
  readonly #network: Network;
  readonly #router: Process;
  readonly #connectMs: number;
  readonly #at: (origin: string) => { node: string; listener: () => Listener | null };
  readonly #sending: (request: string) => void;

  constructor(
    network: Network,
    router: Process,
    connectMs: number,
    at: (origin: string) => { node: string; listener: () => Listener | null },
    sending: (request: string) => void,
  ) {
    this.#network = network;
    this.#router = router;
    this.#connectMs = connectMs;
    this.#at = at;
    this.#sending = sending;
  }

  send(origin: string, request: LegRequest, handler: LegHandler): Leg {
    this.#sending(request.headers['x-request-id'] ?? '');
    const leg = new MemoryLeg(this.#network, request, handler);
    this.#connect(origin, (stream, listener) => {
      leg.connected(stream, listener);
    });
    return leg;
  }

  probe(origin: string, _path: string, timeoutMs: number): Promise<number | null> {
    return new Promise((resolve, reject) => {
      const timer = this.#router.clock.after(timeoutMs, () => { resolve(null); }); // prettier-ignore
      this.#connect(origin, (stream, listener) => {
        if (stream === null || listener === null) {
          timer.cancel();
          reject(new Error('ECONNREFUSED'));
          return;
        }
        stream.lost.a = () => { timer.cancel(); reject(new Error('ECONNRESET')); }; // prettier-ignore
        stream.send('b', () => {
          const status = listener.health();
          stream.send('a', () => {
            timer.cancel();
            stream.close('a');
            resolve(status);
          });
        });
      });
    });
  }

  read(): Promise<never> {
    return Promise.reject(new Error('no engine here has pages'));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #connect(origin: string, told: (stream: Stream | null, listener: Listener | null) => void): void {
    const { node, listener } = this.#at(origin);
    let found: Listener | null = null;
    this.#network.connect(
      this.#router,
      node,
      () => (found = listener())?.process ?? null,
      this.#connectMs,
      (stream) => {
        if (stream !== null) stream.kind = 'leg';
        told(stream, found);
      },
    );
  }
}

class MemoryLeg implements Leg {
  readonly #network: Network;
  readonly #request: LegRequest;
  #handler: LegHandler | null;
  #stream: Stream | null = null;
  #answered = false;
  #paused = false;
  #held: (() => void)[] = [];

  constructor(network: Network, request: LegRequest, handler: LegHandler) {
    this.#network = network;
    this.#request = request;
    this.#handler = handler;
  }

  abort(): void {
    this.#handler = null;
    this.#held = [];
    this.#stream?.close('a', 'aborted');
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    while (!this.#isPaused() && this.#held.length > 0) this.#held.shift()?.();
  }

  // Work that resumes may pause again; the compiler does not see that.
  #isPaused(): boolean {
    return this.#paused;
  }

  connected(stream: Stream | null, listener: Listener | null): void {
    if (stream === null || listener === null) {
      this.#fail('ECONNREFUSED', false);
      return;
    }
    if (this.#handler === null) {
      stream.close('a', 'aborted');
      return;
    }
    this.#stream = stream;
    stream.lost.a = (reason) => {
      const fail = (): void => { this.#fail('ECONNRESET', true); }; // prettier-ignore
      // An end in order comes after all that was sent; a reset may overtake it.
      if (reason === 'ended') this.#take(fail);
      else fail();
    };
    const { path, headers, body } = this.#request;
    const text = Buffer.from(body, 'latin1').toString('utf8');
    stream.send('b', () => { listener.handle(this.#exchange(stream, path, headers, text)); }); // prettier-ignore
  }

  #fail(reason: string, sent: boolean): void {
    this.#held = [];
    const handler = this.#handler;
    this.#handler = null;
    handler?.failed({ reason, sent, answered: this.#answered });
  }

  #take(work: () => void): void {
    if (this.#paused) this.#held.push(work);
    else work();
  }

  #exchange(stream: Stream, path: string, headers: Record<string, string>, body: string): Exchange {
    const { chance } = this.#network;
    let waiting: (() => void)[] = [];
    let behind = 0;
    let closed = false;
    let told: () => void = () => undefined;
    const wake = (): void => {
      const all = waiting;
      waiting = [];
      for (const resolve of all) resolve();
    };
    stream.lost.b = () => {
      closed = true;
      wake();
      told();
    };
    const piece = (bytes: Buffer): void => {
      behind++;
      stream.send('a', () => {
        this.#take(() => {
          behind--;
          stream.end('b').deliver(wake);
          this.#handler?.data(bytes);
        });
      });
    };
    return {
      path,
      headers,
      body,
      head: (status, contentType) => {
        stream.answering = contentType === 'text/event-stream';
        stream.send('a', () => {
          this.#take(() => {
            this.#answered = true;
            const given: Headers = { 'content-type': contentType };
            this.#handler?.head(status, given);
          });
        });
      },
      write: async (text) => {
        const bytes = Buffer.from(text, 'utf8');
        const at = chance.chance(0.1) ? chance.whole(1, bytes.length - 1) : bytes.length;
        piece(bytes.subarray(0, at));
        if (at < bytes.length) piece(bytes.subarray(at));
        while (behind >= WINDOW && !closed) await new Promise<void>((resolve) => waiting.push(resolve));
      },
      end: () => {
        stream.send('a', () => {
          this.#take(() => {
            const handler = this.#handler;
            this.#handler = null;
            handler?.end();
          });
        });
        closed = true;
        stream.close('b');
      },
      cut: () => { stream.cut('reset'); }, // prettier-ignore
      onClose: (work) => { told = work; }, // prettier-ignore
    };
  }
}
