// What a transfer service tells a router that has just joined. The doctor joins under a name of its own: a second stream of one name
// would end the router's.
import type { Clock } from '#core/clock.ts';
import { hex } from '#core/ids.ts';
import { silentLogger } from '#core/log.ts';
import type { Random } from '#core/random.ts';
import { connectService } from '#transfer/client.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import type { AttachmentInfo } from '../link.ts';
import type { ServiceEntry } from '../services.ts';
import { reachTold, short, within } from './ask.ts';
import type { ServiceFacts } from './facts.ts';

export interface ServiceDeps {
  keys: readonly Uint8Array[];
  clock: Clock;
  random: Random;
}

type Told = Pick<ServiceFacts, 'refusal' | 'attachments' | 'draining'>;

export async function gatherService(entry: ServiceEntry, deps: ServiceDeps): Promise<ServiceFacts> {
  const { promise, resolve } = Promise.withResolvers<Told>();
  const nothing: Told = { refusal: null, attachments: [], draining: false };
  const ignore = (): void => undefined;
  const link = connectService({
    ...entry,
    ...deps,
    router: `doctor-${hex(deps.random.bytes(8))}`,
    log: silentLogger,
    events: {
      up: ignore,
      snapshot: ({ attachments, draining }) => {
        resolve({ refusal: null, attachments: attachments.map(named), draining });
      },
      notWelcomed: (reason) => {
        resolve({ ...nothing, refusal: short(reason) });
      },
      down: (reason) => {
        resolve({ ...nothing, refusal: short(reason) });
      },
      progress: ignore,
      report: ignore,
      chunks: ignore,
      attachment: ignore,
      draining: ignore,
    },
  });
  const told = await within(ROUTER_LIMITS.doctorAskMs, promise, nothing);
  const info = told.refusal === null && told !== nothing ? link.info() : null;
  await link.close();
  const lane = info === null ? 'untried' : await reachTold(entry.address, info.laneHost, info.lanePort);
  return { node: entry.node, address: entry.address, info, lane, ...told };
}

const named = (one: AttachmentInfo): AttachmentInfo => ({ ...one, engine: short(one.engine) ?? '' });
