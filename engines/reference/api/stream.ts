// Server-sent events on one response, at the reader's pace.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

export class EventStream {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** Has anything been sent? */
  get begun(): boolean {
    return this.#response.headersSent;
  }

  /** Sends one event and waits while the reader is behind; a reader that goes away ends the wait. */
  async send(event: object): Promise<void> {
    if (!this.begun) {
      this.#response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    }
    if (this.#response.write(`data: ${JSON.stringify(event)}\n\n`) || this.#response.destroyed) return;
    const settled = new AbortController();
    const { signal } = settled;
    await Promise.race([
      once(this.#response, 'drain', { signal }),
      once(this.#response, 'close', { signal }),
    ]).catch(() => undefined);
    settled.abort();
  }

  done(): void {
    this.#response.end('data: [DONE]\n\n');
  }

  /** The answer breaks off: an error event, and no [DONE]. */
  fail(body: string): void {
    this.#response.end(`data: ${body}\n\n`);
  }
}
