// Router CPU per SSE event (128 streams) and per short request against a very cheap mock engine, beside a raw byte pipe in the same
// run: medians of interleaved rounds, router and pipe pinned to one core, mock and client to the other, no real-time scheduling.
//   bench -- relay [--dialect local|vllm-nixl]      vllm-nixl: two legs per request
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startChild, type Child } from '#cli/child.ts';
import { BatonError } from '#core/errors.ts';
import { measure, median, pin, startServer, type Server } from './process.ts';
import { shortBatonCost } from './relay-baton.ts';

/** Times the pipe's. */
const BOUNDS = { local: { event: 4.5, short: 9 }, 'vllm-nixl': { event: 4.5, short: 13 } };
type BenchDialect = keyof typeof BOUNDS;
const ROUNDS = 5;
// A router lives for weeks: what the JIT compiler does in its first seconds is no part of a request.
const WARM = 24_000;
const ROUTER_CORE = 0;
const LOAD_CORE = 1;

interface LoadResult {
  cpu_us_per_request: number;
  cpu_us_per_event: number;
  p50_ms: number;
  first_p50_ms: number;
  gap_p99_ms: number;
}

interface Target {
  name: string;
  port: number;
  pid: number;
}

const body = (maxTokens: number, stream: boolean): string =>
  JSON.stringify({
    model: 'mock',
    messages: [{ role: 'user', content: 'hello' }],
    max_tokens: maxTokens,
    ...(stream ? { stream } : {}),
  });

export async function run(args: string[] = []): Promise<boolean> {
  const dialect = dialectOf(args);
  const bounds = BOUNDS[dialect];
  const folder = mkdtempSync(join(tmpdir(), 'baton-bench-'));
  const files = { short: join(folder, 'short.json'), stream: join(folder, 'stream.json') };
  writeFileSync(files.short, body(2, false));
  writeFileSync(files.stream, body(50, true));
  const stops: (() => void)[] = [];
  try {
    const mock = await startServer('mock', ['--interval-us', '20000'], LOAD_CORE);
    stops.push(mock.stop);
    const pipe = await startServer('pipe', ['--upstream', String(mock.port)], ROUTER_CORE);
    stops.push(pipe.stop);
    const router = await startRouter(folder, mock, dialect);
    stops.push(() => { router.signal('SIGKILL'); }); // prettier-ignore
    pin(router.pid, ROUTER_CORE);
    const url = new URL(String(router.ready['url']));
    const targets: Target[] = [
      { name: 'pipe', port: pipe.port, pid: pipe.pid },
      { name: 'router', port: Number(url.port), pid: router.pid },
    ];
    const rows: { target: string; kind: string; result: LoadResult }[] = [];
    const load = (
      t: Target,
      kind: string,
      file: string,
      conns: number,
      requests: number,
      warm: number,
    ): void => {
      const args = [
        '--port',
        t.port,
        '--pid',
        t.pid,
        '--body',
        file,
        '--conns',
        conns,
        '--requests',
        requests,
        '--warm',
        warm,
      ];
      const result = measure('load', args.map(String), LOAD_CORE) as LoadResult;
      rows.push({ target: t.name, kind, result });
      console.log(`${kind.padEnd(7)} ${t.name.padEnd(7)} ${JSON.stringify(result)}`);
    };
    for (let round = 0; round < ROUNDS; round++) {
      for (const target of targets) load(target, 'short', files.short, 16, 8000, round === 0 ? WARM : 800);
      for (const target of targets) load(target, 'stream', files.stream, 128, 384, 128);
    }
    const value = (target: string, kind: string, pick: (r: LoadResult) => number): number =>
      median(rows.filter((r) => r.target === target && r.kind === kind).map((r) => pick(r.result)));
    const event =
      value('router', 'stream', (r) => r.cpu_us_per_event) /
      value('pipe', 'stream', (r) => r.cpu_us_per_event);
    const pipeShort = value('pipe', 'short', (r) => r.cpu_us_per_request);
    const short = value('router', 'short', (r) => r.cpu_us_per_request) / pipeShort;
    const first = value('router', 'stream', (r) => r.first_p50_ms);
    const gap = value('router', 'stream', (r) => r.gap_p99_ms);
    const baton = dialect === 'local' ? await shortBatonCost(ROUTER_CORE, LOAD_CORE) : null;
    // A 40 ms stall (Nagle and delayed ACK) would stand in the first token or in the gaps of the 20 ms stream.
    const stall = first >= 40 || gap >= 60;
    const told = baton === null ? '' : `; short baton request ${baton.toFixed(0)} us`;
    console.log(`gap p99 ${gap.toFixed(1)} ms; 40 ms stall: ${stall ? 'seen' : 'none'}${told}`);
    console.log(
      JSON.stringify({
        dialect, event_vs_pipe: round3(event), short_vs_pipe: round3(short),
        ...(baton === null ? {} : { short_baton_vs_pipe: round3(baton / pipeShort) }), first_token_ms_p50: round3(first),
      }),
    ); // prettier-ignore
    return event <= bounds.event && short <= bounds.short && !stall;
  } finally {
    for (const stop of stops.reverse()) stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function dialectOf(args: string[]): BenchDialect {
  const { dialect = 'local' } = parseArgs({ args, options: { dialect: { type: 'string' } } }).values;
  if (dialect !== 'local' && dialect !== 'vllm-nixl')
    throw new BatonError('bad_config', `--dialect ${dialect}: choose local or vllm-nixl`);
  return dialect;
}

function startRouter(folder: string, mock: Server, dialect: BenchDialect): Promise<Child> {
  const configFile = join(folder, 'router.json');
  const entry = { url: `http://127.0.0.1:${mock.port}`, model: 'mock', dialect };
  const two = [
    { ...entry, name: 'prefill', role: 'prefill' },
    { ...entry, name: 'decode', role: 'decode' },
  ];
  const router = {
    port: 0, admin: { port: 0 }, placement: { mode: dialect === 'local' ? 'local' : 'disaggregated' },
    engines: dialect === 'local' ? [{ ...entry, name: 'mock', role: 'both' }] : two,
    models: [{ name: 'mock' }],
  }; // prettier-ignore
  writeFileSync(configFile, JSON.stringify({ log: 'error', router }));
  return startChild({ command: 'router', configFile, env: {}, readyMs: 20_000, onLog: (line) => { console.error(line); } }); // prettier-ignore
}

const round3 = (value: number): number => Math.round(value * 1000) / 1000;
