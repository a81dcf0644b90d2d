// A bound that tenants share. Whoever is alone may use all of it. Where others are about, what they have lately asked for, up to an
// equal share each, is kept for them: nobody's requests wait for a neighbour's.
import type { Clock } from '#core/clock.ts';
import { planted } from '#planted';
import { ROUTER_LIMITS, retryAfterSeconds } from './limits.ts';

interface Part {
  used: number;
  /** The most that was in use or asked for in this window and in the one before. */
  peak: number;
  peakBefore: number;
}

export class FairBound {
  readonly bound: number;
  used = 0;
  private readonly clock: Clock;
  private readonly parts = new Map<string, Part>();
  private windowEnds: number;
  /** Given back in this window and in the one before. */
  private given = 0;
  private givenBefore = 0;

  constructor(bound: number, clock: Clock) {
    this.bound = bound;
    this.clock = clock;
    this.windowEnds = clock.now() + ROUTER_LIMITS.shareWindowMs;
  }

  /** Counts `amount` in for the tenant; false: the bound, or what is kept for others, does not allow it. */
  take(tenant: string, amount: number): boolean {
    this.turn();
    const part = this.part(tenant);
    part.peak = Math.max(part.peak, part.used + amount);
    if (this.lacking(part, amount) > 0 && !planted('bound_unchecked')) return false;
    part.used += amount;
    this.used += amount;
    return true;
  }

  give(tenant: string, amount: number): void {
    this.turn();
    this.part(tenant).used -= amount;
    this.used -= amount;
    this.given += amount;
  }

  /** Whole seconds until so much has probably been given back, at the pace of the last windows. */
  waitSeconds(tenant: string, amount: number): number {
    this.turn();
    const since = this.clock.now() - (this.windowEnds - ROUTER_LIMITS.shareWindowMs);
    if (this.given + this.givenBefore === 0) return ROUTER_LIMITS.shareWindowMs / 1000;
    const perMs = (this.given + this.givenBefore) / (since + ROUTER_LIMITS.shareWindowMs);
    return retryAfterSeconds(this.lacking(this.part(tenant), amount) / perMs);
  }

  /** How much more must be free. */
  private lacking(own: Part, amount: number): number {
    const over = this.used + amount - this.bound;
    const share = this.bound / this.parts.size;
    if (own.used + amount <= share) return over;
    let kept = 0;
    for (const part of this.parts.values()) {
      if (part === own) continue;
      kept += Math.max(0, Math.min(share, Math.max(part.peak, part.peakBefore)) - part.used);
    }
    return over + kept;
  }

  private part(tenant: string): Part {
    let part = this.parts.get(tenant);
    if (part === undefined) this.parts.set(tenant, (part = { used: 0, peak: 0, peakBefore: 0 }));
    return part;
  }

  private turn(): void {
    const now = this.clock.now();
    if (now < this.windowEnds) return;
    const skipped = now >= this.windowEnds + ROUTER_LIMITS.shareWindowMs;
    this.windowEnds = now + ROUTER_LIMITS.shareWindowMs;
    this.givenBefore = skipped ? 0 : this.given;
    this.given = 0;
    for (const [tenant, part] of this.parts) {
      part.peakBefore = skipped ? 0 : part.peak;
      part.peak = part.used;
      if (part.peak === 0 && part.peakBefore === 0) this.parts.delete(tenant);
    }
  }
}
