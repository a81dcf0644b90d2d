// A small disaggregated deployment of real processes for flow and fault tests, and the answers of an engine serving alone.
import { createHash } from 'node:crypto';
import { startCluster, type Cluster, type EngineSpec } from '#cli/cluster.ts';
import { seededRandom } from '#core/random.ts';
import { complete, type Asked } from './complete.ts';
import { metricSum } from './metrics.ts';
import { freePorts } from '#cli/ports.ts';
import { untilReady } from '#cli/ready.ts';
import { until } from './ready.ts';

export const TENANT = { name: 'tests', secret: 'tenant-secret-of-the-tests-32-bytes!', key: 'tests-key' };
export const OTHER = { name: 'others', secret: 'another-tenant-secret-of-32-bytes!!!', key: 'others-key' };
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export interface DeployOptions {
  engines?: EngineSpec[];
  transfer?: Record<string, unknown>;
  engine?: Record<string, unknown>;
  router?: Record<string, unknown>;
  nodes?: string[];
  /** Transfer settings of single nodes. */
  ofNode?: Record<string, Record<string, unknown>>;
  /** Nodes whose lanes are reached over a proxy on 127.0.0.2. */
  proxied?: readonly string[];
  env?: Record<string, string>;
  log?: string;
  logFile?: string;
  reach?: (name: string, address: string) => Promise<string>;
}

/**
 * Prefill on node a, decode on node b, one alone: `synthetic`, whose answer depends on every KV byte. Whoever is started again
 * comes back at its address.
 */
export async function deploy(options: DeployOptions = {}): Promise<Cluster> {
  const settings = { model: 'synthetic', pages: 1024, max_model_len: 8192, ...options.engine };
  const nodes = options.nodes ?? ['a', 'b'];
  const engines = options.engines ?? [
    { name: 'prefill-0', role: 'prefill', node: 'a', settings: {} },
    { name: 'decode-0', role: 'decode', node: 'b', settings: {} },
    { name: 'alone', role: 'both', node: null, settings: {} },
  ];
  const ports = await freePorts(3 * nodes.length + engines.length + 2);
  const port = (): number => ports.pop() ?? 0;
  const cluster = await startCluster({
    nodes: nodes.map((name) => ({
      name,
      settings: {
        arena: { bytes: 64 << 20, slots_max: 2048 },
        port: port(),
        admin: { port: port() },
        ...options.transfer,
        ...options.ofNode?.[name],
        lane: {
          silence_ms: 1000,
          port: port(),
          ...(options.proxied?.includes(name) === true ? { advertise: '127.0.0.2' } : {}),
        },
      },
    })),
    engines: engines.map((engine) => ({
      ...engine,
      settings: { ...settings, port: port(), ...engine.settings },
    })),
    router: {
      port: port(),
      admin: { port: port() },
      placement: { mode: 'disaggregated' },
      timeouts: {
        request_ms: 30_000,
        handoff_idle_ms: 4000,
        first_token_ms: 8000,
        stream_idle_ms: 4000,
        lease_ms: 3000,
        drain_ms: 2000,
      },
      tenants: [TENANT, OTHER].map(({ name, secret, key }) => ({ name, secret, keys: [sha256(key)] })),
      ...options.router,
    },
    log: options.log ?? 'silent',
    ...pick(options, 'env', 'logFile', 'reach'),
  });
  await untilReady(cluster.routerUrl);
  return cluster;
}

/** The options of these names that are set. */
function pick<K extends keyof DeployOptions>(options: DeployOptions, ...names: K[]): Pick<DeployOptions, K> {
  return Object.fromEntries(
    names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  ) as Pick<DeployOptions, K>;
}

let asked = 0;

/** A prompt of `length` tokens that no other test uses. */
export function promptOf(length: number, seed: number): Uint32Array {
  const random = seededRandom(seed);
  return Uint32Array.from({ length }, () => Math.floor(random.unit() * 250));
}

export interface AskOptions {
  answerTokens?: number;
  key?: string;
  signal?: AbortSignal;
  id?: string;
}

/** Asks the router. */
export function ask(cluster: Cluster, tokens: Uint32Array, options: AskOptions = {}): Promise<Asked> {
  const { answerTokens = 4, key = TENANT.key, id = `fault-${++asked}`, signal } = options;
  const headers = { authorization: `Bearer ${key}` };
  return complete({ url: cluster.routerUrl, id, tokens, answerTokens, model: 'synthetic', headers, extra: {}, ...(signal === undefined ? {} : { signal }) }); // prettier-ignore
}

/** The right answer: from the engine that no router and no service stands before. */
export async function rightAnswer(
  cluster: Cluster,
  tokens: Uint32Array,
  answerTokens = 4,
): Promise<number[]> {
  const url = cluster.member('alone').url;
  const alone = await complete({
    url,
    id: `alone-${++asked}`,
    tokens,
    answerTokens,
    model: 'synthetic',
    headers: {},
    extra: {},
  });
  return alone.tokenIds;
}

/** Sum of a `baton_transfer_…` metric over the services that live. */
export function transferMetric(cluster: Cluster, name: string): Promise<number> {
  return metricSum(cluster.services, `baton_transfer_${name}`);
}

/** Pins, quiescing slots and live tickets are back at none in every service given. */
export async function untilBaseline(cluster: Cluster, nodes: readonly string[]): Promise<void> {
  const members = cluster.services.map((s) => cluster.member(s.name)).filter((s) => nodes.includes(s.name));
  await untilAtRest(members);
}

/** The same of services that no cluster of ours holds. */
export async function untilAtRest(
  services: readonly { name: string; adminUrl: string | null }[],
): Promise<void> {
  const nodes = services.map(({ name }) => name).join(', ');
  for (const gauge of [
    'arena_pins',
    'arena_quiescing',
    'tickets_live',
    'ledger_live',
    'arena_bytes_pinned',
  ]) {
    await until(
      `${gauge} is back at 0 on ${nodes}`,
      async () => (await metricSum(services, `baton_transfer_${gauge}`)) === 0,
      15_000,
    );
  }
}
