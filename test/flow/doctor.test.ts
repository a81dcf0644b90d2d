// `baton doctor` against real processes and against workers that hang, lie or are not there.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '#cli/cluster.ts';
import { systemClock } from '#core/clock.ts';
import { systemRandom } from '#core/random.ts';
import { parseSettings } from '#core/schema.ts';
import { settings } from '#core/settings.ts';
import { runDoctor, type Finding } from '#router/doctor/main.ts';
import { deploy } from '#test/support/deployment.ts';
import { KvPublisher } from '#test/support/kv-publisher.ts';
import { metricAt, metricSum } from '#test/support/metrics.ts';
import { answerWell, startMockEngine, type MockEngine } from '#test/support/mock-engine.ts';
import { freePorts } from '#cli/ports.ts';
import { until } from '#test/support/ready.ts';
import { startDecodeWorker, startPrefillWorker } from '#test/support/replay-worker.ts';

type Tree = Record<string, unknown>;
const ROOT = join(import.meta.dirname, '../..');
const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

/** Findings on a router section; the admin port is nobody's unless given. */
function doctor(router: Tree, probe = false, keys: readonly Uint8Array[] = []): Promise<Finding[]> {
  const config = parseSettings(settings, { router: { admin: { port: 0 }, ...router } }, 'test');
  return runDoctor(config, probe, { keys, clock: systemClock, random: systemRandom });
}

const lines = (findings: readonly Finding[]): string[] =>
  findings.map(({ where, code }) => `${where} ${code}`);
const of = (findings: readonly Finding[], name: string): string[] =>
  findings.flatMap(({ where, code }) => (where === name ? [code] : []));

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

