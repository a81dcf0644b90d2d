// npm run test:fault: real processes under fire (test/fault, docs/reliability.md). Closing line `N passed, N failed`.
//   -- --repeat N   so many times, one after the other
//   -- FILE...      only these files of test/fault
import { runSteps, vitest } from './run.mjs';

const args = process.argv.slice(2);
const at = args.indexOf('--repeat');
const times = at < 0 ? 1 : Number(args[at + 1]);
if (!Number.isInteger(times) || times < 1) {
  console.error('--repeat takes a whole number, at least 1');
  process.exit(2);
}
const files = args.filter((_, i) => at < 0 || (i !== at && i !== at + 1));
await runSteps(Array.from({ length: times }, () => vitest('fault', ...files)));
