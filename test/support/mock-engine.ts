// An engine as the router's tests need it: OpenAI's paths over node:http, answers by a script, all requests remembered.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface SeenRequest {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  json: Record<string, unknown>;
  response: ServerResponse;
  /** Resolves when the router closes this leg before its answer's end. */
  closedEarly: Promise<void>;
}

export type Script = (seen: SeenRequest) => void | Promise<void>;

export interface MockEngine {
  url: string;
  requests: SeenRequest[];
  healthy: boolean;
  /** Bodies of GETs by path; other paths answer without one. */
  pages: Map<string, string>;
  /** What POSTs are answered; the default answers like an engine. */
  script: Script;
  /** The next request, once it has arrived. */
  next(): Promise<SeenRequest>;
  /** Ends every connection and stops listening, as a killed process does. */
  kill(): Promise<void>;
  /** Listens again at the same address. */
  revive(): Promise<void>;
}

export function event(text: string): string {
  return `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 0, model: 'mock', choices: [{ index: 0, delta: { content: text }, text, finish_reason: null }] })}\n\n`;
}

export function wholeAnswer(text: string): string {
  const choice = { index: 0, message: { role: 'assistant', content: text }, text, finish_reason: 'stop' };
  return JSON.stringify({ id: 'x', object: 'chat.completion', created: 0, model: 'mock', choices: [choice] });
}

/** Two words and [DONE], or one JSON answer. */
export const answerWell: Script = ({ json, response }) => {
  if (json['stream'] !== true) {
    response.writeHead(200, { 'content-type': 'application/json' }).end(wholeAnswer('hello world'));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(event('hello '));
  response.write(event('world'));
  response.end('data: [DONE]\n\n');
};

export function answerError(status: number, code: string): Script {
  return ({ response }) => {
    const body = JSON.stringify({
      error: { message: `mock says ${code}`, type: 'invalid_request_error', param: null, code },
    });
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  };
}

export async function startMockEngine(): Promise<MockEngine> {
  const sockets = new Set<Socket>();
  const waiting: ((seen: SeenRequest) => void)[] = [];
  const server = createServer((request, response) => {
    void take(request, response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'GET') {
      response.writeHead(engine.healthy ? 200 : 503).end(engine.pages.get(request.url ?? '') ?? '');
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString('utf8');
    const closedEarly = new Promise<void>((resolve) => {
      response.once('close', () => {
        if (!response.writableFinished) resolve();
      });
    });
    const json = JSON.parse(body) as Record<string, unknown>;
    const seen = { path: request.url ?? '', headers: request.headers, body, json, response, closedEarly };
    engine.requests.push(seen);
    waiting.shift()?.(seen);
    await engine.script(seen);
  };
  const listen = (port: number): Promise<void> =>
    new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const engine: MockEngine = {
    url: `http://127.0.0.1:${port}`,
    requests: [],
    healthy: true,
    pages: new Map(),
    script: answerWell,
    next: () => new Promise((resolve) => waiting.push(resolve)),
    kill: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of sockets) socket.resetAndDestroy();
      }),
    revive: () => listen(port),
  };
  return engine;
}
