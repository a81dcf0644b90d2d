// Two vLLM engines under Baton on loopback: a transfer service and an engine for prefill, the same for decode, the router.
//   node scripts/vllm-pair.mjs MODEL_FOLDER [--dtype float32] [--block-size 32] [--wheel FOLDER] [--prefill-flags FLAGS] [--keep]
// Prints one JSON line when all are ready (minutes) and stays until it is interrupted; then everything ends, by pid.
// BATON_VLLM_VENV names the environment (scripts/vllm-venv.mjs); the connector comes from the tree, or from the folder
// that --wheel names, into which its wheel is unpacked (pip install --target FOLDER WHEEL).
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { makeVenv } from './vllm-venv.mjs';
import { node, root } from './run.mjs';

const HEALTH_MS = 600_000;
const EXIT_MS = 20_000;

const clusterKey = randomBytes(32).toString('hex');

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** A Baton process; its ready line as an object. */
async function startBaton(command, folder, sections) {
  const file = join(folder, `${sections.name}.json`);
  writeFileSync(file, JSON.stringify({ log: 'info', ...sections.config }), { mode: 0o600 });
  const log = openSync(join(folder, `${sections.name}.log`), 'a');
  const main = join(root, 'cli/main.ts');
  const child = spawn(node, [main, command, '--config', file, '--watch-stdin'], {
    stdio: ['pipe', 'pipe', log],
    env: { ...process.env, BATON_CLUSTER_KEY: clusterKey },
  });
  const ready = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line)));
    child.once('exit', (code) =>
      reject(new Error(`${sections.name} ended with ${code}; see ${folder}/${sections.name}.log`)),
    );
  });
  return { child, ready };
}

/** One `vllm serve`, in a process group of its own. */
function startVllm(options, name, port, extra) {
  const { folder, venv, model, dtype, blockSize, maxModelLen, servedName } = options;
  const transfer = {
    kv_connector: 'BatonConnector',
    kv_connector_module_path: 'baton_vllm.connector',
    kv_role: 'kv_both',
    kv_load_failure_policy: 'recompute',
    kv_connector_extra_config: {
      engine: name,
      check_file: join(folder, `${name}.check.jsonl`),
      ...extra.connector,
    },
  };
  const log = openSync(join(folder, `${name}.log`), 'a');
  const flags = [
    ['serve', model, '--served-model-name', servedName, '--host', '127.0.0.1', '--port', String(port)],
    ['--dtype', dtype, '--enforce-eager', '--max-model-len', String(maxModelLen), '--max-num-seqs', '8'],
    ['--block-size', String(blockSize), '--kv-transfer-config', JSON.stringify(transfer)],
    extra.flags ?? [],
  ].flat();
  const package_ = options.wheel
    ? { PYTHONPATH: options.wheel }
    : {
        PYTHONPATH: join(root, 'engines/vllm'),
        BATON_LIBRARY: join(root, 'native/build/Release/libbaton.so'),
      };
  return spawn(join(venv, 'bin/vllm'), flags, {
    stdio: ['ignore', log, log],
    detached: true,
    env: {
      ...process.env,
      HF_HUB_OFFLINE: '1',
      TRANSFORMERS_OFFLINE: '1',
      VLLM_NO_USAGE_STATS: '1',
      DO_NOT_TRACK: '1',
      VLLM_HOST_IP: '127.0.0.1',
      VLLM_CPU_KVCACHE_SPACE: '1',
      VLLM_CPU_OMP_THREADS_BIND: 'nobind',
      OMP_NUM_THREADS: '1',
      VLLM_ENABLE_V1_MULTIPROCESSING: '0',
      ...package_,
      ...extra.env,
    },
  });
}

async function healthy(name, child, url, folder) {
  const end = Date.now() + HEALTH_MS;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) {
      const tail = readFileSync(join(folder, `${name}.log`), 'utf8')
        .split('\n')
        .slice(-40)
        .join('\n');
      throw new Error(`${name} ended while starting\n${tail}`);
    }
    const answer = await fetch(`${url}/health`).catch(() => null);
    if (answer?.ok) return;
    if (Date.now() > end) throw new Error(`${name} is not healthy after ${HEALTH_MS / 1000} s`);
    await new Promise((wake) => setTimeout(wake, 500));
  }
}

