// What must hold at every step, and what must hold again once nothing happens any more (invariants 3, 4, 6).
import type { World } from '#router/world.ts';
import { LIMITS } from '#core/limits.ts';
import { ROUTER_LIMITS } from '#router/limits.ts';
import type { Sim } from './sim.ts';

/** After every event: counters are never negative, queues never beyond their bounds. */
export function atEveryStep(sim: Sim): void {
  const { world } = sim.router;
  if (world === null) return;
  const { admission, settings, tickets, watch } = world;
  const { requests, in_flight_tokens: tokens } = settings.limits;
  for (const engine of world.pools.engines) {
    if (engine.promisedTokens < 0 || engine.pendingTokens < 0 || engine.running < 0)
      sim.violation(`${engine.name}: promised ${engine.promisedTokens}, pending ${engine.pendingTokens}, running ${engine.running} (invariant 4)`);
    if (engine.promisedTokens > engine.kvTokens * (1 + settings.placement.room_ahead))
      sim.violation(`${engine.name}: ${engine.promisedTokens} tokens promised of ${engine.kvTokens} (invariant 6)`);
  }
  if (admission.requests.used < 0 || admission.bytes.used < 0 || admission.tokens.used < 0) sim.violation('admission: below nothing (invariant 4)');
  if (admission.requests.used > requests || admission.tokens.used > tokens) sim.violation('admission: beyond its bounds (invariant 6)');
  if (tickets.size > ROUTER_LIMITS.ticketsKeptMax) sim.violation('tickets: beyond their bound (invariant 6)');
  if (watch.size < admission.requests.used) sim.violation('an admitted request is not watched (invariant 4)');
} // prettier-ignore

/** What is not yet, or not again, where it began. */
export function notAtRest(sim: Sim): string[] {
  const found: string[] = [];
  const add = (text: string): void => {
    found.push(text);
  };
  for (const { ask } of sim.asking) add(`${ask.id}: has no end (invariant 4)`);
  const { world } = sim.router;
  if (world === null) add('the router does not listen at rest');
  else routerAtRest(sim, world, add);
  for (const { name, engine, process } of sim.engines.values()) {
    const { waiting, loading, running, pagesUsed } = engine.load;
    if (!process.alive) add(`${name}: not alive at rest`);
    if (waiting + loading + running + pagesUsed > 0)
      add(`${name}: ${waiting} wait, ${loading} load, ${running} run, ${pagesUsed} pages used at rest (invariant 4)`);
    if (!engine.attached) add(`${name}: not attached at rest`);
  } // prettier-ignore
  for (const { node, life, arena } of sim.services.values()) {
    if (life === null) {
      add(`service ${node}: not alive at rest`);
      continue;
    }
    const counters = life.bus.counters();
    if (life.service.live > 0) add(`service ${node}: ${life.service.live} tickets in the ledger at rest (invariant 4)`);
    if ((counters['tickets_live'] ?? 0) > 0) add(`service ${node}: ${counters['tickets_live']} tickets live at rest (invariant 4)`);
    for (const [id, slot] of arena.slots.entries()) {
      if (slot.state !== 'free' && slot.state !== 'sealed') add(`service ${node}: slot ${id} ${slot.state} at rest (invariant 3)`);
      if (slot.pins > 0) add(`service ${node}: slot ${id} pinned ${slot.pins} times at rest (invariant 4)`);
    }
    const attached = life.bus.listAttachments().length;
    const here = [...sim.engines.values()].filter((engine) => engine.process.node === node).length;
    if (attached !== here) add(`service ${node}: ${attached} engines attached, ${here} live`);
  } // prettier-ignore
  return found;
}

function routerAtRest(sim: Sim, world: World, add: (text: string) => void): void {
  const { admission, pools, tickets, watch, journeys, services } = world;
  for (const engine of pools.engines) {
    if (engine.promisedTokens + engine.pendingTokens + engine.running > 0)
      add(`${engine.name}: promised ${engine.promisedTokens}, pending ${engine.pendingTokens}, running ${engine.running} at rest (invariant 4)`);
    if (!engine.healthy) add(`${engine.name}: down for the router at rest`);
    if (engine.namespace === null) add(`${engine.name}: not attached for the router at rest`);
  }
  if (admission.requests.used + admission.bytes.used + admission.tokens.used > 0) add('admission counts at rest (invariant 4)');
  if (watch.size > 0) add(`${watch.size} requests are watched at rest (invariant 4)`);
  if (tickets.size > 0) add(`${tickets.size} tickets are kept at rest (invariant 4)`);
  for (const node of services.nodes) if (!services.up(node)) add(`service ${node}: down for the router at rest`);
  const bound = world.settings.timeouts.request_ms + 2 * ROUTER_LIMITS.tickMs;
  let kept = 0;
  for (const id of sim.outcomes.keys()) {
    const record = journeys.get(id);
    if (record === null) continue;
    kept++;
    if (record.code === null || record.end === null) add(`${id}: its journey has no end (invariant 4)`);
    else if (record.end - record.start > bound + sim.stoppedMs)
      add(`${id}: took ${record.end - record.start} ms (invariant 4)`);
    if (record.attempts.length > world.settings.limits.attempts + ROUTER_LIMITS.unsentAttemptsMax)
      add(`${id}: ${record.attempts.length} attempts (invariant 6)`);
  }
  if (kept > LIMITS.journeysKeptMax) add('journeys: beyond their bound (invariant 6)');
} // prettier-ignore
