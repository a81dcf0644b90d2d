// The steps of `npm test` and of what `npm run test:all` adds. A step whose files do not exist yet is left out.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hasFile, node, root, vitest } from './run.mjs';

const script = (name, ...command) => ({ name, command: [node, ...command] });
const native = (sanitize) => script(`native ${sanitize}`, 'scripts/native-test.mjs', '--sanitize', sanitize);
const exists = (path) => existsSync(join(root, path));

const sim = (...args) => script('sim', 'test/sim/main.ts', ...args);

export const testSteps = [
  script('apt', 'scripts/apt.mjs'),
  ...(hasFile('proto', /\.proto$/) ? [script('proto', 'scripts/gen-proto.mjs', '--check')] : []),
  vitest('unit'),
  sim('--seeds', '80', '--from', '1', '--fresh', '40'),
  native('address,undefined'),
  script('bus scripts', 'scripts/bus-scripts.mjs', '--seeds', '700', '--fresh', '300'),
  ...(hasFile('test/flow', /\.test\.ts$/) ? [vitest('flow')] : []),
  ...(exists('test/identity/main.ts')
    ? [script('identity', 'test/identity/main.ts', '--prompts', '40', '--seed', '1')]
    : []),
  script('eval', 'test/eval/main.ts', '--prompts', '60', '--seed', '1'),
  ...(exists('cli/main.ts') ? [script('demo', 'cli/main.ts', 'demo', '--check')] : []),
];

export const restSteps = [
  sim('--seeds', '200', '--from', '1001', '--fresh', '100'),
  script('sim planted', 'test/sim/main.ts', '--planted'),
  native('thread'),
  script('planted C++ bugs', 'scripts/bus-scripts.mjs', '--planted'),
  script('vllm check', 'scripts/vllm-check.mjs'),
  script('hooks', 'scripts/build-native.mjs', '--hooks'),
  script('chromium', 'scripts/browser.mjs'),
  vitest('browser'),
  ...(hasFile('test/fault', /\.test\.ts$/) ? [vitest('fault')] : []),
  script('vllm', 'scripts/vllm-test.mjs'),
];
