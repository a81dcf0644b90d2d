// The admin listener: metrics and health. Loopback by default; nothing here changes anything.
import { createServer, type Server } from 'node:http';
import { BatonError } from '#core/errors.ts';
import { LIMITS } from '#core/limits.ts';

export interface AdminOptions {
  metrics: { expose(): Promise<string>; contentType: string };
  ready(): boolean;
}

/** For a request, and the pace at which slow ones are looked for, ms. */
export interface AdminBounds {
  headersMs: number;
  slowCheckMs: number;
}

export interface AdminListener {
  url: string;
  close(): Promise<void>;
}

type Answer = [status: number, type: string, body: string];

/** Listens; `start_failed` when the address cannot be bound. */
export async function serveAdmin(
  host: string,
  port: number,
  options: AdminOptions,
  { headersMs, slowCheckMs }: AdminBounds = LIMITS,
): Promise<AdminListener> {
  const bounds = {
    maxHeaderSize: LIMITS.headerBytesMax,
    headersTimeout: headersMs,
    requestTimeout: headersMs,
    connectionsCheckingInterval: slowCheckMs,
  };
  const server = createServer(bounds, (request, response) => {
    answer(request.method ?? '', request.url ?? '', options)
      .catch((): Answer => [500, 'text/plain', 'internal\n'])
      .then(([status, type, body]) => {
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
      })
      .catch(() => {
        response.destroy();
      });
  });
  server.maxConnections = LIMITS.streamsMax;
  const bound = await listen(server, host, port);
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function answer(method: string, url: string, options: AdminOptions): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return [405, 'text/plain', 'use GET\n'];
  const path = url.split('?')[0];
  if (path === '/metrics') return [200, options.metrics.contentType, await options.metrics.expose()];
  if (path === '/health/live') return [200, 'text/plain', 'live\n'];
  if (path === '/health/ready')
    return options.ready() ? [200, 'text/plain', 'ready\n'] : [503, 'text/plain', 'draining\n'];
  return [404, 'text/plain', 'try /metrics, /health/live or /health/ready\n'];
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new BatonError(
          'start_failed',
          `cannot listen on ${host}:${port} (${error.message}): choose another transfer.admin.host or transfer.admin.port, or stop the process that uses it`,
          { cause: error },
        ),
      );
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
