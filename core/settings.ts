// The one configuration schema: a YAML file whose sections the processes read. Units stand in the names.
import { z } from './schema.ts';

const name = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,63}$/, 'must be 1 to 63 of letters, digits, dot, underscore, hyphen');
const host = z.string().min(1, 'must be a host name or address');
const port = z
  .int('must be a whole number')
  .min(0, 'must be 0 to 65535 (0: any free port)')
  .max(65535, 'must be 0 to 65535 (0: any free port)');
const path = z.string().min(1, 'must be a path');
const url = z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' });
const ms = z
  .int('must be whole milliseconds')
  .min(1, 'must be at least 1 ms')
  .max(86_400_000, 'must be at most a day');
const count = z.int('must be a whole number').min(1, 'must be at least 1');
const sha256Hex = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hex: printf %s KEY | sha256sum');

/** `tenants:` owners of API keys. */
export const tenantSettings = z.strictObject({
  name,
  secret: z.string().min(32, 'must be at least 32 characters, for example from: openssl rand -hex 32'),
  keys: z.array(sha256Hex).min(1, 'must list at least one key hash'),
});

export const modelSettings = z.strictObject({
  name,
  /** Files the router renders with; both or none (then the engine renders and nothing is named by the router). */
  tokenizer: path.nullable().default(null),
  chat_template: path.nullable().default(null),
  max_model_len: count.default(16384),
});

export const engineEntry = z.strictObject({
  name,
  url,
  /** The node whose transfer service it is attached to; null: none. */
  node: name.nullable().default(null),
  role: z.enum(['prefill', 'decode', 'both'], 'must be prefill, decode or both'),
  model: name,
  /** KV room in tokens, a hard bound of placement. */
  kv_tokens: count.default(65_536),
});

export const routerSettings = z.strictObject({
  name: name.default('router'),
  host: host.default('127.0.0.1'),
  port: port.default(8000),
  admin: z.strictObject({ host: host.default('127.0.0.1'), port: port.default(8001) }).prefault({}),
  services: z
    .array(z.strictObject({ node: name, address: z.string().regex(/^.+:\d+$/, 'must be host:port') }))
    .default([]),
  engines: z.array(engineEntry).min(1, 'must list at least one engine').default([]),
  models: z.array(modelSettings).default([]),
  placement: z
    .strictObject({
      mode: z
        .enum(['auto', 'disaggregated', 'local'], 'must be auto, disaggregated or local')
        .default('auto'),
      /** Assumed until measured. */
      prefill_tokens_per_s: z.number().positive('must be above 0').default(2000),
      transfer_bytes_per_s: z.number().positive('must be above 0').default(1e9),
      /** Fixed cost of a handoff: control round trips and the second leg. */
      handoff_ms: z.number().min(0, 'must not be negative').default(15),
    })
    .prefault({}),
  /** Addresses of callers whose x-baton-placement and x-baton-explain headers count. */
  trusted: z.array(z.string()).default(['127.0.0.1', '::1']),
  limits: z
    .strictObject({
      body_bytes: count.default(8 * 1024 * 1024),
      requests: count.default(1024),
      in_flight_bytes: count.default(256 * 1024 * 1024),
      in_flight_tokens: count.default(4_000_000),
      attempts: count.max(8, 'must be at most 8').default(3),
    })
    .prefault({}),
  timeouts: z
    .strictObject({
      request_ms: ms.default(600_000),
      connect_ms: ms.default(2000),
      /** No progress of a prefill or its transfer for this long: the attempt is given up. */
      handoff_idle_ms: ms.default(30_000),
      first_token_ms: ms.default(120_000),
      lease_ms: ms.default(10_000),
      drain_ms: ms.default(20_000),
    })
    .prefault({}),
});

export const transferSettings = z.strictObject({
  node: name.default('node'),
  host: host.default('127.0.0.1'),
  port: port.default(7001),
  admin: z.strictObject({ host: host.default('127.0.0.1'), port: port.default(7002) }).prefault({}),
  lane: z
    .strictObject({
      host: host.default('127.0.0.1'),
      port: port.default(0),
      /** The host that other services are told; null: `host`. */
      advertise: host.nullable().default(null),
      silence_ms: ms.default(2000),
      connect_ms: ms.default(1000),
    })
    .prefault({}),
  socket: path.default('/tmp/baton/engine.sock'),
  arena: z
    .strictObject({
      path: path.default('/dev/shm/baton-arena'),
      bytes: z
        .int('must be whole bytes')
        .min(1 << 20, 'must be at least 1 MiB')
        .default(1 << 30),
      slots_max: count.max(1 << 20, 'must be at most 1048576').default(65_536),
      prefault: z.boolean('must be true or false').default(true),
      /** Removed at the end of the process (demo, tests). */
      ephemeral: z.boolean('must be true or false').default(false),
    })
    .prefault({}),
  ticket_share_max: z.number().gt(0, 'must be above 0').max(1, 'must be at most 1').default(0.5),
  drain_ms: ms.default(20_000),
});

export const engineSettings = z.strictObject({
  name: name.default('engine'),
  host: host.default('127.0.0.1'),
  port: port.default(8100),
  model: z.enum(['tiny', 'synthetic'], 'must be tiny or synthetic').default('tiny'),
  served_name: name.nullable().default(null),
  /** Overrides of the model's own geometry. */
  layers: count.nullable().default(null),
  heads: count.nullable().default(null),
  head_dim: count.nullable().default(null),
  seed: z.int('must be a whole number').min(0, 'must not be negative').default(1),
  pages: count.default(2048),
  page_tokens: count.default(16),
  chunk_tokens: count.default(256),
  max_model_len: count.default(16384),
  max_batched_tokens: count.default(2048),
  max_sequences: count.default(32),
  threads: count.default(1),
  /** The service's socket; null: serve alone. */
  socket: path.nullable().default(null),
  keep: z.boolean('must be true or false').default(true),
  keep_generated: z.boolean('must be true or false').default(true),
  verify: z.boolean('must be true or false').default(true),
  /** Gather each layer as soon as it is computed; false: all of a step's layers at its end (no streaming). */
  layer_hooks: z.boolean('must be true or false').default(true),
  check: z.boolean('must be true or false').default(false),
  compute_us_per_layer: z.number().min(0, 'must not be negative').default(0),
  compute_us_per_layer_token: z.number().min(0, 'must not be negative').default(0),
  prepare_kv: z.boolean('must be true or false').default(false),
  delay_layer: z.int('must be a whole number').default(-1),
  delay_ms: z.number().min(0, 'must not be negative').default(0),
  drain_ms: ms.default(20_000),
});

export const settings = z.strictObject({
  log: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'], 'must be debug, info, warn, error or silent')
    .default('info'),
  cluster: z
    .strictObject({
      /** Files that hold a cluster key each (at least 32 bytes); the first proves, all are accepted. */
      key_files: z.array(path).max(2, 'must list at most two key files').default([]),
    })
    .prefault({}),
  tenants: z.array(tenantSettings).default([]),
  router: routerSettings.prefault({}),
  transfer: transferSettings.prefault({}),
  engine: engineSettings.prefault({}),
});

export type Settings = z.output<typeof settings>;
export type RouterSettings = Settings['router'];
export type TransferSettings = Settings['transfer'];
export type EngineSettings = Settings['engine'];
export type TenantSettings = z.output<typeof tenantSettings>;
export type EngineEntry = z.output<typeof engineEntry>;
