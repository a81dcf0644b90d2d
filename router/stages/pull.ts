// handoff where the decode engine pulls from the prefill engine (dialect vllm-nixl): the prefill leg's answer says where the blocks
// lie. Its params go to one decode leg, within the lease; what was computed from blocks whose lease is over reaches no client.
import { BatonError } from '#core/errors.ts';
import type { Collected } from '../edge/collect.ts';
import type { Downstream } from '../edge/contract.ts';
import { ReportedUsage } from '../edge/usage.ts';
import { readEngineParams } from '../dialects/nixl-params.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import { filled, type Attempt, type RequestContext } from '../request.ts';
import type { World } from '../world.ts';
import { judge } from './judge.ts';

/** Why engines cannot hand this prompt over among themselves; null: they can. */
export function notDirect(ctx: RequestContext): string | null {
  const fields = filled(ctx.body, 'body').value;
  const { choices } = filled(ctx.params, 'params');
  // The blocks are freed by the first that has read them.
  if (choices > 1 || ((fields['best_of'] as number | null | undefined) ?? 1) > 1) return 'several choices';
  if (ctx.prompt?.kind === 'many') return 'several prompts';
  return (fields['prompt_embeds'] ?? null) === null ? null : 'prompt embeddings';
}

/** Waits for the prefill leg's answer and takes its params; without good ones the decode engine computes the prompt itself. */
export async function pull(ctx: RequestContext, world: World, attempt: Attempt): Promise<void> {
  const prefill = filled(attempt.prefill, 'prefill engine');
  try {
    const collected = await answered(ctx, world, attempt);
    const failure = judge(ctx, world, attempt, collected);
    if (failure !== null) throw failure;
    if (!collected.ok) return;
    const params = readEngineParams(collected.answer.body, {
      now: world.clock.now(),
      host: prefill.nixlHost,
      blockTokens: prefill.load?.blockTokens ?? null,
    });
    if (typeof params !== 'string') attempt.engineParams = params;
    else refused(ctx, world, attempt, params);
  } catch (error) {
    ctx.exclude('prefill', prefill.name);
    throw error;
  } finally {
    ctx.waiter = null;
    prefill.pendingTokens -= attempt.pending;
    attempt.pending = 0;
  }
}

function answered(ctx: RequestContext, world: World, attempt: Attempt): Promise<Collected> {
  const { promise, resolve, reject } = Promise.withResolvers<Collected>();
  const { first_token_ms: ms } = world.settings.timeouts;
  ctx.waiter = {
    expired: () => { reject(new BatonError('prefill_failed', `No answer of the prefill engine within ${ms} ms.`)); },
  }; // prettier-ignore
  const off = ctx.cancel.on(reject);
  void filled(attempt.prefillLeg, 'prefill leg').answer.then(resolve);
  return promise.finally(off);
}

/** Last look before the decode leg begins: params near the end of their lease are thrown away. */
export function beginPull(world: World, attempt: Attempt, now: number): void {
  const { engineParams } = attempt;
  if (engineParams === null) return;
  const { lease_ms: leaseMs, begin_share: share } = world.settings.nixl;
  if (now - engineParams.since <= leaseMs * share) {
    world.metrics.add('baton_router_nixl_params_total', 1, { outcome: 'passed' });
    return;
  }
  attempt.engineParams = null;
  world.metrics.add('baton_router_nixl_params_total', 1, { outcome: 'late' });
}

function refused(ctx: RequestContext, world: World, attempt: Attempt, outcome: string): void {
  world.metrics.add('baton_router_nixl_params_total', 1, { outcome });
  world.log.warn(
    { request: ctx.id, engine: attempt.prefill?.name, outcome },
    'kv_transfer_params of a prefill engine are not passed on: the decode engine computes the prompt',
  );
}

/** When a stream must have begun; an answer that comes whole does not tell when it did. */
export function streamBefore(ctx: RequestContext, world: World, attempt: Attempt): number {
  const { engineParams } = attempt;
  if (engineParams === null || ctx.params?.stream !== true) return Infinity;
  return engineParams.since + world.settings.nixl.lease_ms;
}

/** The lease of the blocks that a stream is computed from is over. */
export function leaseMissed(ctx: RequestContext, world: World, attempt: Attempt): BatonError | null {
  return world.clock.now() < streamBefore(ctx, world, attempt) ? null : new BatonError('expired');
}

/**
 * Whom the next placement leaves out when a decode leg that pulled has failed; true: decided here. An engine that answers an error
 * may be well and its peer dead, so it may still compute. But nothing pulls for this request any more: what one engine cannot take
 * may kill the next.
 */
export function blamePull(
  ctx: RequestContext,
  world: World,
  attempt: Attempt,
  error: BatonError,
  gone: boolean,
): boolean {
  const { engineParams, prefill, decode } = attempt;
  if (engineParams === null || prefill === null) return false;
  if (error.code === 'expired') {
    world.metrics.add('baton_router_nixl_leases_missed_total');
    if (++ctx.leasesMissed >= ROUTER_LIMITS.leasesMissedMax)
      withoutHandoff(ctx, 'the lease was missed again');
    return true;
  }
  if (gone || error.code !== 'decode_failed') return false;
  withoutHandoff(ctx, 'a pull failed');
  world.pools.suspect(prefill);
  world.pools.suspect(decode);
  return true;
}

function withoutHandoff(ctx: RequestContext, because: string): void {
  ctx.direct = false;
  ctx.localBecause ??= because;
}

/** The way to the client: an engine that pulled reports every prompt token as cached, so the prefill engine's number stands instead. */
export function reported(downstream: Downstream, { engineParams }: Attempt): Downstream {
  const cached = engineParams?.cachedTokens ?? null;
  return cached === null ? downstream : new ReportedUsage(downstream, cached);
}
