// A client that sends bytes, not requests.
import { connect, type Socket } from 'node:net';

export class RawClient {
  readonly socket: Socket;
  /** All that came so far, as latin1. */
  text = '';
  /** The other end has closed, or the connection broke. */
  readonly closed: Promise<void>;
  private readonly waiting = new Set<() => void>();

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    // What it leaves open is for its test to see.
    this.socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    this.socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      for (const look of this.waiting) look();
    });
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      this.socket.once('end', resolve);
      this.socket.once('close', () => { resolve(); }); // prettier-ignore
    });
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Waits until what came matches. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text)) {
      const news = new Promise<void>((resolve) => {
        this.waiting.clear();
        this.waiting.add(resolve);
      });
      const over = await Promise.race([news, this.closed.then(() => 'over' as const)]);
      if (over === 'over' && !pattern.test(this.text)) throw new Error(`closed after: ${this.text}`);
    }
    return this.text;
  }

  leave(): void {
    this.socket.destroy();
  }
}

/** Sends bytes, returns all that comes until the other end closes. */
export async function raw(url: string, bytes: string): Promise<string> {
  const client = new RawClient(url).send(bytes);
  await client.closed;
  client.leave();
  return client.text;
}
