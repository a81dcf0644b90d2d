// npm test: everything that a change must pass; within 20 minutes.
import { runSteps } from './run.mjs';
import { testSteps } from './steps.mjs';

await runSteps(testSteps);
