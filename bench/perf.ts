// Where the CPU of two processes goes, function by function, with perf where the machine allows it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LINES = 16;

/** Runs `work` under `perf record` and prints each process's most expensive functions. */
export async function profiled(
  name: string,
  pids: Readonly<Record<string, number>>,
  work: () => Promise<unknown>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'baton-perf-'));
  try {
    const recorders = Object.entries(pids).map(([end, pid]) => {
      const args = [
        'record',
        '-q',
        '-F',
        '2000',
        '-e',
        'cpu-clock',
        '-o',
        join(folder, end),
        '-p',
        String(pid),
      ];
      return { end, child: spawn('perf', args, { stdio: 'ignore' }) };
    });
    const gone = recorders.map(({ child }) => once(child, 'exit'));
    await work();
    for (const { child } of recorders) child.kill('SIGINT');
    await Promise.all(gone);
    for (const { end } of recorders) {
      const args = ['report', '--stdio', '-i', join(folder, end), '--no-children', '--percent-limit', '1'];
      const report = spawnSync('perf', [...args, '-s', 'comm,dso,symbol'], { encoding: 'utf8' });
      const lines = report.stdout.split('\n').filter((line) => /^ +\d/.test(line));
      console.log(`perf, ${name}, ${end}:\n${lines.slice(0, LINES).join('\n') || report.stderr}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
