// One publisher's messages in order: a gap is replayed from the publisher's buffer, and where that is gone, what was known is
// forgotten. Numbers that begin anew are a publisher that was started anew.
import { ROUTER_LIMITS } from '../limits.ts';

export interface Message {
  seq: bigint;
  payload: Uint8Array;
}

export interface FeedEvents {
  /** The next message in order. */
  message(payload: Uint8Array): void;
  /** Messages are lost for good: what was known may be wrong. */
  lost(): void;
  /** The publisher is another: nothing that was known counts. */
  restarted(): void;
}

/** Asks for all messages from `seq` on; resolves with those that are still kept, none where no replay is to be had. */
export type Replay = (seq: bigint) => Promise<Message[]>;

export class Feed {
  private readonly events: FeedEvents;
  private readonly replay: Replay;
  private next = 0n;
  /** The last one that came by itself: within one life of the publisher they come in order. */
  private lastLive = -1n;
  private life = 0;
  /** Messages that came while a replay runs; null: none runs. */
  private waiting: Message[] | null = null;

  constructor(events: FeedEvents, replay: Replay) {
    this.events = events;
    this.replay = replay;
  }

  /** Asks for what was said before anybody listened. */
  async start(): Promise<void> {
    if (this.waiting === null) await this.fill();
  }

  async push(message: Message): Promise<void> {
    if (message.seq <= this.lastLive) this.restarted();
    this.lastLive = message.seq;
    const { waiting } = this;
    if (waiting !== null) {
      waiting.push(message);
      if (waiting.length > ROUTER_LIMITS.eventsHeldMax) waiting.shift();
    } else if (message.seq === this.next) this.take(message);
    else if (message.seq > this.next) {
      this.waiting = [message];
      await this.fill();
    }
    // Else a replay has brought it already.
  }

  private restarted(): void {
    this.life++;
    this.next = 0n;
    this.waiting?.splice(0);
    this.events.restarted();
  }

  private take(message: Message): void {
    this.next = message.seq + 1n;
    this.events.message(message.payload);
  }

  private async fill(): Promise<void> {
    this.waiting ??= [];
    const { life } = this;
    const replayed = await this.replay(this.next).catch(() => []);
    const { waiting } = this;
    this.waiting = null;
    // What a former life said is no more.
    const kept = life === this.life ? replayed : [];
    for (const message of [...kept, ...waiting]) {
      if (message.seq < this.next) continue;
      if (message.seq > this.next) this.events.lost();
      this.take(message);
    }
  }
}
