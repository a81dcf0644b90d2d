// Listening to engines' KV events as the router does, for a short while.
import type { EngineEntry } from '#core/settings.ts';
import { decodeBatch, type BlockHash, type KvEvent } from '../kv-events/decode.ts';
import { ofRank } from '../kv-events/kv-events.ts';
import { MalformedError } from '../kv-events/msgpack.ts';
import type { KvTransport } from '../kv-events/zeromq.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import { reach, within } from './ask.ts';
import type { EventFacts, Reach } from './facts.ts';
import { hostOf } from './hosts.ts';

const NEVER = 1n << 62n;

export class Listener {
  readonly entry: EngineEntry;
  private readonly transport: KvTransport;
  private readonly open: { close(): void }[] = [];
  private readonly firstBlocks = new Map<string, string>();
  private endpoint: Reach = 'untried';
  private replay: EventFacts['replay'] = null;
  private batches = 0;
  private malformed = 0;

  constructor(entry: EngineEntry, transport: KvTransport) {
    this.entry = entry;
    this.transport = transport;
  }

  get heard(): boolean {
    return this.batches + this.malformed > 0;
  }

  /** Connects. With `bind` the router itself is the one that listens, so nothing can. */
  async start(): Promise<void> {
    const { endpoint, bind, topic, ranks } = this.entry.kv_events;
    if (endpoint === null || bind) return;
    this.endpoint = await reachOf(endpoint);
    for (let rank = 0; rank < ranks; rank++) {
      const one = this.transport.subscribe(ofRank(endpoint, rank), false, (from, { payload }) => {
        if (topic === null || topic === from) this.take(payload);
      });
      const subscription = await within(ROUTER_LIMITS.doctorAskMs, one, null);
      if (subscription === null) this.endpoint = 'closed';
      else this.open.push(subscription);
    }
  }

  /** Asks for messages that are not there yet: a publisher replays nothing meanwhile, and answers all the same. */
  async askReplay(): Promise<void> {
    const { replay, ranks } = this.entry.kv_events;
    if (replay === null) return;
    const ms = ROUTER_LIMITS.doctorAskMs;
    const asked = Array.from({ length: ranks }, (_, rank) =>
      within(ms, this.transport.replay(ofRank(replay, rank), NEVER, ms), null),
    );
    const answers = await Promise.all(asked);
    this.replay = answers.includes(null) ? 'silent' : 'answers';
  }

  close(): EventFacts {
    for (const subscription of this.open.splice(0)) subscription.close();
    const { endpoint, batches, malformed, replay, firstBlocks } = this;
    return { endpoint, batches, malformed, replay, firstBlocks };
  }

  private take(payload: Uint8Array): void {
    try {
      for (const event of decodeBatch(payload).events) this.note(event);
      this.batches++;
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.malformed++;
    }
  }

  /** The first block of a prompt is named by its content alone. */
  private note(event: KvEvent): void {
    if (event.kind !== 'stored' || event.parent !== null || event.adapter) return;
    const { hashes, tokens, blockTokens, extras, group } = event;
    const [hash] = hashes;
    if (hash === undefined || this.firstBlocks.size >= ROUTER_LIMITS.doctorBlocksMax) return;
    const ids = tokens.subarray(0, blockTokens).join(' ');
    this.firstBlocks.set(`${blockTokens} ${group} ${extras?.[0] ?? ''} ${ids}`, nameOf(hash));
  }
}

/** Some engines tell all 32 bytes, others the last eight. */
const nameOf = (hash: BlockHash): string =>
  typeof hash === 'bigint' ? hash.toString(16).padStart(16, '0') : hash.slice(-16);

function reachOf(endpoint: string): Promise<Reach> {
  const [, address = ''] = /^tcp:\/\/(.+)$/.exec(endpoint) ?? [];
  if (address === '') return Promise.resolve('untried');
  const port = Number(/:(\d+)$/.exec(address)?.[1]);
  return reach(hostOf(address), port, ROUTER_LIMITS.doctorAskMs);
}
