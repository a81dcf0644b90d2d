// KV events over ZeroMQ: three frames, topic, number (8 bytes, big endian), payload. The one module that knows the library.
import { Dealer, Subscriber } from 'zeromq';
import { BatonError } from '#core/errors.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import type { Message } from './feed.ts';

export interface KvTransport {
  /** Connects, or binds for publishers that connect; frames that are no message are dropped. */
  subscribe(
    endpoint: string,
    bind: boolean,
    take: (topic: string, message: Message) => void,
  ): Promise<{ close(): void }>;
  /** Messages from `seq` on that a publisher still keeps; rejects when it does not answer in time. */
  replay(endpoint: string, seq: bigint, boundMs?: number): Promise<Message[]>;
}

const SEQ_BYTES = 8;
const END = 0xffff_ffff_ffff_ffffn;

export const zeromq: KvTransport = {
  async subscribe(endpoint, bind, take) {
    const socket = new Subscriber({ maxMessageSize: ROUTER_LIMITS.eventBytesMax, linger: 0 });
    socket.subscribe('');
    try {
      if (bind) await socket.bind(endpoint);
      else socket.connect(endpoint);
    } catch (error) {
      socket.close();
      throw new BatonError('start_failed', `router.engines: kv_events.endpoint ${endpoint} cannot be used`, {
        cause: error,
      });
    }
    void (async () => {
      for await (const frames of socket) {
        const message = messageOf(frames);
        if (message !== null) take(String(frames[0]), message);
      }
    })();
    return { close: () => { socket.close(); } }; // prettier-ignore
  },
  async replay(endpoint, seq, boundMs = ROUTER_LIMITS.replayMs) {
    const socket = new Dealer({ maxMessageSize: ROUTER_LIMITS.eventBytesMax, linger: 0 });
    const deadline = setTimeout(() => { socket.close(); }, boundMs); // prettier-ignore
    try {
      socket.connect(endpoint);
      await socket.send(['', seqBytes(seq)]);
      const messages: Message[] = [];
      let bytes = 0;
      for await (const frames of socket) {
        const message = messageOf(frames);
        if (message === null) continue;
        if (message.seq === END) return messages;
        messages.push(message);
        bytes += message.payload.length;
        const { replayMessagesMax, replayBytesMax } = ROUTER_LIMITS;
        if (messages.length > replayMessagesMax || bytes > replayBytesMax) break;
      }
      throw new Error(`no whole replay from ${endpoint}`);
    } finally {
      clearTimeout(deadline);
      socket.close();
    }
  },
};

/** The last two frames; a replay has an empty one and, not in every version, a topic before them. */
function messageOf(frames: readonly Buffer[]): Message | null {
  const seq = frames.at(-2);
  const payload = frames.at(-1);
  if (frames.length < 2 || frames.length > 4 || payload === undefined || seq?.length !== SEQ_BYTES)
    return null;
  return { seq: seq.readBigUInt64BE(), payload };
}

function seqBytes(seq: bigint): Buffer {
  const bytes = Buffer.alloc(SEQ_BYTES);
  bytes.writeBigUInt64BE(seq);
  return bytes;
}
