// What is in flight, and the bounds on it, shared fairly between tenants: requests, bytes of bodies, tokens.
import type { Clock } from '#core/clock.ts';
import { BatonError } from '#core/errors.ts';
import type { RouterSettings } from '#core/settings.ts';
import { FairBound } from './fair-bound.ts';

export class Admission {
  readonly requests: FairBound;
  readonly bytes: FairBound;
  readonly tokens: FairBound;
  draining = false;
  private idle: (() => void) | null = null;

  constructor(bounds: RouterSettings['limits'], clock: Clock) {
    this.requests = new FairBound(bounds.requests, clock);
    this.bytes = new FairBound(bounds.in_flight_bytes, clock);
    this.tokens = new FairBound(bounds.in_flight_tokens, clock);
  }

  /** Counts one request of the tenant in; `shutting_down` or `overloaded` instead. */
  enter(tenant: string): void {
    if (this.draining) throw new BatonError('shutting_down');
    take(this.requests, 'requests', tenant, 1);
  }

  takeBytes(tenant: string, bytes: number): void {
    take(this.bytes, 'bytes', tenant, bytes);
  }

  takeTokens(tenant: string, tokens: number): void {
    take(this.tokens, 'tokens', tenant, tokens);
  }

  leave(tenant: string, bytes: number, tokens: number): void {
    this.requests.give(tenant, 1);
    this.bytes.give(tenant, bytes);
    this.tokens.give(tenant, tokens);
    if (this.requests.used === 0) this.idle?.();
  }

  /** Admits nothing more; resolves when nothing is in flight. */
  async drain(): Promise<void> {
    this.draining = true;
    if (this.requests.used > 0) {
      await new Promise<void>((resolve) => {
        this.idle = resolve;
      });
    }
  }
}

function take(bound: FairBound, what: string, tenant: string, amount: number): void {
  if (bound.take(tenant, amount)) return;
  const why = bound.used + amount > bound.bound ? 'is reached' : 'leaves no more for this tenant now';
  throw new BatonError('overloaded', `The bound on ${what} in flight ${why}. Retry after the stated time.`, {
    retryAfterSeconds: bound.waitSeconds(tenant, amount),
  });
}
