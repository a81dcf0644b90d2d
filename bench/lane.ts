// Arena to arena and page to page over a TCP lane, digests made at the source and checked at the target, beside plain
// writev/readv and memcpy of the same pages: two processes, one core each, medians of interleaved rounds.
//   npm run bench -- lane [--rounds 7] [--seconds 1] [--layers 32] [--depth 4] [--profile]
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { nativeBenches } from './build.ts';
import { startEnds, type Ends, type Measured } from './ends.ts';
import { profiled } from './perf.ts';
import { cpuTicks, measure, median, startServer, TICK_US, type Server } from './process.ts';

const BOUNDS = { arena: 0.75, page16k: 0.4, page4k: 0.4 };
const CORES = { source: 0, target: 1 };
const IDLE_MS = 2000;
const WARM_S = 1;

interface Row {
  gb_per_s: number;
  cpu_s_per_gb: number;
}

function plain(server: Server, page: number, seconds: number): Row {
  const before = cpuTicks(server.pid);
  const args = [
    'client',
    '--port',
    String(server.port),
    '--page',
    String(page),
    '--seconds',
    String(seconds),
  ];
  const row = measure('plain', [...args, '--depth', '4'], CORES.source) as Row;
  // The server also served the client's warm-up of 0.2 s.
  const gb = row.gb_per_s * (seconds + 0.2);
  return { ...row, cpu_s_per_gb: row.cpu_s_per_gb + ((cpuTicks(server.pid) - before) * TICK_US) / 1e6 / gb };
}

export async function run(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '1' },
      layers: { type: 'string', default: '32' },
      depth: { type: 'string', default: '4' },
      profile: { type: 'boolean', default: false },
    },
  });
  const seconds = Number(values.seconds);
  const benches = nativeBenches(['lane_source', 'lane_target']);
  const stops: (() => unknown)[] = [];
  try {
    const server = await startServer('plain', ['server'], CORES.target);
    stops.push(() => {
      server.stop();
    });
    const ends = new Map<string, Ends>();
    const start = async (name: string, mode: 'arena' | 'pages', pageTokens: number, verifyScatter = false): Promise<void> => {
      const options = { mode, pageTokens, layers: Number(values.layers), depth: Number(values.depth), verifyScatter };
      const pair = await startEnds(benches, CORES, options);
      stops.push(() => pair.stop());
      ends.set(name, pair);
      // Every page of pools and arenas has been touched by all who map it before a round counts.
      await pair.measure(WARM_S);
    }; // prettier-ignore
    await start('arena', 'arena', 64);
    await start('page 16 KiB', 'pages', 64);
    await start('page 4 KiB', 'pages', 16);
    await start('page 16 KiB, scatter verifies too', 'pages', 64, true);

    const rows = new Map<string, Row[]>();
    const note = (name: string, row: Row): void => {
      rows.set(name, [...(rows.get(name) ?? []), row]);
    };
    const profiles = new Map<string, Record<string, number>[]>();
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [label, page] of [['1 MiB', 1 << 20], ['16 KiB', 16384], ['4 KiB', 4096]] as const) {
        note(`plain ${label}`, plain(server, page, seconds));
        note(`memcpy ${label}`, measure('plain', ['memcpy', '--page', String(page), '--seconds', '0.3'], CORES.source) as Row);
      } // prettier-ignore
      for (const [name, pair] of ends) {
        const measured: Measured = await pair.measure(seconds);
        if (!measured.right) throw new Error(`${name}: wrong bytes or resent runs`);
        note(name, measured);
        profiles.set(name, [...(profiles.get(name) ?? []), measured.profile]);
      }
    }
    const idle = await idleTicks([...ends.values()]);
    printTable(rows);
    printProfiles(profiles);
    console.log(`CPU of ${ends.size * 2} idle services in ${IDLE_MS} ms: ${idle} ticks of 10 ms`);
    if (values.profile)
      for (const [name, pair] of ends) await profiled(name, pair.pids, () => pair.measure(3));
    const of = (name: string): number => median((rows.get(name) ?? []).map((row) => row.gb_per_s));
    const result = {
      arena_vs_plain: round3(of('arena') / of('plain 1 MiB')),
      page16k_vs_plain: round3(of('page 16 KiB') / of('plain 16 KiB')),
      page4k_vs_plain: round3(of('page 4 KiB') / of('plain 4 KiB')),
      cpu_s_per_gb_page16k: round3(median((rows.get('page 16 KiB') ?? []).map((row) => row.cpu_s_per_gb))),
    };
    console.log(JSON.stringify(result));
    return (
      result.arena_vs_plain >= BOUNDS.arena && result.page16k_vs_plain >= BOUNDS.page16k &&
      result.page4k_vs_plain >= BOUNDS.page4k && idle === 0
    ); // prettier-ignore
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

/** Ticks that all ends together use while nothing is asked of them. */
async function idleTicks(all: readonly Ends[]): Promise<number> {
  const pids = all.flatMap(({ pids }) => [pids.source, pids.target]);
  const total = (): number => pids.reduce((sum, pid) => sum + cpuTicks(pid), 0);
  const before = total();
  await sleep(IDLE_MS);
  return total() - before;
}

function printTable(rows: ReadonlyMap<string, Row[]>): void {
  console.log('GB/s and CPU s/GB of both sides, medians [min–max]:');
  for (const [name, all] of rows) {
    const speeds = all.map((row) => row.gb_per_s);
    const cpu = median(all.map((row) => row.cpu_s_per_gb)).toFixed(3);
    const range = `[${Math.min(...speeds).toFixed(2)}–${Math.max(...speeds).toFixed(2)}]`;
    console.log(`  ${name.padEnd(34)} ${median(speeds).toFixed(3)} ${range.padEnd(12)} ${cpu}`);
  }
}

function printProfiles(profiles: ReadonlyMap<string, Record<string, number>[]>): void {
  console.log('where the CPU goes, s/GB:');
  for (const [name, all] of profiles) {
    const stages = Object.keys(all[0] ?? {}).map(
      (stage) => `${stage} ${median(all.map((profile) => profile[stage] ?? 0)).toFixed(3)}`,
    );
    console.log(`  ${name}: ${stages.join(', ')}`);
  }
}

const round3 = (value: number): number => Math.round(value * 1000) / 1000;
