// Random scripts over the model of the bus and over the real one: node test/sim/bus/script/main.ts --driver FILE, with
// --seeds N --from S | --fresh N | --seed N | --planted. scripts/bus-scripts.mjs builds the driver and calls this.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { difference, readable } from './compare.ts';
import { generate } from './generate.ts';
import { NativeDriver } from './native.ts';
import { planted } from './planted.ts';

const COMMAND = 'node scripts/bus-scripts.mjs --seed';

async function one(path: string, seed: number): Promise<number> {
  const driver = new NativeDriver(path);
  const script = generate(seed);
  const real = await driver.run(script);
  await driver.close();
  const found = difference(script, real);
  console.log(readable(script, real));
  console.log(found === null ? 'equal' : `first difference:\n${found}\n${driver.errors}`);
  return found === null ? 0 : 1;
}

async function several(path: string, from: number, count: number): Promise<number> {
  const started = performance.now();
  let driver = new NativeDriver(path);
  let [failed, steps] = [0, 0];
  for (let seed = from; seed < from + count; seed++) {
    const script = generate(seed);
    steps += script.lines.length;
    const real = await driver.run(script);
    const found = difference(script, real);
    if (found === null) continue;
    failed++;
    console.log(
      `seed ${seed}: ${found}\n${real === null ? driver.errors : ''}\n  replay: ${COMMAND} ${seed}`,
    );
    await driver.close();
    driver = new NativeDriver(path);
  }
  if (!(await driver.close())) {
    failed++;
    console.log(`the driver over the real bus ended badly after seed ${from + count - 1}\n${driver.errors}`);
  }
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  console.log(JSON.stringify({ scripts: count, from, steps, different: failed, seconds }));
  return failed;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      driver: { type: 'string' }, seed: { type: 'string' }, seeds: { type: 'string', default: '0' },
      from: { type: 'string', default: '1' }, fresh: { type: 'string', default: '0' },
      planted: { type: 'boolean', default: false },
    },
  }); // prettier-ignore
  const path = values.driver;
  if (path === undefined)
    throw new Error('--driver is missing: call scripts/bus-scripts.mjs, which builds it');
  if (values.planted) return planted(path);
  if (values.seed !== undefined) return one(path, Number(values.seed));
  const [seeds, fresh] = [Number(values.seeds), Number(values.fresh)];
  const failed =
    (seeds > 0 ? await several(path, Number(values.from), seeds) : 0) +
    (fresh > 0 ? await several(path, randomInt(1_000_000, 2 ** 31), fresh) : 0);
  console.log(`${Math.max(0, seeds + fresh - failed)} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

process.exitCode = await main();
