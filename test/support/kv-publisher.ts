// An engine's publisher of KV events over real ZeroMQ.
import { Encoder } from '@msgpack/msgpack';
import { Publisher, Router as ReplaySocket } from 'zeromq';

const encoder = new Encoder({ useBigInt64: true });
const END = Buffer.alloc(8, 0xff);

export const batchOf = (events: unknown[], rank = 0): Uint8Array => encoder.encode([1.5, events, rank]);

/** As vLLM has it: numbered batches, and those that it keeps on demand. */
export class KvPublisher {
  readonly pub = new Publisher({ linger: 0 });
  readonly replaySocket = new ReplaySocket({ linger: 0 });
  private readonly topic: string;
  private kept: [Buffer, Uint8Array][] = [];
  private seq = 0;
  replays = 0;

  constructor(topic = '') {
    this.topic = topic;
  }

  async listen(): Promise<void> {
    await this.pub.bind('tcp://127.0.0.1:0');
    await this.replaySocket.bind('tcp://127.0.0.1:0');
    void (async () => {
      for await (const [id, , from] of this.replaySocket) {
        this.replays++;
        for (const [seq, payload] of this.kept.filter(([kept]) => Buffer.compare(kept, from ?? END) >= 0))
          await this.replaySocket.send([id ?? '', '', this.topic, seq, payload]);
        await this.replaySocket.send([id ?? '', '', '', END, '']);
      }
    })();
  }

  get settings(): Record<string, unknown> {
    return { endpoint: this.pub.lastEndpoint, replay: this.replaySocket.lastEndpoint };
  }

  /** `silent`: nobody hears it, as when it went lost. */
  async say(events: unknown[], silent = false): Promise<void> {
    const seq = Buffer.alloc(8);
    seq.writeBigUInt64BE(BigInt(this.seq++));
    const payload = batchOf(events);
    this.kept.push([seq, payload]);
    if (!silent) await this.pub.send([this.topic, seq, payload]);
  }

  /** Starts anew: numbers and buffer are gone. */
  restart(): void {
    this.seq = 0;
    this.kept = [];
  }

  close(): void {
    this.pub.close();
    this.replaySocket.close();
  }
}
