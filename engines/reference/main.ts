// Starts the reference engine: settings in, a serving process out. Used by the command line and by tests.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '#core/clock.ts';
import { BatonError } from '#core/errors.ts';
import { LIMITS } from '#core/limits.ts';
import { type Logger, silentLogger } from '#core/log.ts';
import { createMetrics } from '#core/metrics.ts';
import { OpenAnswers } from '#core/open-answers.ts';
import { type Random, systemRandom } from '#core/random.ts';
import { createRenderer } from '#core/render.ts';
import type { EngineSettings } from '#core/settings.ts';
import { readTokenBytes } from './detokenize.ts';
import { Engine } from './engine.ts';
import { ENGINE_METRICS } from './metrics.ts';
import { loadModel } from './model.ts';
import type { NativeEngine, NativeModelOptions } from './native.ts';
import { createEngineServer } from './server.ts';

export interface RunOptions {
  log?: Logger;
  clock?: Clock;
  random?: Random;
  /** The native part; by default the addon. */
  createNative?: (options: NativeModelOptions) => NativeEngine;
}

export interface RunningEngine {
  readonly url: string;
  /** SHA-256 of the namespace encoding of the engine's KV. */
  readonly namespace: Uint8Array;
  readonly engine: Engine;
  /** Refuses new requests, finishes what runs and gives it to whoever asked, within `drain_ms`. */
  drain(): Promise<void>;
  /** Ends everything at once; idempotent. */
  close(): Promise<void>;
}

export async function runEngine(settings: EngineSettings, options: RunOptions = {}): Promise<RunningEngine> {
  const model = loadModel(settings);
  const renderer = await createRenderer(model.files);
  const createNative = options.createNative ?? (await addon());
  const engine = new Engine({
    settings,
    model,
    native: create(createNative, model.options),
    renderer,
    tokenBytes: readTokenBytes(model.files.tokenizer),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    log: options.log ?? silentLogger,
    metrics: createMetrics(ENGINE_METRICS),
  });
  const answers = new OpenAnswers();
  const server = createEngineServer(engine, answers);
  try {
    server.listen(settings.port, settings.host);
    await once(server, 'listening');
  } catch (error) {
    await engine.close();
    const why = error instanceof Error ? error.message : '';
    throw new BatonError('start_failed', `engine.port = ${settings.port}: ${why}: choose another port`, {
      cause: error,
    });
  }
  const { address, port, family } = server.address() as AddressInfo;
  let closing: Promise<void> | null = null;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    namespace: model.namespace,
    engine,
    drain: async () => {
      const { clock } = engine.parts;
      const last = clock.now() + settings.drain_ms;
      await engine.drain();
      await answers.taken(Math.max(LIMITS.stopMs, last - clock.now()), clock);
    },
    close: () => (closing ??= closeAll(engine, server)),
  };
}

function create(
  createNative: (options: NativeModelOptions) => NativeEngine,
  options: NativeModelOptions,
): NativeEngine {
  try {
    return createNative(options);
  } catch (error) {
    const why = error instanceof Error ? error.message : '';
    throw new BatonError('bad_config', `engine: ${why}`, { cause: error });
  }
}

/** The addon is loaded only where it is used: tests of the rest need no build. */
async function addon(): Promise<(options: NativeModelOptions) => NativeEngine> {
  try {
    const { native } = await import('./native.ts');
    return (options) => native.createEngine(options);
  } catch (error) {
    throw new BatonError('missing_dependency', 'the reference engine is not built: npm run build:native', {
      cause: error,
    });
  }
}

async function closeAll(engine: Engine, server: ReturnType<typeof createEngineServer>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => { resolve(); })); // prettier-ignore
  // Requests that still run are failed first, so that their clients are told.
  await engine.close();
  server.closeIdleConnections();
  setImmediate(() => { server.closeAllConnections(); }); // prettier-ignore
  await closed;
}
