// Two vLLM engines behind the router on loopback, one for prefill and one for decode, over Baton's bus (with a transfer service
// for each) or over vLLM's own NixlConnector.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { all, serviceEntries, startCluster, type Cluster } from '../cluster.ts';
import { freePorts } from '../ports.ts';
import { untilReady } from '../ready.ts';
import { VllmEngine, type VllmOptions } from './engine.ts';

export type VllmDialect = 'baton' | 'vllm-nixl';

interface EngineExtras {
  flags?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Merged over its entry in router.engines. */
  entry?: Readonly<Record<string, unknown>>;
}

export interface PairOptions {
  dialect: VllmDialect;
  bin: string;
  model: string;
  servedName: string;
  dtype: string;
  maxModelLen: number;
  prefill?: EngineExtras;
  decode?: EngineExtras;
  /** False: no check files; digesting every chunk at both ends takes time. */
  check?: boolean;
  signal?: AbortSignal;
}

export interface VllmPair {
  folder: string;
  prefill: VllmEngine;
  decode: VllmEngine;
  /** Members `a` and `b`, the nodes of prefill and decode; none for vllm-nixl. */
  services: Cluster;
  /** Member `router`. */
  router: Cluster;
  routerUrl: string;
  adminUrl: string;
  /** What the connector of an engine has gathered and loaded, as JSON lines (check mode); dialect baton. */
  checkFile(engine: string): string;
  stop(): Promise<void>;
}

/** vLLM's page of tokens; a chunk is a multiple of it, and the CPU's kernels want multiples of 32. */
const BLOCK_TOKENS = 32;
const ARENA_BYTES = 512 << 20;

const ENGINES = [
  { name: 'prefill-0', role: 'prefill', node: 'a' },
  { name: 'decode-0', role: 'decode', node: 'b' },
] as const;

/** The lines of engines/vllm/README.md. */
function batonTransfer(socket: string, engine: string, extra: Record<string, unknown>): object {
  return {
    kv_connector: 'BatonConnector',
    kv_connector_module_path: 'baton_vllm.connector',
    kv_role: 'kv_both',
    kv_load_failure_policy: 'recompute',
    kv_connector_extra_config: { socket, engine, ...extra },
  };
}

function nixlTransfer(role: string): object {
  return {
    kv_connector: 'NixlConnector',
    kv_role: role === 'prefill' ? 'kv_producer' : 'kv_consumer',
    kv_buffer_device: 'cpu',
    kv_load_failure_policy: 'recompute',
  };
}

/** Starts services, engines (both at once), router; returns when all are ready. When one fails nothing is left. */
export async function startVllmPair(options: PairOptions): Promise<VllmPair> {
  const folder = mkdtempSync(join(tmpdir(), 'baton-vllm-'));
  const { dialect, signal } = options;
  const env = { BATON_CLUSTER_KEY: randomBytes(32).toString('hex') };
  const common = { env, log: 'info', ...(signal && { signal }) };
  const clusters: Cluster[] = [];
  const engines: VllmEngine[] = [];
  const stop = async (): Promise<void> => {
    const [services, router] = clusters;
    await router?.stop();
    await Promise.all(engines.map((engine) => engine.stop()));
    await services?.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const checkFile = (engine: string): string => join(folder, `${engine}.check.jsonl`);
  try {
    // Fixed, so that whoever is started again is found where it was.
    const ports = await freePorts(8);
    const port = (): number => ports.pop() ?? 0;
    const services = await startCluster({
      ...common,
      nodes: (dialect === 'baton' ? ['a', 'b'] : []).map((name) => ({
        name,
        settings: { port: port(), admin: { port: port() }, arena: { bytes: ARENA_BYTES } },
      })),
      engines: [],
      router: null,
    });
    clusters.push(services);
    for (const { name, role, node } of ENGINES) {
      const extras = options[role];
      const check = options.check === false ? {} : { check_file: checkFile(name) };
      const own: Pick<VllmOptions, 'transfer' | 'env'> =
        dialect === 'baton'
          ? {
              transfer: batonTransfer(services.socketPath(node), name, check),
              env: {},
            }
          : { transfer: nixlTransfer(role), env: nixlEnvironment(port()) };
      engines.push(
        new VllmEngine({
          name,
          port: port(),
          bin: options.bin,
          model: options.model,
          servedName: options.servedName,
          dtype: options.dtype,
          ...own,
          flags: [
            ...['--max-model-len', String(options.maxModelLen), '--block-size', String(BLOCK_TOKENS)],
            ...(extras?.flags ?? []),
          ],
          // vLLM leaves sockets and locks where temporary files go.
          env: { TMPDIR: folder, ...own.env, ...extras?.env },
          logFile: join(folder, `${name}.log`),
        }),
      );
    }
    const failed = new AbortController();
    const either = AbortSignal.any([failed.signal, ...(signal ? [signal] : [])]);
    await all(engines.map((engine) => engine.start(either)), failed); // prettier-ignore
    const router = await startCluster({
      ...common,
      nodes: [],
      engines: [],
      router: routerSection(options, engines, services),
    });
    clusters.push(router);
    await untilReady(router.routerUrl, undefined, signal);
    const [prefill, decode] = engines as [VllmEngine, VllmEngine];
    return {
      folder, prefill, decode, services, router, checkFile, stop,
      routerUrl: router.routerUrl, adminUrl: router.adminUrl,
    }; // prettier-ignore
  } catch (error) {
    await stop();
    throw error;
  }
}

function nixlEnvironment(sidePort: number): Record<string, string> {
  return {
    VLLM_NIXL_SIDE_CHANNEL_HOST: '127.0.0.1',
    VLLM_NIXL_SIDE_CHANNEL_PORT: String(sidePort),
    UCX_TLS: 'tcp,self,sm',
    UCX_NET_DEVICES: 'lo',
  };
}

function routerSection(
  options: PairOptions,
  engines: readonly VllmEngine[],
  services: Cluster,
): Record<string, unknown> {
  const { dialect, model, servedName, maxModelLen } = options;
  const own = (node: string): object => (dialect === 'baton' ? { node } : { dialect });
  return {
    placement: { mode: 'disaggregated' },
    services: serviceEntries(services.services),
    engines: ENGINES.map(({ name, role, node }, i) => ({ name, role, url: engines[i]?.url, model: servedName, ...own(node), ...options[role]?.entry })), // prettier-ignore
    models: [
      {
        name: servedName,
        tokenizer: join(model, 'tokenizer.json'),
        chat_template: join(model, 'chat_template.jinja'),
        max_model_len: maxModelLen,
      },
    ],
  };
}
