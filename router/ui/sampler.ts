// How the router did over the last minutes: differences of its own counters, taken at a steady pace into a circle of fixed size.
import type { Clock, Timer } from '#core/clock.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import type { RouterMetrics } from '../metrics.ts';

/** Counters as they stand. */
interface Totals {
  requests: number;
  failed: number;
  promptTokens: number;
  cachedTokens: number;
  laneBytes: number;
  exposed: { count: number; sum: number };
  firstToken: { count: number; sum: number };
}

/** What happened between two looks; null: nothing to take a mean of. */
export interface Sample {
  /** When it ended, ms of the router's clock. */
  at: number;
  seconds: number;
  requests: number;
  failed: number;
  in_flight: number;
  prompt_tokens: number;
  cached_tokens: number;
  lane_bytes: number;
  exposed_ms: number | null;
  first_token_ms: number | null;
}

export class Sampler {
  private readonly clock: Clock;
  private readonly metrics: RouterMetrics;
  private readonly inFlight: () => number;
  private readonly kept: Sample[] = [];
  private before: Totals;
  private beforeAt: number;
  private timer: Timer;

  constructor(clock: Clock, metrics: RouterMetrics, inFlight: () => number) {
    this.clock = clock;
    this.metrics = metrics;
    this.inFlight = inFlight;
    this.before = totals(metrics);
    this.beforeAt = clock.now();
    this.timer = clock.after(ROUTER_LIMITS.sampleMs, this.look);
  }

  /** The oldest first. */
  get samples(): readonly Sample[] {
    return this.kept;
  }

  close(): void {
    this.timer.cancel();
  }

  private readonly look = (): void => {
    const { clock, before, kept } = this;
    const now = totals(this.metrics);
    const at = clock.now();
    kept.push({
      at,
      seconds: (at - this.beforeAt) / 1000,
      requests: now.requests - before.requests,
      failed: now.failed - before.failed,
      in_flight: this.inFlight(),
      prompt_tokens: now.promptTokens - before.promptTokens,
      cached_tokens: now.cachedTokens - before.cachedTokens,
      lane_bytes: now.laneBytes - before.laneBytes,
      exposed_ms: meanMs(now.exposed, before.exposed),
      first_token_ms: meanMs(now.firstToken, before.firstToken),
    });
    if (kept.length > ROUTER_LIMITS.samplesKept) kept.shift();
    this.before = now;
    this.beforeAt = at;
    this.timer = clock.after(ROUTER_LIMITS.sampleMs, this.look);
  };
}

function totals(metrics: RouterMetrics): Totals {
  const requests = metrics.total('baton_router_requests_total').sum;
  return {
    requests,
    failed: requests - metrics.total('baton_router_requests_total', { code: 'ok' }).sum,
    promptTokens: metrics.total('baton_router_prompt_tokens_total').sum,
    cachedTokens: metrics.total('baton_router_cached_tokens_total').sum,
    laneBytes: metrics.total('baton_router_lane_bytes_total').sum,
    exposed: metrics.total('baton_router_exposed_seconds'),
    firstToken: metrics.total('baton_router_first_token_seconds'),
  };
}

function meanMs(now: Totals['exposed'], before: Totals['exposed']): number | null {
  const count = now.count - before.count;
  return count === 0 ? null : ((now.sum - before.sum) / count) * 1000;
}
