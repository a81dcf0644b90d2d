// What is in flight, and the bounds on it: requests, bytes of bodies, tokens.
import { BatonError } from '#core/errors.ts';
import type { RouterSettings } from '#core/settings.ts';

export class Admission {
  private readonly bounds: RouterSettings['limits'];
  requests = 0;
  bytes = 0;
  tokens = 0;
  draining = false;
  private idle: (() => void) | null = null;

  constructor(bounds: RouterSettings['limits']) {
    this.bounds = bounds;
  }

  /** Counts one request in; `shutting_down` or `overloaded` instead. */
  enter(): void {
    if (this.draining) throw new BatonError('shutting_down');
    if (this.requests >= this.bounds.requests) throw full('requests');
    this.requests++;
  }

  takeBytes(bytes: number): void {
    if (this.bytes + bytes > this.bounds.in_flight_bytes) throw full('bytes');
    this.bytes += bytes;
  }

  takeTokens(tokens: number): void {
    if (this.tokens + tokens > this.bounds.in_flight_tokens) throw full('tokens');
    this.tokens += tokens;
  }

  leave(bytes: number, tokens: number): void {
    this.requests--;
    this.bytes -= bytes;
    this.tokens -= tokens;
    if (this.requests === 0) this.idle?.();
  }

  /** Admits nothing more; resolves when nothing is in flight. */
  async drain(): Promise<void> {
    this.draining = true;
    if (this.requests > 0) {
      await new Promise<void>((resolve) => {
        this.idle = resolve;
      });
    }
  }
}

function full(what: string): BatonError {
  return new BatonError(
    'overloaded',
    `The bound on ${what} in flight is reached. Retry after the stated time.`,
  );
}
