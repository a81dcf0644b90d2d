// baton transfer
import { clusterKeys, loadConfig } from '#core/config.ts';
import { systemClock } from '#core/clock.ts';
import { createLogger } from '#core/log.ts';
import { systemRandom } from '#core/random.ts';
import { runTransfer } from '#transfer/main.ts';
import { announceReady, runUntilSignal } from './lifecycle.ts';
import type { CommonFlags } from './program.ts';

export async function transferCommand(flags: CommonFlags): Promise<void> {
  const config = loadConfig({ file: flags.config, env: process.env, sets: flags.set });
  const keys = clusterKeys(config, process.env);
  const log = createLogger('transfer', config.log);
  const running = await runTransfer(config.transfer, {
    keys,
    log,
    clock: systemClock,
    random: systemRandom,
    verify: process.env['BATON_VERIFY'] !== 'off',
  });
  announceReady({
    url: running.address,
    adminUrl: running.adminUrl,
    lanePort: running.lanePort,
    node: running.node,
  });
  await runUntilSignal(running, flags.watchStdin);
}
