// A router in this process on free loopback ports, for flow tests.
import { systemClock } from '#core/clock.ts';
import { silentLogger } from '#core/log.ts';
import { systemRandom } from '#core/random.ts';
import { parseSettings } from '#core/schema.ts';
import { settings } from '#core/settings.ts';
import { runRouter, type RouterOptions, type RunningRouter } from '#router/main.ts';

export interface TestRouter extends RunningRouter {
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  get(path: string): Promise<Response>;
  admin(path: string): Promise<Response>;
  /** Waits until the journey of a request is complete, then returns it. */
  journey(id: string): Promise<Record<string, unknown>>;
}

type Tree = Record<string, unknown>;

/** `router` is the section without ports; `top` what stands beside it. */
export async function startRouter(
  router: Tree,
  top: Tree = {},
  options: Partial<RouterOptions> = {},
): Promise<TestRouter> {
  const config = parseSettings(
    settings,
    { router: { port: 0, admin: { port: 0 }, ...router }, ...top },
    'test',
  );
  const running = await runRouter(config, {
    keys: [],
    log: silentLogger,
    clock: systemClock,
    random: systemRandom,
    ...options,
  });
  return {
    ...running,
    post: (path, body, headers = {}) =>
      fetch(running.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    get: (path) => fetch(running.url + path),
    admin: (path) => fetch(running.adminUrl + path),
    async journey(id) {
      for (;;) {
        const response = await fetch(`${running.adminUrl}/debug/requests/${id}`);
        const journey = (await response.json()) as Record<string, unknown>;
        if (journey['code'] !== null) return journey;
      }
    },
  };
}

/** The same with one engine of model `mock`, `e1`, behind it; `more` may name others in its place. */
export function startRouterBefore(
  engine: { url: string },
  more: Tree = {},
  top: Tree = {},
  options: Partial<RouterOptions> = {},
): Promise<TestRouter> {
  const engines = [{ name: 'e1', url: engine.url, role: 'both', model: 'mock' }];
  return startRouter({ engines, ...more }, top, options);
}
