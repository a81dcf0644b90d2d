// What a prefill leg's answer means for its attempt.
import { BatonError } from '#core/errors.ts';
import type { Collected } from '../edge/collect.ts';
import type { Attempt, RequestContext } from '../request.ts';
import type { World } from '../world.ts';

/** Null: the prompt was computed; what is left of it is on its way. */
export function judge(
  ctx: RequestContext,
  world: World,
  attempt: Attempt,
  collected: Collected,
): BatonError | null {
  const { prefill } = attempt;
  if (collected.ok) {
    const { status } = collected.answer;
    if (status === 200) return null;
    if (status === 503) {
      if (prefill !== null) world.pools.down(prefill);
      return new BatonError('engine_unavailable');
    }
    if (status >= 400 && status < 500) {
      ctx.refusal = collected.answer;
      return new BatonError('upstream_refused');
    }
    return new BatonError('prefill_failed', `The prefill engine answered ${status}.`);
  }
  if (prefill !== null) {
    if (collected.sent) world.pools.suspect(prefill);
    else world.pools.down(prefill);
  }
  return new BatonError(
    'prefill_failed',
    `The prefill engine failed before the prompt was computed (${collected.reason}).`,
  );
}
