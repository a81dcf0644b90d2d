// A whole deployment on loopback, each part a process of its own: services, engines, router. Used by the demo, by tests and
// benches.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild, type Child } from './child.ts';

type Section = Record<string, unknown>;

export interface EngineSpec {
  name: string;
  role: 'prefill' | 'decode' | 'both';
  /** Null: attached to no service, not behind the router (serving alone). */
  node: string | null;
  settings: Section; // of the engine section
  /** What router.engines says of it besides. */
  entry?: Section;
}

export interface ClusterSpec {
  nodes: { name: string; settings: Section }[];
  engines: EngineSpec[];
  /** Null: no router. */
  router: Section | null;
  env?: Record<string, string>;
  log?: string;
  onLog?: (process: string, line: string) => void;
  /** Takes the log of all processes in place of `onLog`. */
  logFile?: string;
  /** Where the router reaches an engine or a service; by default where that listens. */
  reach?: (name: string, address: string) => Promise<string>;
  /** Bound of one process's start. */
  readyMs?: number;
  /** Ends the start: whatever has been started is ended, and nothing is left. */
  signal?: AbortSignal;
}

/** On an idle core a process is ready within a second. */
const READY_MS = 120_000;

export interface Member {
  name: string;
  role: string;
  node: string | null;
  url: string;
  adminUrl: string | null;
  child: Child;
}

export interface Cluster {
  directory: string;
  routerUrl: string;
  adminUrl: string;
  router: Member | null;
  services: Member[];
  engines: Member[];
  member(name: string): Member;
  arenaPath(node: string): string;
  socketPath(node: string): string;
  /** Starts one member again, with the addresses it had where they are fixed. */
  restart(name: string): Promise<Member>;
  stop(): Promise<void>;
}

const MODEL_FILES = (model: string): Section => {
  const folder = join(import.meta.dirname, '../engines/reference/models', model);
  return { tokenizer: join(folder, 'tokenizer.json'), chat_template: join(folder, 'chat_template.jinja') };
};

/**
 * Starts services and the engines that need none, then the other engines (so that each attaches at once), then the router;
 * returns when each is ready. When one fails nothing is left of the others.
 */
