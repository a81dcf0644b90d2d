// Yardsticks as processes: started pinned to a core, known by the port they print, ended by pid.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { yardstick, type Yardstick } from './build.ts';

export interface Server {
  port: number;
  pid: number;
  stop: () => void;
}

const pinned = (core: number | null, command: string, args: string[]): [string, string[]] =>
  core === null ? [command, args] : ['taskset', ['-c', String(core), command, ...args]];

/** Starts a yardstick that prints its port. */
export function startServer(name: Yardstick, args: string[], core: number | null): Promise<Server> {
  return startProcess(name, ...pinned(core, yardstick(name), args));
}

/** Starts a script of ours that prints its port, and ends when its standard input does. */
export function startScript(path: string, args: string[]): Promise<Server> {
  return startProcess(path, process.execPath, [path, ...args]);
}

async function startProcess(name: string, command: string, args: string[]): Promise<Server> {
  const child: ChildProcess = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  if (child.stdout === null) throw new Error('no stdout');
  const port = await new Promise<number>((resolve, reject) => {
    if (child.stdout !== null) createInterface({ input: child.stdout }).once('line', (line) => { resolve(Number(line)); }); // prettier-ignore
    child.once('exit', (code) => { reject(new Error(`${name} ended with ${code}`)); }); // prettier-ignore
  });
  return { port, pid: child.pid ?? 0, stop: () => child.kill('SIGKILL') };
}

/** Runs a yardstick to its end and reads the JSON line it prints. Blocking: nothing else of ours runs meanwhile. */
export function measure(name: Yardstick, args: string[], core: number | null): unknown {
  const done = spawnSync(...pinned(core, yardstick(name), args), { encoding: 'utf8', maxBuffer: 1 << 24 });
  if (done.status !== 0) throw new Error(`${name} failed: ${done.stdout}${done.stderr}`);
  return JSON.parse(done.stdout) as unknown;
}

/** Pins a running process and all its threads to one core. */
export function pin(pid: number, core: number): void {
  for (const thread of readdirSync(`/proc/${pid}/task`)) spawnSync('taskset', ['-pc', String(core), thread]);
}

/** One tick of cpuTicks, in µs: USER_HZ is 100 on every Linux that Node runs on. */
export const TICK_US = 10_000;

/** utime + stime of a process and all its threads, in ticks. */
export function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** CPU of some processes, and of this one, since it was made: shares of one core. */
export class CpuWatch {
  private readonly pids: Readonly<Record<string, number>>;
  private readonly before: Record<string, number>;
  private readonly own = process.cpuUsage();
  private readonly since = performance.now();

  constructor(pids: Readonly<Record<string, number>>) {
    this.pids = pids;
    this.before = this.ticks();
  }

  read(): Record<string, number> {
    const us = (performance.now() - this.since) * 1000;
    const { user, system } = process.cpuUsage(this.own);
    const shares = Object.entries(this.ticks()).map(([name, ticks]) => [name, ((ticks - (this.before[name] ?? 0)) * TICK_US) / us]); // prettier-ignore
    return { ...(Object.fromEntries(shares) as Record<string, number>), client: (user + system) / us };
  }

  private ticks(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.pids).map(([name, pid]) => [name, cpuTicks(pid)]));
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
