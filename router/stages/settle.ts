// settle: gives back what an attempt holds, and ends the request. Runs for every attempt and every request whatever happened.
import type { BatonError } from '#core/errors.ts';
import { planted } from '#planted';
import type { Attempt, RequestContext } from '../request.ts';
import type { Services } from '../services.ts';
import type { Ticket } from '../tickets.ts';
import { mergeTimeline } from '../timeline.ts';
import type { World } from '../world.ts';

/** Ends the current attempt: `error` null when its answer went out whole. */
export function settleAttempt(ctx: RequestContext, world: World, error: BatonError | null): void {
  const { attempt } = ctx;
  if (attempt === null) return;
  if (!planted('double_settle')) ctx.attempt = null;
  const record = ctx.record.attempts.at(-1);
  if (record !== undefined) record.error = error?.code ?? null;
  release(attempt);
  if (attempt.ticket !== null) endTicket(world, attempt.ticket, error);
}

/** Ends the request itself. */
export function settle(ctx: RequestContext, world: World, error: BatonError | null): void {
  const now = world.clock.now();
  const { record } = ctx;
  world.watch.remove(ctx);
  const leaked = planted('leaked_share') && error?.code === 'client_closed';
  if (ctx.admitted && ctx.tenant !== null && !leaked)
    world.admission.leave(ctx.tenant.name, ctx.bytesTaken, ctx.tokensTaken);
  ctx.admitted = false;
  ctx.body = null;
  ctx.prompt = null;
  record.code = error?.code ?? 'ok';
  record.end = now;
  world.metrics.add('baton_router_requests_total', 1, { endpoint: ctx.endpoint, code: record.code });
  world.metrics.observe('baton_router_request_seconds', (now - ctx.arrived) / 1000, {
    endpoint: ctx.endpoint,
  });
}

/** Keeps a live request's ticket alive at both ends; once everything has landed, at its target. */
export function renewTicket(ctx: RequestContext, services: Services, leaseMs: number): void {
  const ticket = ctx.attempt?.ticket;
  if (ticket?.opened !== true || (planted('lease_not_renewed') && ticket.landed)) return;
  services.link(ticket.nodes.target)?.renew(ticket.id, leaseMs);
  if (ticket.expected && !ticket.landed) services.link(ticket.nodes.source)?.renew(ticket.id, leaseMs);
}

function release(attempt: Attempt): void {
  const { decode, computing } = attempt;
  computing.pendingTokens -= attempt.pending;
  attempt.pending = 0;
  if (attempt.sentUpstream || !planted('leaked_in_flight')) decode.promised.remove(attempt.promised);
  decode.running--;
  attempt.prefillLeg?.leg.abort();
  attempt.decodeLeg?.abort();
}

function endTicket(world: World, ticket: Ticket, error: BatonError | null): void {
  const { services, tickets } = world;
  const { source, target } = ticket.nodes;
  // Who was asked and has not answered is told too: it may have granted meanwhile, or grant after this.
  if (!ticket.opened) {
    if (ticket.asked === 'target') services.link(target)?.abort(ticket.id, 'aborted');
    tickets.forget(ticket);
    return;
  }
  if (error === null) services.link(target)?.settle(ticket.id);
  else {
    services.link(target)?.abort(ticket.id, 'aborted');
    const alsoSource = (ticket.expected || ticket.asked === 'source') && !planted('abort_one_end');
    if (alsoSource) services.link(source)?.abort(ticket.id, 'aborted');
  }
  tickets.ended(ticket);
  if (ticket.reported) reported(world, ticket);
  else {
    ticket.onReported = () => {
      reported(world, ticket);
    };
  }
}

/** Both ends have spoken, or will not speak any more. */
function reported(world: World, ticket: Ticket): void {
  const { metrics, rates } = world;
  ticket.onReported = null;
  const { targetReport: target, sourceReport: source } = ticket;
  metrics.add('baton_router_tickets_total', 1, {
    state: target?.state ?? 'unreported',
    reason: target?.reason ?? '',
  });
  if (target === null) return;
  metrics.add('baton_router_lane_bytes_total', target.bytesIn);
  const timeline = mergeTimeline(source, target);
  if (timeline?.exposed_ms == null) return;
  metrics.observe('baton_router_exposed_seconds', timeline.exposed_ms / 1000);
  rates.sawTransfer(ticket.nodes.target, target.bytesIn, timeline.layers.length, timeline.exposed_ms);
}
