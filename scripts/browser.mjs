// The Chromium that test/browser drives: what CHROMIUM names, else an installed one, else Debian's own package.
import { existsSync } from 'node:fs';
import { need } from './debian.mjs';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
];

/** Its path; null: there is none. */
export function findChromium() {
  const named = process.env.CHROMIUM ?? '';
  return named !== '' ? named : (PLACES.find((path) => existsSync(path)) ?? null);
}

if (import.meta.main) {
  // Without fonts a page is measured and pictured as boxes.
  if (findChromium() === null) need(['chromium', 'fonts-dejavu-core']);
  console.log(`${findChromium()}: present`);
}