async function stopChild(child, group) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => child.once('exit', done));
  const send = (signal) => {
    try {
      process.kill(group ? -child.pid : child.pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  };
  send('SIGTERM');
  const timer = setTimeout(() => send('SIGKILL'), EXIT_MS);
  await gone;
  clearTimeout(timer);
}

/** Starts everything; `stop()` ends it and, unless `keep`, removes the folder. */
export async function startPair(given) {
  const folder = mkdtempSync(join(tmpdir(), 'baton-vllm-'));
  const options = {
    dtype: 'float32', blockSize: 32, maxModelLen: 4096, servedName: 'tiny', ...given, folder,
    venv: given.venv ?? (await makeVenv('full')),
  }; // prettier-ignore
  const started = [];
  const shm = existsSync('/dev/shm') ? '/dev/shm' : folder;
  const arenas = [];
  const stop = async (keep = false) => {
    for (const { child, group } of started.reverse()) await stopChild(child, group);
    for (const arena of arenas) rmSync(arena, { force: true });
    if (!keep) rmSync(folder, { recursive: true, force: true });
  };
  try {
    const engines = [];
    const services = [];
    for (const [name, role] of [
      ['p0', 'prefill'],
      ['d0', 'decode'],
    ]) {
      // prettier-ignore
      const at = `node-${name}`;
      const arena = join(shm, `${folder.split('/').at(-1)}-${name}`);
      arenas.push(arena);
      const socket = join(folder, `${name}.sock`);
      const transfer = {
        node: at, port: 0, admin: { port: 0 }, socket, arena: { path: arena, bytes: 512 << 20, ephemeral: true },
      }; // prettier-ignore
      const { child, ready } = await startBaton('transfer', folder, { name: at, config: { transfer } });
      started.push({ child, group: false });
      services.push({ node: at, address: ready.url });
      const port = await freePort();
      const { connector, ...extra } = given[role] ?? {};
      const vllm = startVllm(options, name, port, { ...extra, connector: { socket, ...connector } });
      started.push({ child: vllm, group: true });
      engines.push({ name, role, node: at, url: `http://127.0.0.1:${port}`, admin: ready.adminUrl, vllm });
    }
    await Promise.all(engines.map(({ name, url, vllm }) => healthy(name, vllm, url, folder)));
    const tokenizer = join(options.model, 'tokenizer.json');
    const chat = join(options.model, 'chat_template.jinja');
    const router = {
      port: 0, admin: { port: 0 }, services, placement: { mode: 'disaggregated' },
      engines: engines.map(({ name, url, node: at, role }) => ({ name, url, node: at, role, model: options.servedName })),
      models: [{ name: options.servedName, tokenizer, chat_template: chat, max_model_len: options.maxModelLen }],
    }; // prettier-ignore
    const { child, ready } = await startBaton('router', folder, { name: 'router', config: { router } });
    started.push({ child, group: false });
    const [prefill, decode] = engines.map(({ url, admin, name, vllm }) => ({
      url,
      admin,
      pid: vllm.pid,
      log: join(folder, `${name}.log`),
      check: join(folder, `${name}.check.jsonl`),
    }));
    return { folder, router: ready.url, routerAdmin: ready.adminUrl, prefill, decode, stop };
  } catch (error) {
    await stop(true);
    throw error;
  }
}

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      dtype: { type: 'string' },
      'block-size': { type: 'string' },
      wheel: { type: 'string' },
      'prefill-flags': { type: 'string' },
      keep: { type: 'boolean' },
    },
  });
  const pair = await startPair({
    model: positionals[0],
    wheel: values.wheel,
    prefill: { flags: values['prefill-flags']?.split(' ') },
    ...(values.dtype && { dtype: values.dtype }),
    ...(values['block-size'] && { blockSize: Number(values['block-size']) }),
  });
  const { stop, ...about } = pair;
  console.log(JSON.stringify(about));
  const end = () => void stop(values.keep).then(() => process.exit(0));
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
}