async function command(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const child = spawn(process.execPath, [join(ROOT, 'cli/main.ts'), 'doctor', ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

/** A server of one page for everything: null, and it accepts and never says a word. */
async function startServer(page: string | null): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    if (page !== null) socket.end(page);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    return once(server.close(), 'close');
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('of a Baton deployment', () => {
  const key = randomBytes(32).toString('hex');
  let cluster: Cluster;
  let file: string;
  let router: Tree;

  beforeAll(async () => {
    cluster = await deploy({ env: { BATON_CLUSTER_KEY: key } });
    file = join(cluster.directory, 'router.json');
    router = (JSON.parse(readFileSync(file, 'utf8')) as { router: Tree }).router;
  }, 60_000);

  afterAll(async () => {
    await cluster.stop();
  });

  const admin = (): string[] => ['--set', `router.admin.port=${new URL(cluster.adminUrl).port}`];
  const routers = (): Promise<number> => metricSum(cluster.services, 'baton_transfer_routers_up');

  test('reads the router’s own file, finds no error, and disturbs nobody', async () => {
    const before = await metricSum(cluster.services, 'baton_transfer_streams_cut_total');
    const { code, stdout } = await command(['--config', file, '--json', '--probe', ...admin()], {
      BATON_CLUSTER_KEY: key,
    });
    const findings = JSON.parse(stdout) as Finding[];
    expect(findings.filter(({ level }) => level === 'error')).toEqual([]);
    expect(code).toBe(0);
    expect(lines(findings)).toEqual(
      expect.arrayContaining([
        'a service_answers', 'b service_answers', 'services transport_tcp', 'synthetic rendering_on', 'synthetic pair_fits',
        'prefill-0 engine_answers', 'decode-0 engine_answers',
      ]),
    ); // prettier-ignore
    // The engines of this deployment take 8192 tokens, the file lets 16384 through.
    expect(of(findings, 'decode-0')).toContain('max_model_len_differs');
    await until('only the router’s own streams are left', async () => (await routers()) === 2);
    expect(await metricSum(cluster.services, 'baton_transfer_streams_cut_total')).toBe(before);
    expect(await metricAt(cluster.adminUrl, 'baton_router_services_up')).toBe(2);
  });

  test('with another cluster key is told so, and prints no key', async () => {
    const other = randomBytes(32).toString('hex');
    const ran = await command(['-c', file, ...admin()], { BATON_CLUSTER_KEY: other });
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/^error {4}a +service_key_refused .*cluster\.key_files/m);
    expect(ran.stdout).toMatch(/^error {4}b +service_key_refused /m);
    expect(ran.stdout.trimEnd()).toMatch(/\n\d+ findings: 2 error, .* ok$/);
    for (const secret of [key, other]) expect(ran.stdout + ran.stderr).not.toContain(secret);
  });

  test('names an engine of the file that is not attached, and one that is attached and not in the file', async () => {
    const [first, ...rest] = router['engines'] as Tree[];
    const engines = [{ ...first, name: 'ghost' }, ...rest];
    const findings = await doctor({ ...router, admin: { port: 0 }, engines }, false, [Buffer.from(key)]);
    expect(of(findings, 'ghost')).toContain('engine_not_attached');
    expect(findings.find(({ code }) => code === 'engine_not_listed')?.what).toContain('prefill-0');
    expect(of(findings, 'router')).toEqual(['router_unreachable']);
  });

  test('finds the service of another node, and none', async () => {
    const [a] = router['services'] as { address: string }[];
    const [port] = await freePorts(1);
    const services = [
      { node: 'b', address: a?.address },
      { node: 'a', address: `127.0.0.1:${port}` },
    ];
    const findings = await doctor({ ...router, admin: { port: 0 }, services }, false, [Buffer.from(key)]);
    expect(of(findings, 'b')).toEqual(['service_wrong_node']);
    expect(of(findings, 'a')).toEqual(['service_unreachable']);
  });
});

test('workers that hang or answer garbage are findings, and nothing waits for them for ever', async () => {
  const hangs = await startServer(null);
  const garbage = await startServer('\u0000\u0001 not http\r\n\r\n');
  const mock = await startMockEngine();
  ends.push(() => mock.kill());
  mock.pages.set('/v1/models', '{"data":[null,{"id":7},{"id":"\\u001b[2Jodd"}]}');
  mock.pages.set('/version', '{"version":{"deep":[]}}');
  mock.pages.set('/metrics', 'vllm:cache_config_info{block_size="x",cache_dtype="');
  mock.pages.set('/server_info?config_format=json', '{"vllm_config":{"kv_transfer_config":7}}');
  mock.script = () => undefined; // never answers
  const entry = (name: string, url: string): Tree => ({ name, url, role: 'both', model: 'm' });
  const findings = await doctor(
    {
      services: [{ node: 'n', address: new URL(hangs).host }],
      engines: [entry('hangs', hangs), entry('garbage', garbage), entry('odd', mock.url)],
    },
    true,
  );
  expect(of(findings, 'hangs')).toEqual(['engine_unreachable']);
  expect(of(findings, 'garbage')).toEqual(['engine_unreachable']);
  expect(of(findings, 'odd')).toEqual(['model_differs', 'probe_failed', 'events_off']);
  expect(of(findings, 'n')).toEqual(['service_unreachable']);
  expect(JSON.stringify(findings)).not.toContain('\\u001b');
}, 60_000);

test('a running router tells whose rendering it has switched off', async () => {
  const router = await startMockEngine();
  ends.push(() => router.kill());
  router.pages.set(
    '/metrics',
    'baton_router_ready 1\nbaton_router_rendering_off{model="off"} 1\nbaton_router_rendering_off{model="doubted"} 0\n' +
      'baton_router_key_mismatches_total{model="off"} 3\nbaton_router_key_mismatches_total{model="doubted"} 1\n',
  );
  const [port] = await freePorts(1);
  const model = (name: string): Tree => ({ name, tokenizer: 'a.json', chat_template: 'b.jinja' });
  const findings = await doctor({
    admin: { port: Number(new URL(router.url).port) },
    engines: [{ name: 'e', url: `http://127.0.0.1:${port}`, role: 'both', model: 'off' }],
    models: ['off', 'doubted', 'well'].map(model),
  });
  expect(of(findings, 'off')).toEqual(['rendering_switched_off']);
  expect(of(findings, 'doubted')).toEqual(['key_mismatches']);
  expect(of(findings, 'well')).toEqual(['rendering_on']);
});

describe('of vLLM engines with NIXL', () => {
  const SERVER = (policy: string): string =>
    JSON.stringify({
      vllm_config: {
        model_config: { dtype: 'torch.float32' },
        kv_transfer_config: { kv_connector: 'NixlConnector', kv_load_failure_policy: policy },
        kv_events_config: null,
      },
      vllm_env: { VLLM_SECRET: 'not-to-be-printed' },
    });

  function dress(engine: MockEngine, blockTokens: number, policy: string | null): void {
    ends.push(() => engine.kill());
    engine.pages.set('/version', '{"version":"0.32.0"}');
    engine.pages.set('/v1/models', '{"data":[{"id":"tiny","root":"/m","max_model_len":32768}]}');
    const labels = `block_size="${blockTokens}",cache_dtype="auto",num_gpu_blocks="2048",prefix_caching_hash_algo="sha256"`;
    engine.pages.set('/metrics', `vllm:cache_config_info{${labels}} 1.0\n`);
    if (policy !== null) engine.pages.set('/server_info?config_format=json', SERVER(policy));
  }

  /** Two prefill workers and a decode worker that answer as recorded. */
  async function pair() {
    const [p1, p2] = await Promise.all([startPrefillWorker(), startPrefillWorker()]);
    const d1 = await startDecodeWorker([p1, p2]);
    dress(p1.engine, 128, 'recompute');
    dress(p2.engine, 128, 'recompute');
    dress(d1.engine, 64, 'fail');
    const entry = (name: string, url: string, role: string): Tree => ({
      name, url, role, model: 'tiny', dialect: 'vllm-nixl',
    }); // prettier-ignore
    const engines = [
      entry('p1', p1.engine.url, 'prefill'),
      entry('p2', p2.engine.url, 'prefill'),
      entry('d1', d1.engine.url, 'decode'),
    ];
    return { p1, p2, d1, engines, entry };
  }

  test('finds params that send a decode engine on another host to itself', async () => {
    const { p1, engines, entry } = await pair();
    // Both say 127.0.0.1, as recorded.
    const far = entry('far', 'http://192.0.2.1:9', 'decode');
    const findings = await doctor({ engines: [...engines, far] }, true);
    expect(of(findings, 'p1')).toContain('nixl_host_wrong');
    expect(of(findings, 'p2')).toContain('nixl_host_wrong');
    expect(of(findings, 'far')).toEqual(['engine_unreachable']);
    const [asked] = p1.engine.requests;
    expect(asked?.json).toMatchObject({ max_tokens: 1, stream: false, kv_transfer_params: { do_remote_decode: true } });
  }); // prettier-ignore

  test('finds a side channel that takes no connection, and params that are not there', async () => {
    const { p1, p2, d1, engines } = await pair();
    const open = Number(new URL(await startServer(null)).port);
    const [closed = 0] = await freePorts(1);
    p1.tamper = (params) => params.replace(/"remote_port":\d+/, `"remote_port":${open}`);
    p2.tamper = (params) => params.replace(/"remote_port":\d+/, `"remote_port":${closed}`);
    const findings = await doctor({ engines }, true);
    expect(of(findings, 'p1')).toContain('nixl_reachable');
    expect(of(findings, 'p2')).toContain('nixl_port_closed');
    // No decode leg follows: only p1 and p2 were asked for params.
    expect(d1.engine.requests.map(({ json }) => json['kv_transfer_params'])).toEqual([undefined]);
    p1.tamper = () => null;
    p2.tamper = (params) => params.replace(/"remote_engine_id":"[^"]*"/, '"remote_engine_id":null');
    const bad = await doctor({ engines }, true);
    expect(bad.filter(({ code }) => code === 'nixl_params_bad').map(({ where, what }) => `${where}: ${what}`)).toEqual([
      'p1: its kv_transfer_params are missing', 'p2: its kv_transfer_params are half filled',
    ]);
  }); // prettier-ignore

  test('tells policies, block sizes and what it cannot know, without asking for a prompt', async () => {
    const { p1, p2, d1, engines } = await pair();
    p2.engine.pages.delete('/server_info?config_format=json');
    const findings = await doctor({ engines });
    expect(of(findings, 'tiny (vllm-nixl)')).toEqual(['block_size_differs', 'dtype_unknown']);
    expect(of(findings, 'd1')).toEqual(['engine_answers', 'policy_not_recompute', 'events_off']);
    expect(of(findings, 'p1')).toEqual(['engine_answers', 'nixl_unknown', 'events_off']);
    expect([p1, p2, d1].flatMap(({ engine }) => engine.requests)).toEqual([]);
    expect(JSON.stringify(findings)).not.toContain('not-to-be-printed');
  });
});

describe('of engines with KV events', () => {
  const BLOCK = 16;

  /** An engine that tells the blocks of each prompt; its names begin with `seed`. */
  async function publishing(name: string, seed: bigint): Promise<{ entry: Tree; publisher: KvPublisher; engine: MockEngine }> {
    const [engine, publisher] = [await startMockEngine(), new KvPublisher()];
    await publisher.listen();
    ends.push(() => {
      publisher.close();
      return engine.kill();
    });
    engine.pages.set('/v1/models', '{"data":[{"id":"m"}]}');
    engine.script = async (seen) => {
      const tokens = [...Buffer.from(String(seen.json['prompt'])).subarray(0, 4 * BLOCK)];
      const hashes = Array.from({ length: 4 }, (_, i) => seed + BigInt(i));
      await publisher.say([
        { type: 'BlockStored', block_hashes: hashes, parent_block_hash: null, token_ids: tokens, block_size: BLOCK, medium: 'GPU', extra_keys: [[seen.json['cache_salt']], null, null, null] },
      ]);
      await answerWell(seen);
    };
    const entry = { name, url: engine.url, role: 'both', model: 'm', kv_events: publisher.settings };
    return { entry, publisher, engine };
  } // prettier-ignore

  test('hears them, and finds names of blocks that differ', async () => {
    const [a, b] = [await publishing('a', 1n << 60n), await publishing('b', 1n << 61n)];
    const findings = await doctor({ engines: [a.entry, b.entry] }, true);
    expect(of(findings, 'a')).toEqual(['engine_answers', 'events_heard']);
    expect(of(findings, 'b')).toEqual(['engine_answers', 'events_heard']);
    const differ = findings.find(({ code }) => code === 'hash_seed_differs');
    expect(differ).toMatchObject({ where: 'm', level: 'warning' });
    expect(differ?.mend).toContain('PYTHONHASHSEED');
  });

  test('finds names alike where they are, and who is silent or not there', async () => {
    const [a, b] = [await publishing('a', 7n), await publishing('b', 7n)];
    const [silent, gone] = [await publishing('silent', 7n), await publishing('gone', 7n)];
    silent.engine.script = answerWell;
    const [port] = await freePorts(1);
    const nowhere = { endpoint: `tcp://127.0.0.1:${port}`, replay: `tcp://127.0.0.1:${port}` };
    const engines = [a.entry, b.entry, silent.entry, { ...gone.entry, kv_events: nowhere }];
    const findings = await doctor({ engines }, true);
    expect(of(findings, 'm')).toContain('hash_seed_same');
    expect(of(findings, 'silent')).toEqual(['engine_answers', 'events_silent']);
    expect(of(findings, 'gone')).toEqual(['engine_answers', 'events_unreachable', 'replay_unreachable']);
  });

  test('what is no batch of events is said', async () => {
    const a = await publishing('a', 7n);
    a.engine.script = async (seen) => {
      await a.publisher.pub.send(['', Buffer.alloc(8), Buffer.from('garbage')]);
      await answerWell(seen);
    };
    expect(of(await doctor({ engines: [a.entry] }, true), 'a')).toEqual([
      'engine_answers',
      'events_malformed',
    ]);
  });
});

test('a wrong configuration ends with 2 and says what to do', async () => {
  const ran = await command(['--set', 'router.engines=[{name: a}]']);
  expect([ran.code, ran.stdout]).toEqual([2, '']);
  expect(ran.stderr).toMatch(/^baton: \[bad_config\] .*router\.engines\.0\.url/);
});
