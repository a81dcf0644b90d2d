// The one list of Debian packages that `npm test` needs; the build and the product need none of them. (The browser: browser.mjs.)
import { need } from './debian.mjs';

const packages = [
  'doctest-dev', // native/test
  'protobuf-compiler', // gen:proto and the check that proto/gen is up to date
  'python3-venv', // environments for vLLM: demo:vllm and its tests
];

need(packages);
console.log(`${packages.join(', ')}: present`);
