// What the schema cannot see: names of the configuration that refer to each other.
import { requireLoopbackWithoutKey } from '#core/config.ts';
import { BatonError } from '#core/errors.ts';
import type { RouterSettings } from '#core/settings.ts';

/** Throws `bad_config`. */
export function checkSettings(settings: RouterSettings, keys: readonly Uint8Array[]): void {
  requireLoopbackWithoutKey(keys, 'router.host', settings.host);
  requireLoopbackWithoutKey(keys, 'router.admin.host', settings.admin.host);
  if (settings.engines.length === 0)
    throw new BatonError('bad_config', 'router.engines: none is listed: list at least one engine');
  unique('router.engines', settings.engines.map(({ name }) => name)); // prettier-ignore
  unique('router.services', settings.services.map(({ node }) => node)); // prettier-ignore
  unique('router.models', settings.models.map(({ name }) => name)); // prettier-ignore
  const nodes = new Set(settings.services.map(({ node }) => node));
  for (const { name, node, dialect } of settings.engines) {
    if (node !== null && dialect === 'vllm-nixl') {
      throw new BatonError(
        'bad_config',
        `router.engines: ${name} has dialect = "vllm-nixl" and node = "${node}": its KV does not go over a service: leave node out`,
      );
    }
    if (node === null || nodes.has(node)) continue;
    throw new BatonError(
      'bad_config',
      `router.engines: ${name} has node = "${node}": list that node in router.services, or leave node out`,
    );
  }
}

function unique(key: string, names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined)
    throw new BatonError('bad_config', `${key}: "${twice}" is listed twice: give each its own name`);
}
