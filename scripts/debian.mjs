// Debian packages: installs what is missing when root, else ends the process with the line to paste.
import { spawnSync } from 'node:child_process';

const isInstalled = (name) =>
  spawnSync('dpkg-query', ['-W', '-f=${Status}', name], { encoding: 'utf8' }).stdout?.endsWith(' installed');

const apt = (...args) =>
  spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=900', '-qq', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'inherit'],
  }).status === 0;

/** Does nothing when all are there. */
export function need(packages) {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const install = ['install', '-y', '--no-install-recommends', ...missing];
  // Package lists may be absent or stale: refresh them only when the first try fails.
  const done = process.getuid?.() === 0 && (apt(...install) || (apt('update') && apt(...install)));
  if (done) return;
  console.error(`missing Debian packages: ${missing.join(' ')}. Run:
  sudo apt-get update && sudo apt-get -o DPkg::Lock::Timeout=900 ${install.join(' ')}`);
  process.exit(1);
}
