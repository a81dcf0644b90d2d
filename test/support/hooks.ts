// The build with test hooks (scripts/build-native.mjs --hooks), in which BATON_VERIFY=off switches verification off: at landing in
// services, while scattering in engines. A product build has no such switch.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');
const LIBRARIES = join(ROOT, 'native/build/hooks/Release');

/** Builds it, or does next to nothing when it is up to date. */
export async function buildHooks(): Promise<void> {
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build-native.mjs'), '--hooks']);
}

/** Environment of services and engines that run on it. */
export function hooksEnv(verify: boolean): Record<string, string> {
  return {
    NODE_OPTIONS: '--conditions=test-hooks',
    LD_LIBRARY_PATH: LIBRARIES,
    ...(verify ? {} : { BATON_VERIFY: 'off' }),
  };
}