export async function startCluster(spec: ClusterSpec): Promise<Cluster> {
  const directory = mkdtempSync(join(tmpdir(), 'baton-'));
  const shm = existsSync('/dev/shm') ? '/dev/shm' : directory;
  const tag = directory.slice(directory.lastIndexOf('-') + 1);
  const env = { BATON_CLUSTER_KEY: randomBytes(32).toString('hex'), ...spec.env };
  const members = new Map<string, { member: Member; again: () => Promise<Member> }>();
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(spec.signal === undefined ? [] : [spec.signal])]);
  const arenaPath = (node: string): string => join(shm, `baton-${tag}-${node}`);
  const socketPath = (node: string): string => join(directory, `${node}.sock`);

  const start = async (
    kind: Child0,
    name: string,
    sections: Section,
    about: Omit<Member, 'name' | 'url' | 'adminUrl' | 'child'>,
  ): Promise<Member> => {
    const configFile = join(directory, `${name}.json`);
    writeFileSync(configFile, JSON.stringify({ log: spec.log ?? 'warn', ...sections }), { mode: 0o600 });
    const launch = async (): Promise<Member> => {
      const onLog = (line: string): void => spec.onLog?.(name, line);
      const child = await startChild({
        command: kind,
        configFile,
        env,
        readyMs: spec.readyMs ?? READY_MS,
        signal,
        onLog,
        ...(spec.logFile === undefined ? {} : { logFile: spec.logFile }),
      });
      const member = {
        name,
        ...about,
        url: String(child.ready['url']),
        adminUrl: text(child.ready['adminUrl']),
        child,
      };
      members.set(name, { member, again: launch });
      return member;
    };
    return launch();
  };

  const stop = async (): Promise<void> => {
    // Whoever asks goes before whom it asks.
    for (const { roles, graceMs } of END) {
      const group = [...members.values()].map((m) => m.member).filter((m) => roles.includes(m.role));
      await Promise.all(group.map((m) => m.child.stop(graceMs)));
    }
    for (const node of spec.nodes) rmSync(arenaPath(node.name), { force: true });
    rmSync(directory, { recursive: true, force: true });
  };

  const entry = (name: string) => {
    const found = members.get(name);
    if (found === undefined) throw new Error(`no member ${name}`);
    return found;
  };

  try {
    const startEngine = ({ name, role, node, settings }: EngineSpec): Promise<Member> => {
      const engine = { name, port: 0, socket: node === null ? null : socketPath(node), ...settings };
      return start('engine', name, { engine }, { role, node });
    };
    const first = [
      ...spec.nodes.map(({ name, settings }) => {
        const { arena, ...rest } = settings;
        const transfer = {
          node: name, port: 0, admin: { port: 0 }, socket: socketPath(name),
          arena: { path: arenaPath(name), ephemeral: true, ...(arena as Section | undefined) }, ...rest,
        }; // prettier-ignore
        return start('transfer', name, { transfer }, { role: 'transfer', node: name });
      }),
      ...spec.engines.filter(({ node }) => node === null).map(startEngine),
    ];
    const services = (await all(first, failed)).filter(({ role }) => role === 'transfer');
    await all(spec.engines.filter(({ node }) => node !== null).map(startEngine), failed);
    const engines = spec.engines.map(({ name }) => entry(name).member);
    let router: Member | null = null;
    if (spec.router !== null) {
      const reach = spec.reach ?? ((_name, address) => Promise.resolve(address));
      const attached = spec.engines.flatMap((e, i) =>
        e.node === null ? [] : [{ e, url: engines[i]?.url ?? '' }],
      );
      const behind = await Promise.all(
        attached.map(async ({ e, url }) => ({ e, url: await reach(e.name, url) })),
      );
      const reached = await Promise.all(
        services.map(async (s) => ({ ...s, url: await reach(s.name, s.url) })),
      );
      const models = [...new Set(behind.map(({ e }) => modelOf(e)))];
      const section = {
        port: 0, admin: { port: 0 },
        services: serviceEntries(reached),
        engines: behind.map(({ e, url }) => ({ name: e.name, url, node: e.node, role: e.role, model: modelOf(e), ...e.entry })),
        models: models.map((name) => ({ name, ...MODEL_FILES(name) })), ...spec.router,
      }; // prettier-ignore
      const { tenants, ...own } = section as Section;
      router = await start(
        'router',
        'router',
        { router: own, ...(tenants === undefined ? {} : { tenants }) },
        { role: 'router', node: null },
      );
    }
    return {
      directory, router, services, engines, stop, arenaPath, socketPath,
      routerUrl: router?.url ?? '', adminUrl: router?.adminUrl ?? '',
      member: (name) => entry(name).member,
      restart: (name) => entry(name).again(),
    }; // prettier-ignore
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Order and patience of the end: together less than 5 s. */
const END = [
  { roles: ['router'], graceMs: 1500 },
  { roles: ['prefill', 'decode', 'both'], graceMs: 1000 },
  { roles: ['transfer'], graceMs: 1000 },
];

/** What router.services says of them. */
export function serviceEntries(services: readonly Member[]): { node: string; address: string }[] {
  return services.map(({ name, url }) => ({ node: name, address: url.replace(/^\w+:\/\//, '') }));
}

/**
 * All, or the first error once none of them is under way any more: the first that fails aborts `failed`, whose signal ends the
 * others.
 */
export async function all<T>(starts: readonly Promise<T>[], failed: AbortController): Promise<T[]> {
  for (const start of starts) {
    start.catch((error: unknown) => {
      failed.abort(error);
    });
  }
  const results = await Promise.allSettled(starts);
  return results.map((result) => {
    if (result.status === 'rejected') throw failed.signal.reason;
    return result.value;
  });
}

type Child0 = 'router' | 'transfer' | 'engine';

function modelOf(engine: EngineSpec): string {
  return text(engine.settings['served_name']) ?? text(engine.settings['model']) ?? 'tiny';
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
