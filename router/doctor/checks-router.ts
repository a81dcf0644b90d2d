// What only a running router knows.
import { finding, type Finding } from './codes.ts';
import type { Facts } from './facts.ts';

export function checkRouter({ router, settings }: Facts): Finding[] {
  const { host, port } = settings.admin;
  if (router === null) return [finding('router_unreachable', 'router', `no metrics at ${host}:${port}`)];
  const rendered = settings.models.filter(({ tokenizer, tokenize }) => tokenizer !== null || tokenize);
  return rendered.map(({ name }) => {
    const mismatches = router.mismatches.get(name) ?? 0;
    const what = `${mismatches} key mismatches since the router started`;
    if (router.renderingOff.has(name)) return finding('rendering_switched_off', name, what);
    return mismatches > 0 ? finding('key_mismatches', name, what) : finding('rendering_on', name, what);
  });
}
