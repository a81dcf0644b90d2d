// Starts, once for all files of test/vllm, the pairs of real vLLM engines, all at the same time, and warms each; a listener of its
// own on loopback starts a member again that a test has killed. BATON_SKIP_VLLM=1 starts nothing: every test is skipped.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { all } from '#cli/cluster.ts';
import { installBaton } from '#cli/vllm/environment.ts';
import { vllmModel } from '#cli/vllm/model.ts';
import { startVllmPair, type PairOptions, type VllmPair } from '#cli/vllm/pair.ts';
import { MODEL, type Live, type PairName } from './live.ts';
import { warm } from './ask.ts';

type Variant = Pick<PairOptions, 'dialect' | 'dtype'> & Partial<PairOptions>;

/** Lets a test empty an engine's own prefix cache. */
const env = { VLLM_SERVER_DEV_MODE: '1' };

/** Room for one prompt of full length and little beside it, and prompts that are computed at the same time: prefill preempts. */
const SMALL_CACHE = ['--num-gpu-blocks-override', '160', '--long-prefill-token-threshold', '512'];

const VARIANTS: Readonly<Record<PairName, (folder: string) => Variant>> = {
  baton: (folder) => ({
    dialect: 'baton',
    dtype: 'float32',
    prefill: { env, flags: [...telling(folder, 'baton-p').flags, ...SMALL_CACHE] },
    decode: { env },
  }),
  nixl: (folder) => ({
    dialect: 'vllm-nixl',
    dtype: 'float32',
    prefill: { env, ...telling(folder, 'nixl-p') },
    decode: { env, ...telling(folder, 'nixl-d') },
  }),
  // Both engines with the same steps: in this type other steps round to other answers.
  bfloat16: () => ({ dialect: 'baton', dtype: 'bfloat16' }),
  // The real small model, in the type that a CPU without bfloat16 is quicker in.
  'small-baton': () => ({ dialect: 'baton', dtype: 'float32' }),
  'small-nixl': () => ({ dialect: 'vllm-nixl', dtype: 'float32' }),
};

const isSmall = (name: PairName): boolean => name.startsWith('small-');

/** An engine that publishes its KV events, and what the router has to know of that. */
function telling(folder: string, name: string): { flags: string[]; entry: Record<string, unknown> } {
  const [endpoint, replay] = [`ipc://${folder}/${name}.events`, `ipc://${folder}/${name}.replay`];
  const config = {
    enable_kv_cache_events: true,
    publisher: 'zmq',
    endpoint,
    replay_endpoint: replay,
    topic: name,
  };
  return {
    flags: ['--kv-events-config', JSON.stringify(config)],
    entry: { kv_events: { endpoint, replay } },
  };
}

/** Others where they are named: `BATON_VLLM_PAIRS=baton` in development, those of the small model with `--full`. */
const wanted = process.env['BATON_VLLM_PAIRS']?.split(',') ?? ['baton', 'nixl', 'bfloat16'];

/** Of an engine or a service. */
const pidOf = (pair: VllmPair, name: string): number =>
  [pair.prefill, pair.decode].find((e) => e.name === name)?.pid ?? pair.services.member(name).child.pid;

async function restartMember(pair: VllmPair, name: string): Promise<number> {
  const engine = [pair.prefill, pair.decode].find((e) => e.name === name);
  if (engine === undefined) return (await pair.services.restart(name)).child.pid;
  await engine.kill();
  await engine.start();
  return engine.pid;
}

async function listen(pairs: ReadonlyMap<string, VllmPair>): Promise<Server> {
  const server = createServer((request, response) => {
    const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://control');
    const pair = pairs.get(query.get('pair') ?? '');
    const member = query.get('member') ?? '';
    const answer = async (): Promise<number> => {
      if (pair === undefined) throw new Error('no such pair');
      return pathname === '/pid' ? pidOf(pair, member) : await restartMember(pair, member);
    };
    answer().then(
      (pid) => response.end(String(pid)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  // A restart takes as long as vLLM's start does.
  server.requestTimeout = 0;
  return server;
}

function describePair(pair: VllmPair): Live['pairs'][PairName] {
  const { prefill, decode, services, routerUrl, adminUrl, folder } = pair;
  const about = ({ name, url, pid, logFile, args }: VllmPair['prefill']) => ({ name, url, pid, logFile, args, checkFile: pair.checkFile(name) }); // prettier-ignore
  return {
    folder,
    routerUrl,
    adminUrl,
    prefill: about(prefill),
    decode: about(decode),
    services: services.services.map(({ name, adminUrl: admin, child }) => ({ name, adminUrl: admin ?? '', pid: child.pid })), // prettier-ignore
  };
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (process.env['BATON_SKIP_VLLM'] === '1') {
    project.provide('vllm', null);
    return () => Promise.resolve();
  }
  const folder = mkdtempSync(join(tmpdir(), 'baton-vllm-test-'));
  const ending = new AbortController();
  const { bin, venv, wheel } = await installBaton(folder);
  const model = await vllmModel('random', venv);
  const common = { bin, servedName: MODEL, maxModelLen: 4096, signal: ending.signal };
  const pairs = new Map<string, VllmPair>();
  const names = (Object.keys(VARIANTS) as PairName[]).filter((name) => wanted.includes(name));
  const small = names.some(isSmall) ? await vllmModel('small', venv) : '';
  const stop = async (): Promise<void> => {
    await Promise.all([...pairs.values()].map((pair) => pair.stop()));
    rmSync(folder, { recursive: true, force: true });
  };
  const start = async (name: PairName): Promise<void> => {
    const pair = await startVllmPair({
      ...common,
      model: isSmall(name) ? small : model,
      ...VARIANTS[name](folder),
    });
    pairs.set(name, pair);
    await warm(pair);
  };
  try {
    await all(names.map(start), ending);
  } catch (error) {
    await stop();
    throw error;
  }
  const control = await listen(pairs);
  const live: Live = {
    control: `http://127.0.0.1:${(control.address() as AddressInfo).port}`,
    wheel,
    model,
    pairs: Object.fromEntries([...pairs].map(([name, pair]) => [name, describePair(pair)])),
  };
  project.provide('vllm', live);
  return async () => {
    control.close();
    control.closeAllConnections();
    await stop();
  };
}
