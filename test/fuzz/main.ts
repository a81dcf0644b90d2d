// node test/fuzz/main.ts TARGET [--minutes N] [--seed S] [--keep FOLDER]: searches for N minutes of CPU time, from the committed corpus.
// A finding is written into the corpus, where the unit tests replay it. --keep also writes the inputs that brought new coverage.
import { parseArgs } from 'node:util';
import { folderOf, keep, readCorpus } from './corpus.ts';
import { fuzz } from './engine.ts';
import { TARGETS } from './targets.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string' }, keep: { type: 'string' } },
});
const target = TARGETS.find(({ name }) => name === positionals[0]);
const cpuMs = Number(values.minutes) * 60_000;
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
if (target === undefined || !(cpuMs > 0) || !Number.isInteger(seed)) {
  console.error(`npm run fuzz -- ${TARGETS.map(({ name }) => name).join('|')} [--minutes N] [--seed S]`);
  process.exit(2);
}

console.log(`fuzz ${target.name} --minutes ${values.minutes} --seed ${seed}`);
const inputs = readCorpus(target.name).map(({ bytes }) => bytes);
const { kept, finding, ...figures } = fuzz(target, {
  seed,
  cpuMs,
  inputs,
  report: (progress) => { console.log(JSON.stringify(progress)); },
}); // prettier-ignore
const { keep: folder } = values;
if (folder !== undefined) for (const input of kept) keep(folder, 'found', input);
if (finding !== null) {
  console.error(finding.error);
  console.error(`kept as ${keep(folderOf(target.name), 'finding', finding.input)}`);
  process.exitCode = 1;
}
console.log(JSON.stringify({ target: target.name, seed, ...figures, findings: finding === null ? 0 : 1 }));
