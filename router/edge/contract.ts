// The HTTP edge as the rest of the router sees it: a request record in, legs out, bytes relayed with back-pressure and
// abort. node:http and undici stand behind it.
import type { Clock } from '#core/clock.ts';
import type { BatonError } from '#core/errors.ts';

export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** A client's request; names of headers are lower case. */
export interface EdgeRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly headers: Headers;
  readonly remoteAddress: string;
  /**
   * Reads the body whole. Rejects with `body_too_large` beyond `bytesMax`, with `client_closed` when the client leaves,
   * and with what `take` throws: it is told of bytes before they are held.
   */
  body(bytesMax: number, take: (bytes: number) => void): Promise<Buffer>;
}

/** The way back to the client. Nothing throws after the client has left. */
export interface Downstream {
  readonly headersSent: boolean;
  /** Head of the answer; `headers` is a flat list of names and values. Goes out with the first bytes. */
  head(status: number, headers: string[]): void;
  /** False: more waits for the client than the bound; pause until `onDrain`. */
  write(chunk: Uint8Array | string): boolean;
  onDrain(work: () => void): void;
  end(chunk?: Uint8Array | string): void;
  /** Cuts the connection: the answer cannot be completed. */
  destroy(): void;
  /** The client left before the answer's end. One listener. */
  onLeave(work: () => void): void;
}

export type EdgeHandler = (request: EdgeRequest, downstream: Downstream) => void;

export interface EdgeServer {
  readonly url: string;
  /** Resolves when the answers that are open now are with their clients, at the latest after `ms`. */
  flushed(ms: number, clock: Clock): Promise<void>;
  /** Ends everything at once. */
  close(): Promise<void>;
}

export interface LegRequest {
  path: string;
  headers: Record<string, string>;
  /** Its bytes as latin1. */
  body: string;
}

/** What a leg tells; after `end` or `failed` nothing follows. */
export interface LegHandler {
  head(status: number, headers: Headers): void;
  data(chunk: Buffer): void;
  end(): void;
  /** `sent`: the request may have reached the engine; `answered`: a head came before. */
  failed(failure: { reason: string; sent: boolean; answered: boolean }): void;
}

/** One request from router to engine. */
export interface Leg {
  /** Closes it; nothing more is told to its handler. */
  abort(): void;
  pause(): void;
  resume(): void;
}

export interface Upstream {
  send(origin: string, request: LegRequest, handler: LegHandler): Leg;
  /** Status of a GET without a body; null when there is none in time; rejects when the engine can't be reached. */
  probe(origin: string, path: string, timeoutMs: number): Promise<number | null>;
  /** A GET's answer; rejects when there is none in time, or when its body exceeds the bound. */
  read(
    origin: string,
    path: string,
    timeoutMs: number,
    bytesMax: number,
  ): Promise<{ status: number; body: Buffer }>;
  close(): Promise<void>;
}

/** An answer of an engine that is relayed as it is. */
export interface EngineAnswer {
  status: number;
  contentType: string;
  body: Buffer;
}

export type Fail = (error: BatonError) => void;
