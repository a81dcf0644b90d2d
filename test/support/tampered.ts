// A deployment whose frames and chunks tests tamper with: the target's lanes go over a proxy that knows frames, and a second
// decode engine on the target's node, asked directly, loads what the others left in its arena.
import type { Cluster } from '#cli/cluster.ts';
import { hex } from '#core/ids.ts';
import { rootOf } from '#core/keys.ts';
import { complete, named, type Asked } from './complete.ts';
import { deploy, TENANT } from './deployment.ts';
import { startLaneProxy, type LaneProxy, type Tamper } from './lane-proxy.ts';

export async function deployTampered(
  tamper: Tamper,
  env?: Record<string, string>,
): Promise<{ cluster: Cluster; proxy: LaneProxy }> {
  const cluster = await deploy({
    proxied: ['b'],
    ...(env === undefined ? {} : { env }),
    engines: [
      { name: 'prefill-0', role: 'prefill', node: 'a', settings: {} },
      { name: 'decode-0', role: 'decode', node: 'b', settings: {} },
      { name: 'decode-1', role: 'decode', node: 'b', settings: { served_name: 'second' } },
      { name: 'alone', role: 'both', node: null, settings: {} },
    ],
    router: { models: [{ name: 'synthetic' }, { name: 'second' }] },
  });
  return {
    cluster,
    proxy: await startLaneProxy(Number(cluster.member('b').child.ready['lanePort']), tamper),
  };
}

/** The answer of the second engine, which finds the prompt's chunks by the names that the tests' tenant gives them. */
export function askSecond(cluster: Cluster, tokens: Uint32Array): Promise<Asked> {
  const { child, url } = cluster.member('decode-1');
  const namespace = Buffer.from(String(child.ready['namespace']), 'hex');
  const root = hex(rootOf(Buffer.from(TENANT.secret), namespace, ''));
  return complete({
    url, id: 'second', tokens, answerTokens: 4, model: 'second', headers: {}, extra: named(root),
  }); // prettier-ignore
}
