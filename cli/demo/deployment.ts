// The demo's deployment: two nodes on loopback, a prefill engine on one, a decode engine on the other, and beside them the same
// engine serving alone, whose answers are the reference.
import { startCluster, type Cluster } from '../cluster.ts';

const ARENA_BYTES = 128 << 20;
/** A long prompt takes two steps: what the first computes crosses while the second computes. */
const TINY = { model: 'tiny', pages: 1024, max_batched_tokens: 1024 };

export function startDemo(signal: AbortSignal): Promise<Cluster> {
  const arena = { bytes: ARENA_BYTES, slots_max: 4096 };
  // Generous bounds: nothing is to fail because the machine has other work.
  const settings = { arena, lane: { silence_ms: 20_000, connect_ms: 5000 } };
  return startCluster({
    signal,
    nodes: [
      { name: 'a', settings },
      { name: 'b', settings },
    ],
    engines: [
      { name: 'prefill-0', role: 'prefill', node: 'a', settings: TINY },
      { name: 'decode-0', role: 'decode', node: 'b', settings: TINY },
      { name: 'alone', role: 'both', node: null, settings: TINY },
    ],
    router: { placement: { mode: 'disaggregated' }, timeouts: { connect_ms: 10_000, lease_ms: 30_000 } },
    onLog: (process, line) => {
      console.error(`${process}: ${line}`);
    },
  });
}

/** What --ready-file says. */
export function readyDocument(cluster: Cluster): object {
  const about = ({ name, role, node, url, child }: Cluster['engines'][number]): object => ({
    name,
    role,
    node,
    url,
    pid: child.pid,
  });
  return {
    router: cluster.routerUrl,
    admin: cluster.adminUrl,
    router_pid: cluster.router?.child.pid,
    engines: cluster.engines.filter((e) => e.node !== null).map(about),
    services: cluster.services.map((s) => ({ ...about(s), admin: s.adminUrl })),
    alone: cluster.member('alone').url,
    alone_pid: cluster.member('alone').child.pid,
    pid: process.pid,
  };
}
