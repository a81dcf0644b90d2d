// baton engine
import { loadConfig } from '#core/config.ts';
import { hex } from '#core/ids.ts';
import { createLogger } from '#core/log.ts';
import { runEngine } from '#engines/reference/main.ts';
import { announceReady, runUntilSignal } from './lifecycle.ts';
import type { CommonFlags } from './program.ts';

export async function engineCommand(flags: CommonFlags): Promise<void> {
  const config = loadConfig({ file: flags.config, env: process.env, sets: flags.set });
  const log = createLogger('engine', config.log);
  const running = await runEngine(config.engine, { log });
  announceReady({ url: running.url, namespace: hex(running.namespace) });
  await runUntilSignal(running, flags.watchStdin);
}
