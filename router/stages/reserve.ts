// reserve: both ends before the prefill leg. The target answers what it lacks, the source then expects to send exactly that.
import { BatonError, ERRORS, type ErrorCode } from '#core/errors.ts';
import { planted } from '#planted';
import type { Granted } from '../link.ts';
import { filled, type Attempt, type Named, type RequestContext } from '../request.ts';
import { Ticket } from '../tickets.ts';
import type { World } from '../world.ts';

export async function reserve(ctx: RequestContext, world: World): Promise<void> {
  const attempt = filled(ctx.attempt, 'attempt');
  const { prefill, decode } = attempt;
  if (prefill === null || attempt.dialect.awaitsAnswer) return;
  const named = filled(ctx.named, 'names');
  const nodes = { source: filled(prefill.node, 'node'), target: filled(decode.node, 'node') };
  const former = planted('old_report_accepted') ? ctx.record.attempts.at(-2)?.ticket : null;
  const ticket = new Ticket(former?.id ?? world.newTicketId(), nodes);
  attempt.ticket = ticket;
  ctx.renewAt = world.clock.now() + world.settings.timeouts.lease_ms / 3;
  const record = ctx.record.attempts.at(-1);
  if (record !== undefined) record.ticket = ticket;
  world.tickets.add(ticket);
  await open(ctx, world, attempt, named, ticket);
  ctx.cancel.check();
  if (ticket.needed > 0 && !ticket.shared) await expectAtSource(ctx, world, attempt, named, ticket);
  ctx.cancel.check();
}

async function open(
  ctx: RequestContext,
  world: World,
  attempt: Attempt,
  named: Named,
  ticket: Ticket,
): Promise<void> {
  const { decode } = attempt;
  try {
    const target = world.services.reach(ticket.nodes.target);
    const source = world.services.reach(ticket.nodes.source);
    ticket.asked = 'target';
    const opening = target.link.open({
      ticket: ticket.id,
      engine: decode.name,
      namespace: named.namespace,
      keys: named.keys,
      tokens: named.counts,
      sourceNode: ticket.nodes.source,
      sourceEngine: attempt.prefill?.name ?? '',
      sourceIncarnation: source.info.incarnation,
      leaseMs: world.settings.timeouts.lease_ms,
    });
    const granted = await ctx.cancel.race(opening);
    ticket.asked = null;
    refuse(granted);
    ticket.opened = true;
    ticket.need = granted.need;
    ticket.epoch = granted.epoch;
  } catch (error) {
    if (ctx.cancel.error !== null) throw error;
    // The link itself gives up what it has no answer to.
    ticket.asked = null;
    const refusal = BatonError.from(error, 'service_lost');
    if (refusal.code === 'too_large') ctx.localBecause = 'too large for a ticket';
    ctx.exclude('target', decode.name);
    throw refusal;
  }
}

async function expectAtSource(
  ctx: RequestContext,
  world: World,
  attempt: Attempt,
  named: Named,
  ticket: Ticket,
): Promise<void> {
  const prefill = filled(attempt.prefill, 'prefill engine');
  try {
    const source = world.services.reach(ticket.nodes.source);
    const target = world.services.reach(ticket.nodes.target);
    ticket.asked = 'source';
    const expecting = (): Promise<Granted> =>
      source.link.expect({
        ticket: ticket.id,
        engine: prefill.name,
        namespace: named.namespace,
        keys: named.keys,
        tokens: named.counts,
        need: ticket.need,
        epoch: ticket.epoch,
        targetNode: ticket.nodes.target,
        targetHost: target.info.laneHost,
        targetPort: target.info.lanePort,
        targetIncarnation: target.info.incarnation,
        leaseMs: world.settings.timeouts.lease_ms,
      });
    let granted = await ctx.cancel.race(expecting());
    while (planted('hold_and_wait') && !granted.granted) granted = await ctx.cancel.race(expecting());
    ticket.asked = null;
    refuse(granted);
    ticket.expected = true;
  } catch (error) {
    if (ctx.cancel.error !== null) throw error;
    ticket.asked = null;
    ctx.exclude('prefill', prefill.name);
    throw BatonError.from(error, 'service_lost');
  }
}

function refuse(granted: Granted): void {
  if (granted.granted) return;
  throw new BatonError(granted.reason in ERRORS ? (granted.reason as ErrorCode) : 'no_room');
}
