// place: asks the pure decision with a snapshot, and counts what is promised on the chosen engines.
import { BatonError } from '#core/errors.ts';
import { bytesPerToken } from '#core/geometry.ts';
import { retryAfterSeconds } from '../limits.ts';
import { decide, type Candidate, type PlaceInput } from '../placement/decide.ts';
import type { Transfer } from '../placement/cost.ts';
import { Attempt, filled, type RequestContext } from '../request.ts';
import type { World } from '../world.ts';

const NOTHING: Readonly<Record<string, number>> = {};

export function place(ctx: RequestContext, world: World): void {
  const model = filled(ctx.model, 'model');
  const mode = ctx.mode ?? world.settings.placement.mode;
  const roomTokens = ctx.promptTokens + ctx.outputTokens;
  const input: PlaceInput = {
    engines: model.engines,
    mode,
    fallback: ctx.attempts > 0,
    namespace: ctx.named?.namespaceHex ?? null,
    direct: ctx.direct,
    localBecause: ctx.localBecause,
    promptTokens: ctx.promptTokens,
    roomTokens,
    cachedOn: (holder) => (holder === null ? 0 : (ctx.held.get(holder) ?? 0)),
    excluded: ctx.excluded,
    transferTo: (node) => transferTo(ctx, world, node),
    handoffMs: world.settings.placement.handoff_ms,
    unit: () => world.random.unit(),
  };
  const decision = decide(input);
  const held = ctx.held.size === 0 ? NOTHING : Object.fromEntries(ctx.held);
  ctx.attempts++;
  ctx.record.attempts.push({ decision, mode, match: held, ticket: null, error: decision.refusal });
  const { chosen } = decision;
  if (chosen === null) throw new BatonError(decision.refusal ?? 'no_worker');
  shed(ctx, world, chosen);
  ctx.attempt = begin(ctx, world, chosen, roomTokens);
  world.metrics.add('baton_router_attempts_total', 1, { kind: chosen.kind });
  world.metrics.add('baton_router_prompt_tokens_total', ctx.promptTokens, { model: model.name });
  if (chosen.cachedTokens > 0)
    world.metrics.add('baton_router_cached_tokens_total', chosen.cachedTokens, { model: model.name });
}

/** Refuses what would come too late, before an engine works for it. What has been begun is not given up for a prediction. */
function shed(ctx: RequestContext, world: World, { totalMs }: Candidate): void {
  if (ctx.attempts > 1) return;
  const bound = world.settings.placement.first_token_ms;
  const latest = Math.min(ctx.deadline, bound === null ? Infinity : ctx.arrived + bound);
  const late = world.clock.now() + totalMs - latest;
  if (late <= 0) return;
  world.metrics.add('baton_router_shed_total', 1, { model: ctx.model?.name ?? '' });
  throw new BatonError(
    'overloaded',
    'The first token would come too late: the engines have more to compute than they can in time. Retry after the stated time.',
    { retryAfterSeconds: retryAfterSeconds(late) },
  );
}

function begin(ctx: RequestContext, world: World, chosen: Candidate, room: number): Attempt {
  const decode = filled(world.pools.engine(chosen.decode), 'decode engine');
  const prefill =
    chosen.prefill === null ? null : filled(world.pools.engine(chosen.prefill), 'prefill engine');
  const computing = prefill ?? decode;
  const pending = ctx.promptTokens - chosen.cachedTokens;
  const attempt = new Attempt(prefill, decode, pending, computing.pendingTokens === 0, room);
  computing.pendingTokens += pending;
  decode.promisedTokens += room;
  decode.running++;
  return attempt;
}

function transferTo(ctx: RequestContext, world: World, node: string | null): Transfer {
  const geometry = ctx.model?.engines.find((e) => e.namespace === ctx.named?.namespaceHex)?.attachment
    ?.geometry;
  return {
    bytesPerToken: geometry === undefined ? 0 : bytesPerToken(geometry),
    layers: geometry?.layers ?? 1,
    bytesPerS: world.rates.transferTo(node ?? ''),
  };
}
