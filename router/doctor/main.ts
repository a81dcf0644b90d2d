// `baton doctor`: looks at a deployment through the router's own configuration and tells what is wrong and how to mend it.
import { checkSettings } from '../check.ts';
import type { Settings } from '#core/settings.ts';
import { createUpstream } from '../edge/upstream.ts';
import type { KvTransport } from '../kv-events/zeromq.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import type { Finding } from './codes.ts';
import { gather } from './gather.ts';
import type { ServiceDeps } from './gather-service.ts';
import { judge } from './judge.ts';

export type { Finding } from './codes.ts';
export { count, report } from './report.ts';

export interface DoctorDeps extends ServiceDeps {
  /** Null or absent: ZeroMQ. */
  kvTransport?: KvTransport;
}

export async function runDoctor(config: Settings, probe: boolean, deps: DoctorDeps): Promise<Finding[]> {
  checkSettings(config.router, deps.keys);
  const upstream = createUpstream({ connectMs: ROUTER_LIMITS.doctorAskMs });
  // The library is loaded only where it is used.
  const transport = async (): Promise<KvTransport> =>
    deps.kvTransport ?? (await import('../kv-events/zeromq.ts')).zeromq;
  try {
    return judge(await gather(config.router, probe, { ...deps, upstream, transport }));
  } finally {
    await upstream.close();
  }
}
