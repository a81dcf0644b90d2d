// The one coarse timer of all requests: deadlines, bounds of states and lease renewals. It runs only while requests do.
import type { Clock } from '#core/clock.ts';
import { BatonError } from '#core/errors.ts';
import { ROUTER_LIMITS } from './limits.ts';
import type { RequestContext } from './request.ts';
import { expire } from './step.ts';

export class Watch {
  private readonly clock: Clock;
  private readonly renew: (ctx: RequestContext) => void;
  private readonly leaseMs: number;
  private readonly live = new Set<RequestContext>();
  private ticking = false;

  constructor(clock: Clock, leaseMs: number, renew: (ctx: RequestContext) => void) {
    this.clock = clock;
    this.leaseMs = leaseMs;
    this.renew = renew;
  }

  /** Requests that have not ended. */
  get requests(): ReadonlySet<RequestContext> {
    return this.live;
  }

  add(ctx: RequestContext): void {
    this.live.add(ctx);
    if (this.ticking) return;
    this.ticking = true;
    this.clock.after(ROUTER_LIMITS.tickMs, this.tick);
  }

  remove(ctx: RequestContext): void {
    this.live.delete(ctx);
  }

  /** Ends every request that still runs. */
  cancelAll(error: BatonError): void {
    for (const ctx of [...this.live]) ctx.cancel.fire(error);
  }

  private readonly tick = (): void => {
    const now = this.clock.now();
    for (const ctx of this.live) {
      if (now >= ctx.deadline) ctx.cancel.fire(new BatonError('deadline_exceeded'));
      else if (now >= ctx.until) expire(ctx);
      if (ctx.attempt?.ticket != null && now >= ctx.renewAt) {
        ctx.renewAt = now + this.leaseMs / 3;
        this.renew(ctx);
      }
    }
    if (this.live.size > 0) this.clock.after(ROUTER_LIMITS.tickMs, this.tick);
    else this.ticking = false;
  };
}
