// npm run bench -- NAME [options]: one bench, ratios of one run, the last line of stdout is JSON; exit 0 only within bounds.
import { BatonError } from '#core/errors.ts';

const benches: Record<string, () => Promise<{ run: (args: string[]) => Promise<boolean> }>> = {
  relay: () => import('./relay.ts'),
  lane: () => import('./lane.ts'),
  overlap: () => import('./overlap.ts'),
  lookup: () => import('./lookup.ts'),
  vllm: () => import('./vllm.ts'),
  overload: () => import('./overload.ts'),
  engine: () => import('./engine.ts'),
};

const [name = '', ...args] = process.argv.slice(2);
const load = benches[name];
try {
  if (load === undefined)
    throw new BatonError('bad_config', `bench "${name}": choose one of ${Object.keys(benches).join(', ')}`);
  process.exit((await (await load()).run(args)) ? 0 : (process.exitCode ?? 1));
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(2);
}
