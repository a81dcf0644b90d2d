// A pair of vLLM engines from nothing: environment, wheel, model, engines, services, router. The pair's end removes all of it that
// is no cache.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installBaton } from './environment.ts';
import { vllmModel, type ModelKind } from './model.ts';
import { startVllmPair, type PairOptions, type VllmPair } from './pair.ts';

export interface DeployOptions extends Omit<PairOptions, 'bin' | 'model' | 'signal'> {
  kind: ModelKind;
  signal: AbortSignal;
  /** Told what is being done and how long it may take. */
  say: (line: string) => void;
}

/** Interrupted or failed, it leaves no process and no folder. */
export async function deployVllm(options: DeployOptions): Promise<VllmPair> {
  const { kind, signal, say, dialect, dtype } = options;
  const folder = mkdtempSync(join(tmpdir(), 'baton-vllm-deploy-'));
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    say('vLLM and Baton’s wheel: a few seconds where vLLM’s environment is there, else about 3 GiB to fetch');
    const { bin, venv } = await installBaton(folder, { signal, onLine: say });
    const model = await vllmModel(kind, venv, { signal, onLine: say });
    say(`two vLLM engines, ${kind} model in ${dtype}, dialect ${dialect}: one to three minutes`);
    const started = performance.now();
    const pair = await startVllmPair({ ...options, bin, model });
    say(`all ready after ${((performance.now() - started) / 1000).toFixed(0)} s`);
    const stop = async (): Promise<void> => {
      await pair.stop();
      remove();
    };
    return { ...pair, stop };
  } catch (error) {
    remove();
    throw error;
  }
}
