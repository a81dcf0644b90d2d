import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '#core/clock.ts';
import { silentLogger } from '#core/log.ts';
import { systemRandom } from '#core/random.ts';
import { transferSettings } from '#core/settings.ts';
import { runTransfer, type TransferDeps } from '#transfer/main.ts';
import { busOptions, startBus } from '#transfer/start.ts';
import { FakeBus } from './fake-bus.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'baton-start-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const settingsOf = (changes: object = {}) =>
  transferSettings.parse({
    node: 'here',
    port: 0,
    admin: { port: 0 },
    socket: join(directory, 'sockets', 'engine.sock'),
    arena: { path: join(directory, 'arena'), bytes: 1 << 20, prefault: false },
    ...changes,
  });

function depsOf(changes: Partial<TransferDeps> = {}) {
  const buses: FakeBus[] = [];
  const deps: TransferDeps = {
    keys: [],
    log: silentLogger,
    clock: systemClock,
    random: systemRandom,
    startBus: (options, wake) => {
      const bus = new FakeBus(options, wake);
      buses.push(bus);
      return bus;
    },
    ...changes,
  };
  return { deps, buses };
}

describe('starting a transfer service', () => {
  test('makes the socket folder for its owner only', async () => {
    const running = await runTransfer(settingsOf(), depsOf().deps);
    expect(statSync(join(directory, 'sockets')).mode & 0o777).toBe(0o700);
    await running.close();
  });

  test('tells where it is reached, and is ready', async () => {
    const running = await runTransfer(settingsOf(), depsOf().deps);
    expect(running.node).toBe('here');
    expect(running.lanePort).toBe(4444);
    expect(running.address).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    expect((await fetch(`${running.adminUrl}/health/ready`)).status).toBe(200);
    await running.close();
  });

  test.each([
    ['transfer.host', { host: '0.0.0.0' }],
    ['transfer.lane.host', { lane: { host: '0.0.0.0' } }],
  ])('without a key refuses to bind %s beyond loopback', async (key, changes) => {
    const { deps, buses } = depsOf();
    await expect(runTransfer(settingsOf(changes), deps)).rejects.toMatchObject({
      code: 'bad_config', message: expect.stringContaining(key) as string,
    }); // prettier-ignore
    expect(buses).toEqual([]);
  });

  test('whose port is in use says so and leaves nothing behind', async () => {
    const first = await runTransfer(settingsOf(), depsOf().deps);
    const port = Number(first.address.split(':')[1]);
    const { deps, buses } = depsOf();
    await expect(runTransfer(settingsOf({ port }), deps)).rejects.toMatchObject({
      code: 'start_failed', message: expect.stringContaining('transfer.port') as string,
    }); // prettier-ignore
    expect(buses.map(({ closed }) => closed)).toEqual([true]);
    await first.close();
  });

  test('whose admin port is in use says so and leaves nothing behind', async () => {
    const first = await runTransfer(settingsOf(), depsOf().deps);
    const port = Number(new URL(first.adminUrl).port);
    const { deps, buses } = depsOf();
    await expect(runTransfer(settingsOf({ admin: { port } }), deps)).rejects.toMatchObject({
      code: 'start_failed', message: expect.stringContaining('transfer.admin.port') as string,
    }); // prettier-ignore
    expect(buses.map(({ closed }) => closed)).toEqual([true]);
    await first.close();
  });

  test('without room for the arena says how much is needed and what to do', async () => {
    const arena = { path: join(directory, 'arena'), bytes: 2 ** 50, prefault: false };
    await expect(runTransfer(settingsOf({ arena }), depsOf().deps)).rejects.toMatchObject({
      code: 'start_failed', message: expect.stringMatching(/no room in .*transfer\.arena\.bytes/) as string,
    }); // prettier-ignore
  });

  test('with an arena folder that is not there says which', async () => {
    const arena = { path: join(directory, 'none', 'arena'), bytes: 1 << 20 };
    await expect(runTransfer(settingsOf({ arena }), depsOf().deps)).rejects.toMatchObject({
      code: 'start_failed', message: expect.stringContaining('transfer.arena.path') as string,
    }); // prettier-ignore
  });

  test("hands the native bus's own complaint on", () => {
    const options = busOptions(settingsOf(), [], true);
    const refusing = (error: Error) => () => {
      throw error;
    };
    const start = (error: Error) => startBus(refusing(error), options, () => undefined);
    expect(() => start(new Error('another live service owns the socket'))).toThrow(
      /^\[start_failed] another live/,
    );
    expect(() => start(Object.assign(new Error('x'), { code: 'missing_dependency' }))).toThrow(
      /^\[missing_dependency] x/,
    );
    expect(() => start(Object.assign(new Error('x'), { code: 'EINVAL' }))).toThrow(/^\[start_failed] x/);
  });

  test('closes once, however often it is told, and removes an ephemeral arena', async () => {
    const path = join(directory, 'arena');
    const arena = { path, bytes: 1 << 20, ephemeral: true };
    const { deps, buses } = depsOf();
    const running = await runTransfer(settingsOf({ arena }), deps);
    writeFileSync(path, 'x');
    await running.drain();
    await Promise.all([running.close(), running.close()]);
    expect(buses.map(({ closed }) => closed)).toEqual([true]);
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  test('arena bytes are rounded up to what slots are made of', () => {
    const arena = { path: '/x', bytes: (1 << 20) + 1 };
    expect(busOptions(settingsOf({ arena }), [], true).arenaBytes).toBe((1 << 20) + 65_536);
  });
});
