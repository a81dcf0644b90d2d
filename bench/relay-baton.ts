// What a short request costs the router when it is placed on two engines: two legs, and the control calls of its ticket to
// both services. Everything but the router shares the other core with the client.
import { Agent, request } from 'node:http';
import { startCluster, type Cluster } from '#cli/cluster.ts';
import { untilReady } from '#cli/ready.ts';
import { cpuTicks, pin, TICK_US } from './process.ts';

const CONNECTIONS = 16;
const WARM = 3000;
const REQUESTS = 2000;

/** CPU µs of the router per short `baton` request, control calls included. */
export async function shortBatonCost(routerCore: number, loadCore: number): Promise<number> {
  const settings = { arena: { bytes: 64 << 20 } };
  const engine = { model: 'synthetic', pages: 4096, max_model_len: 4096 };
  const cluster = await startCluster({
    nodes: [
      { name: 'a', settings },
      { name: 'b', settings },
    ],
    engines: [
      { name: 'prefill', role: 'prefill', node: 'a', settings: engine },
      { name: 'decode', role: 'decode', node: 'b', settings: engine },
    ],
    router: { placement: { mode: 'disaggregated' } },
    log: 'error',
  });
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  try {
    await untilReady(cluster.routerUrl);
    const pid = cluster.router?.child.pid ?? 0;
    pin(pid, routerCore);
    for (const { child } of [...cluster.services, ...cluster.engines]) pin(child.pid, loadCore);
    pin(process.pid, loadCore);
    let next = 0;
    const load = async (requests: number): Promise<void> => {
      const end = next + requests;
      const connection = async (): Promise<void> => {
        while (next < end) await ask(cluster, agent, next++);
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, connection));
    };
    await load(WARM);
    const before = cpuTicks(pid);
    await load(REQUESTS);
    return ((cpuTicks(pid) - before) * TICK_US) / REQUESTS;
  } finally {
    agent.destroy();
    await cluster.stop();
  }
}

/** One short prompt that no arena holds. */
function ask(cluster: Cluster, agent: Agent, number: number): Promise<void> {
  const content = `hello ${number}`;
  const body = JSON.stringify({ model: 'synthetic', messages: [{ role: 'user', content }], max_tokens: 2 });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const leg = request(
      `${cluster.routerUrl}/v1/chat/completions`,
      { method: 'POST', agent, headers },
      (answer) => {
        answer.resume();
        answer.once('error', reject);
        answer.once('end', () => {
          if (answer.statusCode === 200) resolve();
          else reject(new Error(`the router answered ${answer.statusCode}`));
        });
      },
    );
    leg.once('error', reject);
    leg.end(body);
  });
}
