// What the evaluation deploys, each behind a router of its own: an engine that does both, and a prefill and a decode engine.
import { startCluster, type Cluster, type EngineSpec } from '#cli/cluster.ts';
import { untilReady } from '#cli/ready.ts';

const ENGINE = { model: 'tiny', pages: 1024 };

const engine = (name: string, role: EngineSpec['role'], node: string): EngineSpec => ({
  name,
  role,
  node,
  settings: ENGINE,
});

export const aggregated = (): Promise<Cluster> => deploy('local', [engine('both-0', 'both', 'a')]);

export const disaggregated = (): Promise<Cluster> =>
  deploy('disaggregated', [engine('prefill-0', 'prefill', 'a'), engine('decode-0', 'decode', 'b')]);

async function deploy(mode: string, engines: EngineSpec[]): Promise<Cluster> {
  const settings = { arena: { bytes: 128 << 20, slots_max: 4096 } };
  const cluster = await startCluster({
    nodes: engines.map(({ node }) => ({ name: node ?? '', settings })),
    engines,
    router: { placement: { mode } },
    onLog: (process, line) => {
      console.error(`${mode} ${process}: ${line}`);
    },
  });
  await untilReady(cluster.routerUrl);
  return cluster;
}
