// A sound deployment as the doctor knows it: two vLLM pairs' worth of engines with NIXL and KV events, two engines under Baton on two
// nodes, and the router. Tests break one thing of it at a time.
import { parseSettings } from '#core/schema.ts';
import { settings as schema } from '#core/settings.ts';
import { VERSION } from '#core/version.ts';
import type { EngineFacts, Facts, ServiceFacts } from '#router/doctor/facts.ts';

type Mutable<T> =
  T extends ReadonlyMap<infer K, infer V>
    ? Map<K, V>
    : T extends ReadonlySet<infer V>
      ? Set<V>
      : T extends Uint8Array | string
        ? T
        : T extends readonly (infer V)[]
          ? Mutable<V>[]
          : T extends object
            ? { -readonly [K in keyof T]: Mutable<T[K]> }
            : T;
export type Sick = Mutable<Facts>;

const nixl = (name: string, host: string, role: string) => ({
  name, url: `http://${host}:8000`, role, model: 'm', dialect: 'vllm-nixl',
  kv_events: { endpoint: `tcp://${host}:5557`, replay: `tcp://${host}:5558` },
}); // prettier-ignore
const baton = (name: string, host: string, node: string, role: string) => ({
  name, url: `http://${host}:8100`, node, role, model: 'b',
}); // prettier-ignore

function sound(): Facts {
  const router = {
    services: [
      { node: 'a', address: '10.0.0.1:7001' },
      { node: 'b', address: '10.0.0.2:7001' },
    ],
    engines: [
      nixl('p1', '10.0.0.1', 'prefill'), nixl('d1', '10.0.0.2', 'decode'),
      baton('pb', '10.0.0.1', 'a', 'prefill'), baton('db', '10.0.0.2', 'b', 'decode'),
    ],
    models: [{ name: 'b', tokenizer: 't.json', chat_template: 'c.jinja' }],
  }; // prettier-ignore
  const { router: settings } = parseSettings(schema, { router }, 'test');
  const engines = settings.engines.map((entry): EngineFacts => {
    const known: EngineFacts = {
      entry,
      health: 200,
      version: entry.model === 'm' ? '0.32.0' : VERSION,
      models: [{ id: entry.model, root: `/models/${entry.model}`, maxModelLen: 32_768 }],
      cache: null,
      server: null,
      events: null,
      probe: { status: 200, nixl: null },
    };
    if (entry.dialect !== 'vllm-nixl') return known;
    return {
      ...known,
      cache: { blockTokens: 16, dtype: 'auto', hashAlgorithm: 'sha256' },
      server: { dtype: 'bfloat16', connector: 'NixlConnector', policy: 'recompute', publishesEvents: true, nixlHost: null },
      events: { endpoint: 'open', batches: 1, malformed: 0, replay: 'answers', firstBlocks: new Map([['16 0  1 2', 'aa']]) },
      probe: { status: 200, nixl: entry.role === 'prefill' ? { host: '10.0.0.1', port: 5601, reach: 'open' } : null },
    }; // prettier-ignore
  });
  const geometry = { layers: 2, heads: 2, planeBytes: [64, 64], chunkTokens: 256 };
  const services = settings.services.map(({ node, address }): ServiceFacts => ({
    node,
    address,
    info: { node, incarnation: 1n, laneHost: address.replace(/:.*/, ''), lanePort: 7003, arenaBytes: 2 ** 30, version: VERSION },
    refusal: null,
    attachments: [{ engine: node === 'a' ? 'pb' : 'db', namespace: Buffer.alloc(32, 7), geometry: structuredClone(geometry) }],
    draining: false,
    lane: 'open',
  })); // prettier-ignore
  return {
    settings,
    probed: true,
    engines,
    services,
    router: { renderingOff: new Set(), mismatches: new Map() },
  };
}

/** The sound deployment, changed. */
export function facts(change: (facts: Sick) => void = () => undefined): Facts {
  const all = sound() as Sick;
  change(all);
  return all;
}

export function engine(all: Sick, name: string): Sick['engines'][number] {
  const found = all.engines.find(({ entry }) => entry.name === name);
  if (found === undefined) throw new Error(`no engine ${name}`);
  return found;
}

export function service(all: Sick, node: string): Sick['services'][number] {
  const found = all.services.find((one) => one.node === node);
  if (found === undefined) throw new Error(`no service ${node}`);
  return found;
}
