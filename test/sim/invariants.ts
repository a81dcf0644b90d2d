// What must hold in the router after every event: its counters are what its live requests say, bounds are kept, and no request
// outlives what ends it (invariants 4 and 6).
import type { Attempt, RequestContext } from '#router/request.ts';
import type { Services } from '#router/services.ts';
import type { World } from '#router/world.ts';
import { ROUTER_LIMITS } from '#router/limits.ts';

/** `stoppedMs`: for how long the router did not run, at most. */
export function routerFlaws(world: World, stoppedMs: number): string[] {
  const requests = [...world.watch.requests];
  const attempts = requests.flatMap(({ attempt }) => (attempt === null ? [] : [attempt]));
  return [
    ...roomFlaws(world, attempts),
    ...admissionFlaws(world, requests),
    ...attempts.flatMap((attempt) => ticketFlaws(world.services, attempt)),
    ...requests.flatMap((ctx) => endFlaws(world, ctx, stoppedMs)),
    ...(world.tickets.size > ROUTER_LIMITS.ticketsKeptMax ? ['tickets: beyond their bound (invariant 6)'] : []),
  ]; // prettier-ignore
}

function roomFlaws({ pools, settings }: World, attempts: readonly Attempt[]): string[] {
  const flaws: string[] = [];
  for (const engine of pools.engines) {
    const decoding = attempts.filter(({ decode }) => decode === engine);
    const computing = attempts.filter((attempt) => attempt.computing === engine);
    const is = [engine.promisedTokens, engine.pendingTokens, engine.running];
    const must = [sum(decoding.map(({ promised }) => promised.tokens)), sum(computing.map(({ pending }) => pending)), decoding.length];
    if (is.join() !== must.join())
      flaws.push(`${engine.name}: promised, pending, running are ${is.join()}, of its requests ${must.join()} (invariant 4)`);
    if (engine.promisedTokens > engine.kvTokens * (1 + settings.placement.room_ahead))
      flaws.push(`${engine.name}: ${engine.promisedTokens} tokens promised of ${engine.kvTokens} (invariant 6)`);
  }
  return flaws;
} // prettier-ignore

function admissionFlaws({ admission, settings }: World, requests: readonly RequestContext[]): string[] {
  const { requests: count, bytes, tokens } = admission;
  const is = [count.used, bytes.used, tokens.used];
  const admitted = requests.filter((ctx) => ctx.admitted);
  const must = [
    admitted.length, sum(admitted.map((ctx) => ctx.bytesTaken)), sum(admitted.map((ctx) => ctx.tokensTaken)),
  ]; // prettier-ignore
  const { limits } = settings;
  const beyond = count.used > limits.requests || tokens.used > limits.in_flight_tokens;
  return [
    ...(is.join() === must.join()
      ? []
      : [`admission counts ${is.join()}, its requests ${must.join()} (invariant 4)`]),
    ...(beyond ? [`admission: ${is.join()} are beyond its bounds (invariant 6)`] : []),
  ];
}

/** Whoever waits for a service that is gone hears of it at once. Nobody waits for a source that has said its last word. */
function ticketFlaws(services: Services, { ticket }: Attempt): string[] {
  if (ticket === null || !ticket.opened || ticket.failure !== null) return [];
  const { target, source } = ticket.nodes;
  return (ticket.sourceReport === null ? [target, source] : [target])
    .filter((node) => !services.up(node))
    .map((node) => `ticket ${ticket.hex}: waits for the service of ${node}, which is lost (invariant 4)`);
}

/** Who is given up ends in the same turn, and nobody outlives his deadline. */
function endFlaws({ clock, settings }: World, ctx: RequestContext, stoppedMs: number): string[] {
  const { id, arrived, cancel } = ctx;
  if (cancel.error !== null) return [`${id}: goes on after ${cancel.error.code} (invariant 4)`];
  const bound = settings.timeouts.request_ms + 2 * ROUTER_LIMITS.tickMs + stoppedMs;
  return clock.now() - arrived > bound
    ? [`${id}: has not ended within ${bound.toFixed(0)} ms (invariant 4)`]
    : [];
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
