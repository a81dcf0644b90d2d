// The two ends of the lane bench as processes, each pinned to a core of its own: started once, measured many times.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface Measured {
  gb_per_s: number;
  cpu_s_per_gb: number;
  right: boolean;
  /** CPU seconds per GB by stage. */
  profile: Record<string, number>;
}

export interface Ends {
  pids: { source: number; target: number };
  measure(seconds: number): Promise<Measured>;
  stop(): Promise<void>;
}

export interface EndsOptions {
  mode: 'arena' | 'pages';
  pageTokens: number;
  layers: number;
  depth: number;
  verifyScatter: boolean;
}

/** Slots of the target's arena (256 MiB) and chunks of the source's in arena mode: enough more that none is still held at the
 * target when its turn comes again, whatever the order in which tickets of one time ended. */
const sizes = (layers: number): { slots: number; chunks: number } => ({
  slots: 256 / layers,
  chunks: 256 / layers + 8,
});

export async function startEnds(
  folderOfBenches: string,
  cores: { source: number; target: number },
  options: EndsOptions,
): Promise<Ends> {
  const folder = mkdtempSync(join('/dev/shm', 'baton-bench-'));
  const { slots, chunks } = sizes(options.layers);
  const common = { mode: options.mode, 'page-tokens': options.pageTokens, layers: options.layers, folder };
  const children: ChildProcess[] = [];
  const start = (
    core: number,
    name: string,
    args: object,
  ): { lines: AsyncIterator<string>; child: ChildProcess } => {
    const flags = Object.entries(args).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
    const child = spawn('taskset', ['-c', String(core), join(folderOfBenches, name), ...flags], {
      stdio: ['pipe', 'pipe', 'inherit'],
      cwd: tmpdir(),
    });
    children.push(child);
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  };
  const line = async (from: AsyncIterator<string>): Promise<Record<string, unknown>> => {
    const next = await from.next();
    if (next.done === true) throw new Error('an end of the lane ended');
    return JSON.parse(next.value) as Record<string, unknown>;
  };
  const stop = async (): Promise<void> => {
    const gone = children.filter((child) => child.exitCode === null).map((child) => once(child, 'exit'));
    for (const child of children.toReversed()) child.kill('SIGTERM');
    await Promise.all(gone);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const target = start(cores.target, 'lane_target', {
      ...common, slots: slots, 'verify-scatter': options.verifyScatter ? 1 : 0,
    }); // prettier-ignore
    const lanePort = (await line(target.lines))['lane_port'];
    const source = start(cores.source, 'lane_source', {
      ...common, slots: chunks + 1, chunks, depth: options.depth, 'lane-port': lanePort,
    }); // prettier-ignore
    await line(source.lines);
    // Both have opened what they need: nothing is left behind, however this ends.
    rmSync(folder, { recursive: true, force: true });
    return {
      pids: { source: source.child.pid ?? 0, target: target.child.pid ?? 0 },
      measure: async (seconds) => {
        source.child.stdin?.write(`${seconds}\n`);
        return (await line(source.lines)) as unknown as Measured;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
