// prefill: sends the prefill leg. Its answer is not awaited here.
import { collect } from '../edge/collect.ts';
import { filled, type RequestContext } from '../request.ts';
import type { World } from '../world.ts';
import { legFacts, legRequest } from './legs.ts';

export function prefill(ctx: RequestContext, world: World): void {
  const attempt = filled(ctx.attempt, 'attempt');
  const { prefill: engine, ticket, dialect } = attempt;
  if (engine === null || ticket?.needed === 0) return;
  const edits = filled(dialect.prefill(legFacts(ctx, engine)), 'prefill leg');
  const started = world.clock.now();
  const leg = collect(world.upstream, engine.origin, legRequest(ctx, engine, edits));
  attempt.prefillLeg = leg;
  attempt.sentUpstream = true;
  const computed = attempt.pending;
  void leg.answer.then((collected) => {
    if (collected.ok && collected.answer.status === 200)
      engine.computed(computed, started, world.clock.now());
  });
}
