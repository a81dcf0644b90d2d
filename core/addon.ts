// Loading a native addon with an error that says what to do.
import { BatonError } from './errors.ts';

const NODE_API = 10;

/** Loads an addon by its module's own require; `missing_dependency` when Node.js is too old for it or it is not built. */
export function loadAddon(require: () => unknown): unknown {
  if (Number(process.versions.napi) < NODE_API) {
    throw new BatonError(
      'missing_dependency',
      `Node.js ${process.version} is too old for the addon: start with npx baton, or node_modules/.bin/node`,
    );
  }
  try {
    return require();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BatonError(
      'missing_dependency',
      `the native addon does not load (${why}): run: npm run build:native`,
      { cause: error },
    );
  }
}
