// Gathers the facts of a deployment, all workers at once. Nothing here judges, and nothing waits longer than its bound.
import { setTimeout as pause } from 'node:timers/promises';
import { hex } from '#core/ids.ts';
import type { RouterSettings } from '#core/settings.ts';
import type { Upstream } from '../edge/contract.ts';
import type { KvTransport } from '../kv-events/zeromq.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import type { EngineFacts, Facts, ProbeFacts } from './facts.ts';
import { gatherEngine } from './gather-engine.ts';
import { Listener } from './gather-events.ts';
import { gatherRouter } from './gather-router.ts';
import { gatherService, type ServiceDeps } from './gather-service.ts';
import { probeEngine, type Prompt } from './probe.ts';

export interface GatherDeps extends ServiceDeps {
  upstream: Upstream;
  transport: () => Promise<KvTransport>;
}

export async function gather(settings: RouterSettings, probed: boolean, deps: GatherDeps): Promise<Facts> {
  const [engines, services, router] = await Promise.all([
    gatherEngines(settings, probed, deps),
    Promise.all(settings.services.map((entry) => gatherService(entry, deps))),
    gatherRouter(settings, deps.upstream),
  ]);
  return { settings, probed, engines, services, router };
}

async function gatherEngines(
  { engines }: RouterSettings,
  probed: boolean,
  deps: GatherDeps,
): Promise<EngineFacts[]> {
  const publishing = engines.filter(({ kv_events: { endpoint } }) => endpoint !== null);
  const transport = publishing.length === 0 ? null : await deps.transport();
  const listeners = transport === null ? [] : publishing.map((entry) => new Listener(entry, transport));
  const [facts] = await Promise.all([
    Promise.all(engines.map((entry) => gatherEngine(entry, deps.upstream))),
    Promise.all(listeners.flatMap((listener) => [listener.start(), listener.askReplay()])),
  ]);
  const probes = probed ? await probe(facts, listeners, deps) : new Map<string, ProbeFacts>();
  if (!probed) await heardBy(listeners);
  const events = new Map(listeners.map((listener) => [listener.entry.name, listener.close()]));
  return facts.map((one) => ({
    ...one,
    events: events.get(one.entry.name) ?? null,
    probe: probes.get(one.entry.name) ?? null,
  }));
}

/** Every healthy engine gets the same prompt; those that answer a second one where a listener was not yet connected. */
async function probe(
  engines: readonly EngineFacts[],
  listeners: readonly Listener[],
  { upstream, random }: GatherDeps,
): Promise<Map<string, ProbeFacts>> {
  const root = hex(random.bytes(32));
  const probes = new Map<string, ProbeFacts>();
  let asked = engines.filter(({ health }) => health === 200);
  for (let round = 0; round < 2; round++) {
    const prompt: Prompt = { text: hex(random.bytes(promptBytes(asked))), root };
    await Promise.all(
      asked.map(async (engine) => probes.set(engine.entry.name, await probeEngine(engine, prompt, upstream))),
    );
    asked = asked.filter(({ entry }) => probes.get(entry.name)?.status === 200);
    const listening = listeners.filter(({ entry }) => asked.some((engine) => engine.entry === entry));
    if (await heardBy(listening)) break;
  }
  return probes;
}

/** A prompt has twice as many hexadecimal characters, and no more tokens than that. */
function promptBytes(engines: readonly EngineFacts[]): number {
  const lengths = engines.flatMap(
    ({ models }) => models?.map(({ maxModelLen }) => maxModelLen ?? Infinity) ?? [],
  );
  const chars = Math.min(ROUTER_LIMITS.doctorPromptChars, ...lengths.map((length) => length / 2));
  return Math.max(1, Math.floor(chars / 2));
}

/** Waits until all have heard something, or for as long as it is worth. */
async function heardBy(listeners: readonly Listener[]): Promise<boolean> {
  const pauses = Math.ceil(ROUTER_LIMITS.doctorListenMs / ROUTER_LIMITS.doctorPauseMs);
  for (let i = 0; i < pauses; i++) {
    if (listeners.every(({ heard }) => heard)) return true;
    await pause(ROUTER_LIMITS.doctorPauseMs);
  }
  return false;
}
