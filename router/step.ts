// Moves a request from state to state as states.ts says, and sees that none of them lasts longer than bounds.ts says.
import { BatonError } from '#core/errors.ts';
import { BOUNDS } from './bounds.ts';
import type { RequestContext } from './request.ts';
import { TABLE, type Event } from './states.ts';
import type { World } from './world.ts';

/**
 * An event of this request. One that its state has no place for is a defect: counted, logged, and the end of the request, which
 * keeps its state meanwhile.
 */
export function step(ctx: RequestContext, world: World, event: Event): void {
  const { state } = ctx;
  const next = TABLE[state][event];
  if (next === null) {
    world.metrics.add('baton_router_defects_total', 1, { state, event });
    world.log.error({ request: ctx.id, state, event }, 'a defect: this event cannot happen in this state');
    ctx.cancel.fire(new BatonError('internal'));
    return;
  }
  const now = world.clock.now();
  ctx.state = next;
  ctx.waiter = null;
  ctx.record.enter(next, now);
  anew(ctx, world, now);
}

/** The bound of its state counts from now on. */
export function anew(ctx: RequestContext, world: World, now: number): void {
  ctx.until = Math.min(ctx.deadline, now + BOUNDS[ctx.state].ms(ctx, world, now));
}

/** The bound of its state has passed: whoever waits ends its wait, else the request ends. */
export function expire(ctx: RequestContext): void {
  if (ctx.waiter !== null) ctx.waiter.expired();
  else if (ctx.state === 'admit') ctx.cancel.fire(new BatonError('request_timeout'));
  else ctx.cancel.fire(new BatonError('deadline_exceeded', `The request was too long in ${ctx.state}.`));
}
