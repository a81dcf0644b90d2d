// The caches of engines that publish KV events: one feed per engine and data-parallel rank, all into the one index.
import { BatonError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { EngineEntry } from '#core/settings.ts';
import type { ChunkIndex } from '../index/index.ts';
import type { RouterMetrics } from '../metrics.ts';
import { holderOf } from '../pools.ts';
import { blockRoot, promptBlocks, saltExtras } from './blocks.ts';
import { decodeBatch } from './decode.ts';
import { Feed } from './feed.ts';
import { Mapper } from './mapper.ts';
import { MalformedError } from './msgpack.ts';
import type { KvTransport } from './zeromq.ts';

interface Cache {
  engine: string;
  model: string;
  /** Null: every topic of its endpoint. */
  topic: string | null;
  mapper: Mapper;
  feed: Feed;
}

export interface KvEventsOptions {
  entries: readonly EngineEntry[];
  index: ChunkIndex;
  metrics: RouterMetrics;
  log: Logger;
  transport: () => Promise<KvTransport>;
}

export class KvEvents {
  private readonly options: KvEventsOptions;
  /** By what the index calls them. */
  private readonly caches = new Map<string, Cache>();
  private readonly byEndpoint = new Map<string, { bind: boolean; caches: Cache[] }>();
  private transport: KvTransport | null = null;
  private readonly open: { close(): void }[] = [];

  constructor(options: KvEventsOptions) {
    this.options = options;
    for (const entry of options.entries) {
      const { endpoint, ranks } = entry.kv_events;
      if (endpoint === null) continue;
      for (let rank = 0; rank < ranks; rank++) this.add(entry, endpoint, rank);
    }
    this.check();
  }

  /** Blocks known of all caches, and blocks that could not be named. */
  get blocks(): { known: number; orphans: number } {
    const mappers = [...this.caches.values()].map(({ mapper }) => mapper);
    const total = (of: (mapper: Mapper) => number): number => mappers.reduce((sum, m) => sum + of(m), 0);
    return { known: total((m) => m.size), orphans: total((m) => m.orphans) };
  }

  /** Listens; what was said before is replayed meanwhile. */
  async start(): Promise<void> {
    if (this.caches.size === 0) return;
    const transport = (this.transport = await this.options.transport());
    for (const [endpoint, { bind, caches }] of this.byEndpoint) {
      const subscription = await transport.subscribe(endpoint, bind, (topic, message) => {
        const cache = caches.find((one) => one.topic === null || one.topic === topic);
        if (cache !== undefined) void cache.feed.push(message);
      });
      this.open.push(subscription);
      for (const { feed } of caches) void feed.start();
    }
  }

  close(): void {
    for (const subscription of this.open.splice(0)) subscription.close();
  }

  /** Tokens of a prompt that engines of a model hold, by what placement calls their cache: the best of an engine's ranks. */
  held(model: string, salt: string, tokens: Uint32Array): Map<string, number> {
    const held = new Map<string, number>();
    for (const size of this.sizes(model)) {
      const keys = promptBlocks(blockRoot(model, size, saltExtras(salt)), tokens, size);
      for (const [name, blocks] of this.options.index.match(keys)) {
        const cache = this.caches.get(name);
        if (cache?.mapper.blockTokens !== size) continue;
        const holder = holderOf(cache.engine);
        held.set(holder, Math.max(held.get(holder) ?? 0, blocks * size));
      }
    }
    return held;
  }

  private sizes(model: string): Set<number> {
    const sizes = new Set<number>();
    for (const { model: of, mapper } of this.caches.values())
      if (of === model && mapper.size > 0 && mapper.blockTokens !== null) sizes.add(mapper.blockTokens);
    return sizes;
  }

  private add(entry: EngineEntry, endpoint: string, rank: number): void {
    const { replay, topic, bind } = entry.kv_events;
    const holder = `${holderOf(entry.name)}/${rank}`;
    const mapper = new Mapper(entry.model, holder, this.options.index);
    const feed = new Feed(this.eventsOf(entry.name, mapper), (seq) =>
      replay === null || this.transport === null
        ? Promise.resolve([])
        : this.transport.replay(ofRank(replay, rank), seq),
    );
    const cache: Cache = { engine: entry.name, model: entry.model, topic, mapper, feed };
    this.caches.set(holder, cache);
    const address = ofRank(endpoint, rank);
    const shared = this.byEndpoint.get(address);
    if (shared === undefined) this.byEndpoint.set(address, { bind, caches: [cache] });
    else shared.caches.push(cache);
  }

  private eventsOf(engine: string, mapper: Mapper): ConstructorParameters<typeof Feed>[0] {
    const { metrics, log } = this.options;
    const count = (outcome: string): void => {
      metrics.add('baton_router_kv_event_messages_total', 1, { outcome });
    };
    const forget = (outcome: string): void => {
      count(outcome);
      log.info({ engine, outcome }, 'KV events: what was known of this engine is forgotten');
      mapper.clear();
    };
    return {
      message(payload) {
        try {
          for (const event of decodeBatch(payload).events) mapper.apply(event);
          count('taken');
        } catch (error) {
          if (!(error instanceof MalformedError)) throw error;
          forget('malformed');
        }
      },
      lost: () => { forget('lost'); },
      restarted: () => { forget('restarted'); },
    }; // prettier-ignore
  }

  private check(): void {
    for (const [endpoint, { caches }] of this.byEndpoint) {
      const topics = new Set(caches.map(({ topic }) => topic));
      if (caches.length === 1 || (topics.size === caches.length && !topics.has(null))) continue;
      throw new BatonError(
        'bad_config',
        `router.engines: several have kv_events.endpoint = "${endpoint}": give each its own kv_events.topic`,
      );
    }
  }
}

/** Data-parallel ranks publish at consecutive ports. */
export function ofRank(endpoint: string, rank: number): string {
  return endpoint.replace(/:(\d+)$/, (_, port: string) => `:${Number(port) + rank}`);
}
