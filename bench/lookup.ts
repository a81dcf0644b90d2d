// The lookup that vLLM's scheduler makes for every prompt: how much of it does this node's arena hold? A real transfer service with
// a full arena, the connector's own scheduler half in Python, without vLLM.
//   npm run bench -- lookup [--rounds 20000] [--chunks 16384]
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { startCluster } from '#cli/cluster.ts';
import { BatonError } from '#core/errors.ts';

const SIZES = [1, 16, 128];
/** Of the longest prompt, µs: a scheduler's step must not feel it. */
const BOUND_US = 100;
const root = join(import.meta.dirname, '..');

interface Row {
  chunks: number;
  hit_p50_us: number;
  hit_p99_us: number;
  miss_p50_us: number;
  miss_p99_us: number;
}

export async function run(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: 'string', default: '20000' }, chunks: { type: 'string', default: '16384' } },
  });
  const chunks = Number(values.chunks);
  const cluster = await startCluster({
    nodes: [{ name: 'a', settings: { arena: { bytes: 512 << 20, slots_max: chunks } } }],
    engines: [],
    router: null,
  });
  try {
    const { held, rows } = await measure({
      socket: cluster.socketPath('a'),
      library: join(root, 'native/build/Release/libbaton.so'),
      package: join(root, 'engines/vllm'),
      chunks,
      rounds: Number(values.rounds),
      sizes: SIZES,
    });
    console.log(`${held} chunks held; µs per lookup:\n`);
    console.log(
      '| chunks of the prompt | hit p50 | hit p99 | miss p50 | miss p99 |\n| --- | --- | --- | --- | --- |',
    );
    for (const row of rows) console.log(`| ${Object.values(row).join(' | ')} |`);
    console.log(`\n${JSON.stringify({ rows })}`);
    return rows.every(({ hit_p50_us }) => hit_p50_us <= BOUND_US);
  } finally {
    await cluster.stop();
  }
}

async function measure(options: object): Promise<{ held: number; rows: Row[] }> {
  const python = process.env['BATON_PYTHON'] ?? 'python3';
  try {
    const done = await promisify(execFile)(
      python,
      [join(import.meta.dirname, 'lookup.py'), JSON.stringify(options)],
      {
        env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
      },
    );
    return JSON.parse(done.stdout) as { held: number; rows: Row[] };
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT')
      throw new BatonError('missing_dependency', `${python} is needed: Python 3.11 or later`);
    throw new BatonError('internal', `lookup.py failed: ${(stderr ?? String(error)).slice(-2000)}`);
  }
}
