// How much of the engines' work retries may be. Each request pays a share of one in, each retry that makes an engine work again
// takes one out: when everything fails, the load does not multiply (hazards: retry storms).
import { planted } from '#planted';
import { ROUTER_LIMITS } from './limits.ts';

export class RetryBudget {
  private left: number = ROUTER_LIMITS.retriesSavedMax;

  /** A request has come. */
  earn(): void {
    this.left = Math.min(ROUTER_LIMITS.retriesSavedMax, this.left + ROUTER_LIMITS.retryShare);
  }

  /** False: no retry now. */
  spend(): boolean {
    if (this.left < 1) return false;
    if (!planted('retry_budget_not_charged')) this.left--;
    return true;
  }
}
