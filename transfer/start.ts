// Starting the native bus with errors an operator can act on: no addon, no room, a socket that a living service owns.
import { mkdirSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { BatonError, ERRORS, type ErrorCode } from '#core/errors.ts';
import type { TransferSettings } from '#core/settings.ts';
import type { NativeBus, NativeBusOptions } from './native.ts';

export type StartBus = (options: NativeBusOptions, wake: () => void) => NativeBus;

const UNIT = 64 * 1024;

export function busOptions(
  settings: TransferSettings,
  keys: readonly Uint8Array[],
  verify: boolean,
): NativeBusOptions {
  const { arena, lane } = settings;
  return {
    node: settings.node,
    arenaPath: arena.path,
    arenaBytes: Math.ceil(arena.bytes / UNIT) * UNIT,
    slotsMax: arena.slots_max,
    prefault: arena.prefault,
    socketPath: settings.socket,
    laneHost: lane.host,
    lanePort: lane.port,
    clusterKeys: [...keys],
    laneSilenceMs: lane.silence_ms,
    laneConnectMs: lane.connect_ms,
    ticketShareMax: settings.ticket_share_max,
    verify,
  };
}

/** The addon's own start; `missing_dependency` when it is not built, `bad_config` when it should not verify and always does. */
export async function loadStart(): Promise<StartBus> {
  const { native } = await import('./native.ts');
  return (options, wake) => {
    if (!options.verify && !native.testHooks()) {
      throw new BatonError(
        'bad_config',
        'BATON_VERIFY=off: this build always verifies what lands: unset the variable (tests: test/support/hooks.ts)',
      );
    }
    return native.startBus(options, wake);
  };
}

/** Starts the bus; `start_failed` with what to do otherwise. */
export function startBus(start: StartBus, options: NativeBusOptions, wake: () => void): NativeBus {
  makeFolder(dirname(options.socketPath));
  requireRoom(options.arenaPath, options.arenaBytes);
  try {
    return start(options, wake);
  } catch (error) {
    const code = (error as { code?: unknown } | null)?.code;
    const known =
      typeof code === 'string' && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'start_failed';
    throw BatonError.from(error, known);
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new BatonError(
      'start_failed',
      `transfer.socket: cannot create the folder ${folder}: correct the path or its permissions`,
      { cause: error },
    );
  }
}

function requireRoom(path: string, bytes: number): void {
  const folder = dirname(path);
  let free: number;
  try {
    const { bavail, bsize } = statfsSync(folder);
    free = bavail * bsize + held(path);
  } catch (error) {
    throw new BatonError(
      'start_failed',
      `transfer.arena.path: ${folder} is not there: name a folder on tmpfs, for example /dev/shm`,
      { cause: error },
    );
  }
  if (free >= bytes) return;
  const mib = (n: number): string => `${Math.floor(n / 1024 / 1024)} MiB`;
  throw new BatonError(
    'start_failed',
    `no room in ${folder}: the arena needs ${mib(bytes)}, ${mib(free)} are free: lower transfer.arena.bytes or enlarge it, for example: mount -o remount,size=${Math.ceil((2 * bytes) / 2 ** 30)}G ${folder}`,
  );
}

// Memory that an earlier life's arena holds already.
function held(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? 0 : stat.blocks * 512;
}
