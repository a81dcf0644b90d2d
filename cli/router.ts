// baton router
import { adminKey, clusterKeys, loadConfig } from '#core/config.ts';
import { systemClock } from '#core/clock.ts';
import { createLogger } from '#core/log.ts';
import { systemRandom } from '#core/random.ts';
import { runRouter } from '#router/main.ts';
import { announceReady, runUntilSignal } from './lifecycle.ts';
import type { CommonFlags } from './program.ts';

export async function routerCommand(flags: CommonFlags): Promise<void> {
  const config = loadConfig({ file: flags.config, env: process.env, sets: flags.set });
  const keys = clusterKeys(config, process.env);
  const log = createLogger('router', config.log);
  const running = await runRouter(config, {
    keys,
    adminKey: adminKey(config, process.env),
    log,
    clock: systemClock,
    random: systemRandom,
  });
  announceReady({ url: running.url, adminUrl: running.adminUrl });
  await runUntilSignal(running, flags.watchStdin);
}
