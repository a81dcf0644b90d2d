// The HTTP listeners of all processes, each with something small behind it.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { silentLogger } from '#core/log.ts';
import { systemRandom } from '#core/random.ts';
import type { Engine } from '#engines/reference/engine.ts';
import { OpenAnswers } from '#core/open-answers.ts';
import { createEngineServer } from '#engines/reference/server.ts';
import type { EdgeBounds } from '#router/edge/server.ts';
import { serveAdmin } from '#transfer/admin.ts';
import { startMockEngine } from './mock-engine.ts';
import { startRouterBefore } from './router.ts';

export interface Listeners {
  /** The router's two, the service's, the reference engine's. */
  urls: Readonly<Record<'public' | 'admin' | 'service' | 'engine', string>>;
  close(): Promise<void>;
}

export async function startListeners(bounds?: EdgeBounds): Promise<Listeners> {
  const mock = await startMockEngine();
  const router = await startRouterBefore(mock, {}, {}, bounds === undefined ? {} : { edge: bounds });
  const metrics = { expose: () => Promise.resolve(''), contentType: 'text/plain' };
  const service = await serveAdmin('127.0.0.1', 0, { metrics, ready: () => true }, bounds);
  // What is asked of it here never gets further than its server.
  const parts = { random: systemRandom, log: silentLogger, metrics };
  const engine = createEngineServer({ parts } as unknown as Engine, new OpenAnswers(), bounds);
  engine.listen(0, '127.0.0.1');
  await once(engine, 'listening');
  const { port } = engine.address() as AddressInfo;
  return {
    urls: { public: router.url, admin: router.adminUrl, service: service.url, engine: `http://127.0.0.1:${port}` },
    async close() {
      await router.close();
      await service.close();
      engine.closeAllConnections();
      await new Promise((resolve) => engine.close(resolve));
      await mock.kill();
    },
  };
} // prettier-ignore
