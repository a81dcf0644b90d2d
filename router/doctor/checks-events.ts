// What tells the router of engines' caches: KV events, and whether engines name blocks alike.
import { finding, type Finding } from './codes.ts';
import type { EngineFacts, EventFacts, Facts } from './facts.ts';

export function checkEvents(facts: Facts): Finding[] {
  // A service speaks for the engines of its node.
  const engines = facts.engines.filter(({ entry, health }) => entry.node === null && health !== null);
  return [...engines.flatMap(checkEngine), ...checkNames(engines)];
}

function checkEngine(engine: EngineFacts): Finding[] {
  const { entry, server, events, probe } = engine;
  const { name } = entry;
  const { endpoint } = entry.kv_events;
  if (events === null || endpoint === null) {
    if (server?.publishesEvents !== true) return [finding('events_off', name, 'no kv_events.endpoint')];
    const mend = 'Set kv_events.endpoint in router.engines[]: it publishes already.';
    return [finding('events_off', name, 'it publishes KV events and the file does not say where', { mend })];
  }
  const found = [heard(engine, events, endpoint, probe?.status === 200)];
  if (events.replay === 'silent')
    found.push(finding('replay_unreachable', name, `${String(entry.kv_events.replay)} does not answer`));
  return found;
}

function heard(
  { entry, server }: EngineFacts,
  events: EventFacts,
  endpoint: string,
  asked: boolean,
): Finding {
  const { name } = entry;
  if (events.malformed > 0)
    return finding('events_malformed', name, `${events.malformed} messages from ${endpoint} are malformed`);
  if (events.batches > 0) return finding('events_heard', name, `from ${endpoint}`);
  if (server?.publishesEvents === false)
    return finding('events_off', name, 'the engine was started without KV events');
  if (entry.kv_events.bind)
    return finding('events_unknown', name, `the router itself listens at ${endpoint}`, {
      mend: 'See baton_router_kv_event_messages_total at the router.',
    });
  if (events.endpoint === 'closed' || events.endpoint === 'unresolved')
    return finding('events_unreachable', name, `nobody listens at ${endpoint}`);
  if (asked) return finding('events_silent', name, `no event from ${endpoint} of an answered prompt`);
  return finding('events_unknown', name, `nothing came from ${endpoint} so far`);
}

function checkNames(engines: readonly EngineFacts[]): Finding[] {
  const publishing = engines.filter(({ events }) => events !== null);
  const models = [...new Set(publishing.map(({ entry }) => entry.model))];
  return models.flatMap((model) => {
    const pool = publishing.filter(({ entry }) => entry.model === model);
    return pool.length < 2 ? [] : [namesOf(model, pool)];
  });
}

function namesOf(model: string, pool: readonly EngineFacts[]): Finding {
  /** By what a block holds: its name, and the first engine that told it. */
  const names = new Map<string, { name: string; engine: EngineFacts }>();
  let shared = 0;
  for (const engine of pool) {
    for (const [block, name] of engine.events?.firstBlocks ?? []) {
      const told = names.get(block);
      if (told === undefined) names.set(block, { name, engine });
      else if (told.name === name) shared++;
      else return finding('hash_seed_differs', model, differ(told.engine, engine));
    }
  }
  if (shared === 0) return finding('hash_seed_unknown', model, 'no block was told by two engines');
  return finding('hash_seed_same', model, 'the same blocks have the same names');
}

function differ(a: EngineFacts, b: EngineFacts): string {
  const with_ = ({ entry, cache }: EngineFacts): string =>
    cache?.hashAlgorithm == null ? entry.name : `${entry.name} (${cache.hashAlgorithm})`;
  return `${with_(a)} and ${with_(b)} name a block of the same tokens differently; Baton’s index goes by tokens`;
}
