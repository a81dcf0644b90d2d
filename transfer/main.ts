// One node's transfer service: native bus, control server for routers, admin listener.
import { rmSync } from 'node:fs';
import type { Clock } from '#core/clock.ts';
import { requireLoopbackWithoutKey } from '#core/config.ts';
import type { Logger } from '#core/log.ts';
import type { Random } from '#core/random.ts';
import type { TransferSettings } from '#core/settings.ts';
import { serveAdmin, type AdminListener } from './admin.ts';
import { createTransferMetrics } from './metrics.ts';
import { serveControl, type ControlServer } from './server.ts';
import { Service } from './service.ts';
import { busOptions, loadStart, startBus, type StartBus } from './start.ts';

export interface TransferDeps {
  /** Cluster keys, the proving one first; none: loopback only. */
  keys: readonly Uint8Array[];
  log: Logger;
  clock: Clock;
  random: Random;
  /** False: what lands is not compared with its digests; only a build with test hooks allows that. */
  verify?: boolean;
  /** Null or absent: the native addon. */
  startBus?: StartBus | null;
}

export interface RunningTransfer {
  node: string;
  /** host:port of the control stream. */
  address: string;
  adminUrl: string;
  lanePort: number;
  /** Refuses new tickets and waits for those that live, at most transfer.drain_ms. */
  drain(): Promise<void>;
  /** Ends everything; idempotent. */
  close(): Promise<void>;
}

/** Starts the service; on failure nothing of it is left. */
export async function runTransfer(settings: TransferSettings, deps: TransferDeps): Promise<RunningTransfer> {
  const { keys, log, clock, random } = deps;
  requireLoopbackWithoutKey(keys, 'transfer.host', settings.host);
  requireLoopbackWithoutKey(keys, 'transfer.lane.host', settings.lane.host);
  const options = busOptions(settings, keys, deps.verify ?? true);
  const start = deps.startBus ?? (await loadStart());

  let service: Service | null = null;
  const bus = startBus(start, options, () => {
    try {
      service?.wake();
    } catch (error) {
      log.error(
        { error: error instanceof Error ? error.message : 'unknown' },
        'news of the native bus were lost',
      );
    }
  });
  const metrics = createTransferMetrics(() => bus.counters());
  const joined = new Service(bus, {
    node: settings.node,
    laneHost: settings.lane.advertise ?? settings.lane.host,
    arenaBytes: options.arenaBytes,
    metrics,
    clock,
    log,
  });
  service = joined;
  joined.wake(); // what came before there was a service

  let control: ControlServer | null = null;
  let admin: AdminListener | null = null;
  const closeAll = async (): Promise<void> => {
    await joined.close();
    await control?.close();
    await admin?.close();
    bus.close();
    if (settings.arena.ephemeral) rmSync(settings.arena.path, { force: true });
  };
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => (closing ??= closeAll());

  try {
    control = await serveControl(settings.host, settings.port, {
      service: joined,
      keys,
      clock,
      random,
      log,
      metrics,
    });
    admin = await serveAdmin(settings.admin.host, settings.admin.port, {
      metrics,
      ready: () => joined.ready,
    });
  } catch (error) {
    await close();
    throw error;
  }
  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
  log.info({ node: settings.node, port: control.port, lanePort: bus.lanePort() }, 'transfer service runs');
  return {
    node: settings.node,
    address: `${host}:${control.port}`,
    adminUrl: admin.url,
    lanePort: bus.lanePort(),
    drain: () => joined.drain(settings.drain_ms),
    close,
  };
}
