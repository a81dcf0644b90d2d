// What must hold again once nothing happens any more: everything is where it began, everybody knows what is, and a request is served
// (invariants 3, 4 and 6).
import type { World } from '#router/world.ts';
import { ROUTER_LIMITS } from '#router/limits.ts';
import { arenaAtRest } from './arena-check.ts';
import type { EngineNode } from './engine.ts';
import type { ServiceNode } from './service.ts';
import type { Sim } from './sim.ts';

/** What is not yet, or not again, where it began. */
export function notAtRest(sim: Sim): string[] {
  const { world } = sim.router;
  return [
    ...[...sim.asking].map(({ ask }) => `${ask.id}: has no end (invariant 4)`),
    ...(world === null ? ['the router does not listen at rest'] : routerAtRest(sim, world)),
    ...(world === null ? [] : indexAtRest(sim, world)),
    ...[...sim.engines.values()].flatMap(engineAtRest),
    ...[...sim.services.values()].flatMap((service) => serviceAtRest(sim, service)),
  ];
}

function engineAtRest({ name, engine, process }: EngineNode): string[] {
  const { waiting, loading, running, pagesUsed } = engine.load;
  return [
    ...(process.alive ? [] : [`${name}: not alive at rest`]),
    ...(waiting + loading + running + pagesUsed > 0
      ? [`${name}: ${waiting} wait, ${loading} load, ${running} run, ${pagesUsed} pages used at rest (invariant 4)`]
      : []),
    ...(engine.attached ? [] : [`${name}: not attached at rest`]),
  ];
} // prettier-ignore

function serviceAtRest(sim: Sim, { node, life, arena }: ServiceNode): string[] {
  if (life === null) return [`service ${node}: not alive at rest`];
  const { tickets_live: live = 0 } = life.bus.counters();
  const attached = life.bus.listAttachments().length;
  const here = [...sim.engines.values()].filter((engine) => engine.process.node === node).length;
  const flaws = [
    ...(life.service.live > 0 ? [`${life.service.live} tickets in the ledger at rest (invariant 4)`] : []),
    ...(live > 0 ? [`${live} tickets live at rest (invariant 4)`] : []),
    ...arenaAtRest(arena),
    ...(attached === here ? [] : [`${attached} engines attached, ${here} live`]),
  ];
  return flaws.map((flaw) => `service ${node}: ${flaw}`);
}

function routerAtRest(sim: Sim, world: World): string[] {
  const { pools, tickets, watch, services } = world;
  const flaws = pools.engines.flatMap(({ name, healthy, namespace }) => [
    ...(healthy ? [] : [`${name}: down for the router at rest`]),
    ...(namespace === null ? [`${name}: not attached for the router at rest`] : []),
  ]);
  if (watch.requests.size > 0) flaws.push(`${watch.requests.size} requests live at rest (invariant 4)`);
  if (tickets.size > 0) flaws.push(`${tickets.size} tickets are kept at rest (invariant 4)`);
  for (const node of services.nodes)
    if (!services.up(node)) flaws.push(`service ${node}: down for the router at rest`);
  return [...flaws, ...journeysAtRest(sim, world), ...retriesAtRest(sim)];
}

/** Every request's journey has an end, and no more attempts than are allowed. */
function journeysAtRest({ outcomes }: Sim, { journeys, settings }: World): string[] {
  const records = [...outcomes.keys()].flatMap((id) => journeys.get(id) ?? []);
  const most = settings.limits.attempts + ROUTER_LIMITS.unsentAttemptsMax;
  return [
    ...records.flatMap(({ id, code, end }) =>
      code === null || end === null ? [`${id}: its journey has no end (invariant 4)`] : [],
    ),
    ...records.flatMap(({ id, attempts }) =>
      attempts.length > most ? [`${id}: ${attempts.length} attempts (invariant 6)`] : [],
    ),
    ...(records.length > settings.limits.journeys ? ['journeys: beyond their bound (invariant 6)'] : []),
  ];
}

/** Retries that made an engine work again are a share of the requests, and what each of the router's lives had saved. */
function retriesAtRest({ seen, outcomes, routerLives }: Sim): string[] {
  const retries = [...seen.legs.values()].reduce((sum, { attempts }) => sum + attempts.size - 1, 0);
  const allowed =
    routerLives * ROUTER_LIMITS.retriesSavedMax + Math.ceil(outcomes.size * ROUTER_LIMITS.retryShare);
  return retries > allowed ? [`${retries} retries, ${allowed} are allowed (invariant 6)`] : [];
}

/** The index says of every key what is: nothing is under way to it any more. */
function indexAtRest({ services, seen }: Sim, { index }: World): string[] {
  for (const key of seen.keys) {
    const holders = index.match(Buffer.from(key, 'hex'));
    for (const { node, arena } of services.values())
      if (holders.has(node) !== arena.holds(key))
        return [
          `the index says that ${node} ${holders.has(node) ? 'holds' : 'lacks'} ${key.slice(0, 8)}, which is not so`,
        ];
  }
  return [];
}

/** Nothing is wrong any more: a handoff must come about, at the first attempt. */
export function notServed(sim: Sim, id: string): string[] {
  const outcome = sim.outcomes.get(id);
  if (outcome === undefined) return [`${id}: has no end (invariant 4)`];
  const attempts = sim.router.world?.journeys.get(id)?.attempts ?? [];
  const ended = attempts.map(
    ({ decision, error }) => `${decision.chosen?.kind ?? 'nothing'} ${error ?? 'ok'}`,
  );
  return outcome.kind === 'ok' && ended.join() === 'disaggregated ok'
    ? []
    : [
        `${id}: ended ${outcome.kind} after ${ended.join(', ')}, though nothing is wrong any more (invariant 4)`,
      ];
}

// What a request may meet though nothing is wrong: no room, here or there, now.
const NO_ROOM: ReadonlySet<string> = new Set([
  'no_room', 'target_full', 'source_full', 'too_large', 'busy', 'overloaded', 'no_worker', 'client_closed',
]); // prettier-ignore

/** In a run without faults nothing fails but for want of room. */
export function failedInACalm(sim: Sim): string[] {
  return [...sim.outcomes].flatMap(([id, outcome]) => {
    const attempts = sim.router.world?.journeys.get(id)?.attempts ?? [];
    const codes = [...attempts.map(({ error }) => error), 'code' in outcome ? outcome.code : null];
    const fine = ['ok', 'left', 'error'].includes(outcome.kind);
    const wrong = codes.filter((code) => code !== null && !NO_ROOM.has(code));
    return fine && wrong.length === 0
      ? []
      : [`${id}: ended ${outcome.kind} ${wrong.join(', ')} though nothing went wrong (invariant 4)`];
  });
}
