// place: asks the pure decision with a snapshot, and counts what is promised on the chosen engines.
import { BatonError } from '#core/errors.ts';
import { bytesPerToken } from '#core/geometry.ts';
import { retryAfterSeconds, ROUTER_LIMITS } from '../limits.ts';
import { decide, type Candidate, type Decision, type PlaceInput } from '../placement/decide.ts';
import type { Transfer } from '../placement/cost.ts';
import type { Promised } from '../placement/room.ts';
import type { Engine } from '../pools.ts';
import { Attempt, filled, type RequestContext } from '../request.ts';
import type { World } from '../world.ts';

const NOTHING: Readonly<Record<string, number>> = {};

export function place(ctx: RequestContext, world: World): void {
  const model = filled(ctx.model, 'model');
  const { placement, nixl, timeouts } = world.settings;
  const mode = ctx.mode ?? placement.mode;
  const now = world.clock.now();
  const input: PlaceInput = {
    engines: model.engines,
    mode,
    fallback: ctx.attempts > 0,
    namespace: ctx.named?.namespaceHex ?? null,
    direct: ctx.direct,
    localBecause: ctx.localBecause,
    promptTokens: ctx.promptTokens,
    room: { tokens: ctx.promptTokens + ctx.outputTokens, sequences: ctx.params?.choices ?? 1 },
    answerTokens: allowedTokens(ctx),
    roomAhead: placement.room_ahead,
    roomWithinMs: timeouts.first_token_ms,
    pullWithinMs: nixl.lease_ms * nixl.begin_share,
    firstTokenWithinMs: firstTokenWithinMs(ctx, world, model.name, now),
    now,
    cachedOn: (holder) => (holder === null ? 0 : (ctx.held.get(holder) ?? 0)),
    excluded: ctx.excluded,
    transferTo: (node) => transferTo(ctx, world, node),
    handoffMs: placement.handoff_ms,
    unit: () => world.random.unit(),
  };
  const decision = decide(input);
  const held = ctx.held.size === 0 ? NOTHING : Object.fromEntries(ctx.held);
  ctx.attempts++;
  ctx.record.attempts.push({ decision, mode, match: held, ticket: null, error: decision.refusal });
  const { chosen } = decision;
  if (chosen === null) throw refusal(ctx, world, decision);
  ctx.attempt = begin(ctx, world, chosen, input);
  world.metrics.add('baton_router_attempts_total', 1, { kind: chosen.kind });
  world.metrics.add('baton_router_prompt_tokens_total', ctx.promptTokens, { model: model.name });
  if (chosen.cachedTokens > 0)
    world.metrics.add('baton_router_cached_tokens_total', chosen.cachedTokens, { model: model.name });
}

/**
 * How late a first token may be predicted. What has been begun is not given up for a prediction. Predictions of others were too
 * early by so much lately: that is kept back, and some of the bound in any case, for nothing is known of the first ones.
 */
function firstTokenWithinMs(ctx: RequestContext, world: World, model: string, now: number): number {
  if (ctx.attempts > 0) return Infinity;
  const bound = world.settings.placement.first_token_ms;
  if (bound === null) return ctx.deadline - now;
  const { keptShareMin, keptShareMax } = ROUTER_LIMITS;
  const keptMs = Math.max(bound * keptShareMin, Math.min(bound * keptShareMax, world.rates.lateBy(model)));
  return Math.min(ctx.deadline, ctx.arrived + bound - keptMs) - now;
}

function refusal(ctx: RequestContext, world: World, { refusal: code, lateMs }: Decision): BatonError {
  if (code === null || lateMs === null) return new BatonError(code ?? 'no_worker');
  world.metrics.add('baton_router_shed_total', 1, { model: ctx.model?.name ?? '', code });
  const why =
    code === 'no_room' ? 'no decode engine will have room' : 'the engines have more to compute than they can';
  return new BatonError(
    code,
    `The first token would come too late: ${why} in time. Retry after the stated time.`,
    { retryAfterSeconds: retryAfterSeconds(lateMs) },
  );
}

function begin(ctx: RequestContext, world: World, chosen: Candidate, input: PlaceInput): Attempt {
  const decode = filled(world.pools.engine(chosen.decode), 'decode engine');
  const prefill =
    chosen.prefill === null ? null : filled(world.pools.engine(chosen.prefill), 'prefill engine');
  const computing = prefill ?? decode;
  const pending = ctx.promptTokens - chosen.cachedTokens;
  const { now, firstTokenWithinMs, room } = input;
  const { readyMs, holdsMs, roomInMs } = chosen;
  const promised: Promised = { ...room, readyAt: now + readyMs, holdsMs, latestAt: now + firstTokenWithinMs, endsAt: null }; // prettier-ignore
  const attempt = new Attempt({ prefill, decode }, pending, promised, now, chosen);
  computing.pendingTokens += pending;
  decode.promised.add(promised);
  if (roomInMs === 0) decode.promised.begins(promised, now + holdsMs);
  decode.running++;
  return attempt;
}

/** From its first token to its end, probably: its choices grow side by side. */
export function answerMs(ctx: RequestContext, decode: Engine): number {
  return allowedTokens(ctx) * decode.decodeMsPerToken;
}

/** Tokens that each choice may have. */
export const allowedTokens = (ctx: RequestContext): number => ctx.outputTokens / (ctx.params?.choices ?? 1);

function transferTo(ctx: RequestContext, world: World, node: string | null): Transfer {
  const geometry = ctx.model?.engines.find((e) => e.namespace === ctx.named?.namespaceHex)?.attachment
    ?.geometry;
  return {
    bytesPerToken: geometry === undefined ? 0 : bytesPerToken(geometry),
    layers: geometry?.layers ?? 1,
    bytesPerS: world.rates.transferTo(node ?? ''),
  };
}
