// npm run test:all: npm test's steps, then the slow ones. `--rest` runs the slow ones alone (.ci/run).
import { runSteps } from './run.mjs';
import { restSteps, testSteps } from './steps.mjs';

await runSteps(process.argv.includes('--rest') ? restSteps : [...testSteps, ...restSteps]);
