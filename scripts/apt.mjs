// The one list of Debian packages that tests need; the build and the product need none of them.
// Installs what is missing when root, else ends with the line to paste. Does nothing when all are there.
import { spawnSync } from 'node:child_process';

const packages = [
  'doctest-dev', // native/test
  'protobuf-compiler', // gen:proto and the check that proto/gen is up to date
  'python3-venv', // environments for vLLM: demo:vllm and its tests
];

const isInstalled = (name) =>
  spawnSync('dpkg-query', ['-W', '-f=${Status}', name], { encoding: 'utf8' }).stdout?.endsWith(' installed');

const apt = (...args) =>
  spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=900', '-qq', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'inherit'],
  }).status === 0;

const missing = packages.filter((name) => !isInstalled(name));
if (missing.length > 0) {
  const install = ['install', '-y', '--no-install-recommends', ...missing];
  // Package lists may be absent or stale: refresh them only when the first try fails.
  const done = process.getuid?.() === 0 && (apt(...install) || (apt('update') && apt(...install)));
  if (!done) {
    console.error(`missing Debian packages: ${missing.join(' ')}. Run:
  sudo apt-get update && sudo apt-get -o DPkg::Lock::Timeout=900 ${install.join(' ')}`);
    process.exit(1);
  }
}
console.log(`${packages.join(', ')}: present`);
