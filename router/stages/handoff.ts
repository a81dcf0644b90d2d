// handoff: waits until everything has landed at the target. The prefill leg's own answer is not waited for, unless its dialect
// needs it (pull.ts); its failure, the ticket's, and silence end the attempt.
import { BatonError } from '#core/errors.ts';
import { filled, type Attempt, type RequestContext } from '../request.ts';
import { anew } from '../step.ts';
import type { Ticket } from '../tickets.ts';
import type { World } from '../world.ts';
import { judge } from './judge.ts';
import { pull } from './pull.ts';

export async function handoff(ctx: RequestContext, world: World): Promise<void> {
  const attempt = filled(ctx.attempt, 'attempt');
  const { ticket } = attempt;
  if (attempt.dialect.awaitsAnswer) await pull(ctx, world, attempt);
  if (ticket === null || ticket.needed === 0) return;
  try {
    await landed(ctx, world, attempt, ticket);
    ctx.model?.sawMatch();
  } catch (error) {
    exclude(ctx, world, attempt, BatonError.from(error));
    throw error;
  } finally {
    ticket.onLanded = ticket.onFailed = ticket.onProgress = null;
    ctx.waiter = null;
    const { computing } = attempt;
    computing.pendingTokens -= attempt.pending;
    attempt.pending = 0;
  }
}

function landed(ctx: RequestContext, world: World, attempt: Attempt, ticket: Ticket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const { handoff_idle_ms: idleMs } = world.settings.timeouts;
  const progress = (): void => { anew(ctx, world, world.clock.now()); }; // prettier-ignore
  let waiting = true;
  ctx.waiter = {
    expired: () => {
      reject(
        new BatonError('prefill_failed', `No progress of the prefill or its transfer for ${idleMs} ms.`),
      );
    },
  };
  ticket.onProgress = progress;
  ticket.onLanded = () => {
    resolve(undefined);
  };
  ticket.onFailed = reject;
  const off = ctx.cancel.on(reject);
  void attempt.prefillLeg?.answer.then((collected) => {
    // What has landed needs no answer any more; the bound that counts now is another state's.
    if (!waiting) return;
    const failure = judge(ctx, world, attempt, collected);
    if (failure === null) progress();
    else reject(failure);
  });
  if (ticket.landed) resolve(undefined);
  else if (ticket.failure !== null) reject(ticket.failure);
  return promise.finally(() => {
    waiting = false;
    off();
  });
}

/** Whom the next placement leaves out; a key mismatch concerns nobody but the names. */
function exclude(ctx: RequestContext, world: World, attempt: Attempt, error: BatonError): void {
  const { prefill, decode } = attempt;
  if (error.code === 'key_mismatch') {
    ctx.localBecause = 'key mismatch';
    ctx.named = null;
    ctx.model?.sawMismatch();
    world.metrics.add('baton_router_key_mismatches_total', 1, { model: ctx.model?.name ?? '' });
    return;
  }
  const role = attempt.ticket?.failedRole ?? null;
  // A target's word on its lane or peer speaks of the source; on its own engine or stream it speaks of itself.
  const targetsOwn = role === 'target' && (error.code === 'engine_gone' || error.code === 'service_lost');
  if (targetsOwn || role === 'both') {
    ctx.exclude('target', decode.name);
    world.pools.suspect(decode);
  }
  if (!targetsOwn && prefill !== null) ctx.exclude('prefill', prefill.name);
}
