// One `vllm serve` on loopback as a child, in a process group of its own: started, awaited, ended, started again at its address.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BatonError } from '#core/errors.ts';

/** A start takes about 40 s of CPU, most of it imports; machines are shared. */
const HEALTH_MS = 600_000;
const EXIT_MS = 20_000;
/** Helpers that outlive the leader (Python's resource tracker) remove what it left in shared memory. */
const HELPERS_MS = 2000;

export interface VllmOptions {
  name: string;
  port: number;
  /** Folder of the `vllm` command. */
  bin: string;
  model: string;
  servedName: string;
  dtype: string;
  /** --kv-transfer-config; null: none. */
  transfer: object | null;
  /** Further flags and variables. */
  flags: readonly string[];
  env: Readonly<Record<string, string>>;
  logFile: string;
}

/** What vLLM needs on a CPU machine without a hub; one thread each, because engines share the cores. */
const ENVIRONMENT = {
  HF_HUB_OFFLINE: '1',
  TRANSFORMERS_OFFLINE: '1',
  VLLM_NO_USAGE_STATS: '1',
  DO_NOT_TRACK: '1',
  VLLM_HOST_IP: '127.0.0.1',
  VLLM_CPU_KVCACHE_SPACE: '1',
  VLLM_CPU_OMP_THREADS_BIND: 'nobind',
  OMP_NUM_THREADS: '1',
  VLLM_ENABLE_V1_MULTIPROCESSING: '0',
};

/** Engines are in process groups of their own: whatever ends this process leaves none behind, as far as it may still do something. */
const running = new Set<VllmEngine>();
process.once('exit', () => {
  for (const engine of running) engine.signal('SIGKILL');
});

export class VllmEngine {
  readonly name: string;
  readonly url: string;
  readonly logFile: string;
  /** What `vllm` was started with. */
  readonly args: readonly string[];
  readonly #options: VllmOptions;
  #child: ChildProcess | null = null;

  constructor(options: VllmOptions) {
    const { name, port, model, servedName, dtype, transfer, flags, logFile } = options;
    this.name = name;
    this.url = `http://127.0.0.1:${port}`;
    this.logFile = logFile;
    this.#options = options;
    this.args = [
      ['serve', model, '--served-model-name', servedName, '--host', '127.0.0.1', '--port', String(port)],
      ['--dtype', dtype, '--enforce-eager', '--max-num-seqs', '8', ...flags],
      transfer === null ? [] : ['--kv-transfer-config', JSON.stringify(transfer)],
    ].flat();
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it and waits for /health. `start_failed` with the end of its log when it ends, or after 600 s. */
  async start(signal?: AbortSignal): Promise<void> {
    const log = openSync(this.logFile, 'a');
    const child = spawn(join(this.#options.bin, 'vllm'), this.args, {
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...process.env, ...ENVIRONMENT, ...this.#options.env },
    });
    closeSync(log);
    child.on('error', () => {
      // Its exit code stays null and it has no pid: the health check below tells.
    });
    this.#child = child;
    running.add(this);
    child.once('exit', () => running.delete(this));
    const deadline = performance.now() + HEALTH_MS;
    for (;;) {
      signal?.throwIfAborted();
      if (child.pid === undefined || !this.running) throw this.#failed('ended while starting');
      const answer = await fetch(`${this.url}/health`).catch(() => null);
      if (answer?.ok === true) return;
      if (performance.now() > deadline) throw this.#failed(`is not healthy after ${HEALTH_MS / 1000} s`);
      await sleep(250);
    }
  }

  /** SIGKILL to all its processes; resolves when it is gone. */
  kill(): Promise<void> {
    return this.#end('SIGKILL', 0);
  }

  /** SIGTERM, then SIGKILL; resolves when it is gone. */
  stop(): Promise<void> {
    return this.#end('SIGTERM', EXIT_MS);
  }

  /** @returns false: its group has ended. */
  signal(name: NodeJS.Signals | 0): boolean {
    if (this.#child?.pid === undefined) return false;
    try {
      return process.kill(-this.#child.pid, name);
    } catch {
      return false;
    }
  }

  async #end(first: NodeJS.Signals, graceMs: number): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    const gone = this.running ? new Promise((done) => child.once('exit', done)) : null;
    this.signal(first);
    const timer = setTimeout(() => {
      this.signal('SIGKILL');
    }, graceMs);
    await gone;
    clearTimeout(timer);
    const deadline = performance.now() + (graceMs > 0 ? HELPERS_MS : 0);
    while (this.signal(0) && performance.now() < deadline) await sleep(20);
    this.signal('SIGKILL');
  }

  #failed(why: string): BatonError {
    const tail = readFileSync(this.logFile, 'utf8').split('\n').slice(-40).join('\n');
    return new BatonError('start_failed', `vLLM engine ${this.name} ${why}\n${tail}`);
  }
}
