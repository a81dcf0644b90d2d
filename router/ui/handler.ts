// The page at /ui: its files, what it shows, and its questions.
import { BatonError } from '#core/errors.ts';
import type { Access } from '../access.ts';
import type { Downstream, EdgeHandler, EdgeRequest } from '../edge/contract.ts';
import { answerJson, requireGet } from '../server.ts';
import type { World } from '../world.ts';
import { ask } from './ask.ts';
import { loadAssets } from './assets.ts';
import type { Sampler } from './sampler.ts';
import { stateJson } from './state.ts';

/** Of all answers of the admin listener: nothing but its own files is loaded, nowhere is it shown within another page. */
export const PAGE_HEADERS: readonly string[] = [
  'content-security-policy',
  "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options',
  'nosniff',
  'referrer-policy',
  'no-referrer',
  'cross-origin-resource-policy',
  'same-origin',
  'cross-origin-opener-policy',
  'same-origin',
];

export type UiHandler = (request: EdgeRequest, downstream: Downstream, id: string) => void;

export const isUiPath = (path: string): boolean => path === '/ui' || path.startsWith('/ui/');

export function uiHandler(world: World, access: Access, sampler: Sampler, toPublic: EdgeHandler): UiHandler {
  const assets = loadAssets();
  const documents: Readonly<Record<string, () => string>> = {
    '/ui/state': () => stateJson(world),
    '/ui/series': () => JSON.stringify({ now: world.clock.now(), samples: sampler.samples }),
  };
  return (request, downstream, id) => {
    const { path } = request;
    const asset = assets.get(path);
    const document = Object.hasOwn(documents, path) ? documents[path] : undefined;
    if (asset !== undefined) {
      // They hold nothing of this router, and the page itself asks for the key.
      access.checkOrigin(request, path === '/ui');
      requireGet(request);
      answerJson(downstream, id, 200, asset.body, asset.contentType, NOT_KEPT);
    } else if (document !== undefined) {
      access.check(request);
      requireGet(request);
      answerJson(downstream, id, 200, document(), 'application/json', NOT_KEPT);
    } else if (path === '/ui/ask') {
      access.check(request);
      ask(request, downstream, toPublic);
    } else throw new BatonError('not_found', 'There is no such path.');
  };
}

const NOT_KEPT = ['cache-control', 'no-store'];
