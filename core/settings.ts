// The one configuration schema: a YAML file whose sections the processes read. Units stand in the names; every key says what it
// means, and docs/configuration.md is generated from here.
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
const zmq = z
  .string()
  .regex(/^(tcp:\/\/.+:\d+|ipc:\/\/.+)$/, 'must be tcp://host:port or ipc://path')
  .nullable();
const ms = z
  .int('must be whole milliseconds')
  .min(1, 'must be at least 1 ms')
  .max(86_400_000, 'must be at most a day');
const count = z.int('must be a whole number').min(1, 'must be at least 1');
const sha256Hex = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hex: printf %s KEY | sha256sum');

export const tenantSettings = z.strictObject({
  name: name.describe('Owner of these API keys; its name is a metric label.'),
  secret: z
    .string()
    .min(32, 'must be at least 32 characters, for example from: openssl rand -hex 32')
    .describe(
      'Names every chunk of the tenant: another secret shares nothing. Same on all routers; never sent on.',
    ),
  keys: z
    .array(sha256Hex)
    .min(1, 'must list at least one key hash')
    .describe('SHA-256 of each API key, for example from: `printf %s KEY` piped into `sha256sum`.'),
});

export const modelSettings = z.strictObject({
  name: name.describe('As engines serve it (`router.engines[].model`).'),
  tokenizer: path
    .nullable()
    .default(null)
    .describe(
      '`tokenizer.json` that the router renders with (and the `tokenizer_config.json` beside it, for special tokens); null: the engine renders and nothing is named by the router.',
    ),
  tokenize: z
    .boolean('must be true or false')
    .default(false)
    .describe(
      'Without `tokenizer`: ask an engine’s `/tokenize` for the ids of each prompt, one more request each. An engine that does not answer leaves the prompt to be rendered where it is computed.',
    ),
  chat_template: path.nullable().default(null).describe('Jinja chat template; set both files or none.'),
  max_model_len: count.default(16384).describe('Prompt and answer together, tokens; longer is a 400.'),
});

export const engineEntry = z.strictObject({
  name: name.describe('As in that engine’s own `engine.name`: the service knows it by this name.'),
  url: url.describe('Where its OpenAI API answers.'),
  node: name
    .nullable()
    .default(null)
    .describe('The node whose transfer service it is attached to; null: none, so it is only asked in whole.'),
  role: z
    .enum(['prefill', 'decode', 'both'], 'must be prefill, decode or both')
    .describe('The legs it may be given. A decode engine also computes prompts that are placed local.'),
  model: name.describe('The model it serves, as clients ask for it.'),
  dialect: z
    .enum(['baton', 'vllm-nixl', 'local'], 'must be baton, vllm-nixl or local')
    .default('baton')
    .describe(
      'The wire shape of its legs: baton, tickets of the node’s service (without `node` as good as local); vllm-nixl, vLLM with its own NixlConnector in pull mode, without `node`; local, only asked in whole. Pairs are formed within one dialect.',
    ),
  nixl: z
    .strictObject({
      remote_host: host
        .nullable()
        .default(null)
        .describe(
          'Where decode engines reach this prefill engine’s NIXL side channel; null: what the engine itself says (`VLLM_NIXL_SIDE_CHANNEL_HOST`, by default localhost).',
        ),
    })
    .prefault({}),
  kv_events: z
    .strictObject({
      endpoint: zmq
        .default(null)
        .describe(
          'Where it publishes KV events over ZeroMQ (vLLM’s `kv-events-config`, `endpoint`); null: placement does not know what it has cached.',
        ),
      bind: z
        .boolean('must be true or false')
        .default(false)
        .describe(
          'true: the router listens at `endpoint` and engines connect, as vLLM does where its own `endpoint` has no wildcard.',
        ),
      replay: zmq.default(null).describe('Its `replay_endpoint`; null: after a gap all is forgotten.'),
      topic: z
        .string()
        .min(1, 'must not be empty')
        .nullable()
        .default(null)
        .describe(
          'Only messages of this topic are its own; null: all of the endpoint’s. Engines that share an endpoint need one each.',
        ),
      ranks: count
        .max(64, 'must be at most 64')
        .default(1)
        .describe('Data-parallel ranks behind its URL; they publish at consecutive ports.'),
    })
    .prefault({}),
  kv_tokens: count
    .default(65_536)
    .describe(
      'Its KV room in tokens. Where no service speaks for an engine and its metrics tell the size, that counts instead. A request whose prompt and answer do not fit is never placed on it; see `router.placement.room_ahead`.',
    ),
  max_sequences: count
    .nullable()
    .default(null)
    .describe(
      'Sequences that it generates at a time (vLLM’s `--max-num-seqs`): further ones wait in it, and placement foresees how long; null: only its KV room counts.',
    ),
});

export const routerSettings = z.strictObject({
  name: name.default('router').describe('Its name at the services; different for each router.'),
  host: host.default('127.0.0.1').describe('Address of the public listener.'),
  port: port.default(8000).describe('Port of the public listener.'),
  admin: z
    .strictObject({
      host: host
        .default('127.0.0.1')
        .describe('Address of the listener for metrics and debug; never public.'),
      port: port.default(8001).describe('Port of that listener.'),
      key_file: path
        .nullable()
        .default(null)
        .describe(
          'File that holds the admin key (at least 32 bytes), which `/ui` and `/debug` then ask for; or `BATON_ADMIN_KEY`. null: none is asked for, and beyond loopback both are refused.',
        ),
      hosts: z
        .array(host)
        .default([])
        .describe(
          'Names, besides localhost, addresses and `router.admin.host`, by which browsers may reach `/ui` and `/debug`.',
        ),
    })
    .prefault({}),
  services: z
    .array(
      z.strictObject({
        node: name.describe('As in that service’s own `transfer.node`.'),
        address: z
          .string()
          .regex(/^.+:\d+$/, 'must be host:port')
          .describe('Of its control stream.'),
      }),
    )
    .default([])
    .describe('The transfer services; none: everything is placed local.'),
  engines: z
    .array(engineEntry)
    .min(1, 'must list at least one engine')
    .default([])
    .describe('Only these are ever dialled.'),
  models: z
    .array(modelSettings)
    .default([])
    .describe('How each model is rendered; a model without an entry is rendered by its engine.'),
  placement: z
    .strictObject({
      mode: z
        .enum(['auto', 'disaggregated', 'local'], 'must be auto, disaggregated or local')
        .default('auto')
        .describe(
          'auto: the placement with the least predicted time to first token, whatever engines and services are left. disaggregated: handoffs only, `no_worker` while there is no pair; a request whose attempt failed may still go local. local: no handoffs. A trusted caller’s `x-baton-placement` overrides it.',
        ),
      prefill_tokens_per_s: z
        .number()
        .positive('must be above 0')
        .default(2000)
        .describe('Assumed of an engine until its own rate is measured.'),
      transfer_bytes_per_s: z
        .number()
        .positive('must be above 0')
        .default(1e9)
        .describe('Assumed of a pair of nodes until measured.'),
      handoff_ms: z
        .number()
        .min(0, 'must not be negative')
        .default(15)
        .describe('Fixed cost of a handoff: control round trips and the second leg.'),
      first_token_ms: ms
        .nullable()
        .default(null)
        .describe(
          'A request whose first token is predicted later than this after its arrival is refused at once, with `Retry-After`: 429 `overloaded` where there is too much to compute before it, 503 `no_room` where the decode engines will not have room by then. null: only one that would outlast `router.timeouts.request_ms`. A tenth of it is kept back for what predictions do not know, and more where they lately were too early.',
        ),
      room_ahead: z
        .number()
        .min(0, 'must not be negative')
        .max(4, 'must be at most 4')
        .default(1)
        .describe(
          'Share of a decode engine’s KV room that may be promised before it is free, as its requests are expected to end (measured on streams, by what `max_tokens` allows each). What comes early waits in the engine. 0, or while nothing is measured: only what is free now is promised.',
        ),
    })
    .prefault({}),
  trusted: z
    .array(z.string())
    .default(['127.0.0.1', '::1'])
    .describe(
      'Addresses of callers whose `x-baton-placement` and `x-baton-explain` headers count; of others they are dropped silently.',
    ),
  nixl: z
    .strictObject({
      lease_ms: ms
        .default(30_000)
        .describe(
          'How long a vllm-nixl prefill engine keeps a prompt’s blocks for its decode engine (vLLM’s `kv_lease_duration`). A stream that begins later is given up and placed again.',
        ),
      begin_share: z
        .number()
        .gt(0, 'must be above 0')
        .max(1, 'must be at most 1')
        .default(0.5)
        .describe(
          'Share of the lease within which the decode leg must begin; later, it computes the prompt itself.',
        ),
    })
    .prefault({}),
  limits: z
    .strictObject({
      body_bytes: count.default(8 * 1024 * 1024).describe('Of one request; more is a 413.'),
      requests: count.default(1024).describe('In flight; more is a 429.'),
      in_flight_bytes: count
        .default(256 * 1024 * 1024)
        .describe('Bodies of all requests in flight; more is a 429.'),
      in_flight_tokens: count
        .default(4_000_000)
        .describe('Prompts and answers of all requests in flight; more is a 429.'),
      attempts: count
        .max(8, 'must be at most 8')
        .default(3)
        .describe('Placements of one request that reach an engine, the first included.'),
      journeys: count
        .max(65_536, 'must be at most 65536')
        .default(1024)
        .describe('Requests whose journey is kept for `/ui` and `/debug/requests/ID`, the last ones.'),
    })
    .prefault({}),
  timeouts: z
    .strictObject({
      request_ms: ms.default(600_000).describe('From its arrival to the end of its answer.'),
      connect_ms: ms.default(2000).describe('To an engine.'),
      handoff_idle_ms: ms
        .default(30_000)
        .describe('No progress of a prefill or its transfer for this long: the attempt is given up.'),
      first_token_ms: ms
        .default(120_000)
        .describe(
          'From the decode leg’s start to its first byte, of a stream; a whole answer of an engine that is up has half of the request’s time. Also the bound of a vllm-nixl prefill leg, which tells nothing until it answers.',
        ),
      stream_idle_ms: ms
        .default(60_000)
        .describe(
          'An engine from which nothing more comes of a begun answer for so long (at the latest, twice) is given up.',
        ),
      lease_ms: ms
        .default(10_000)
        .describe('A ticket ends so long after the router’s last word on it. Renewed at a third of it.'),
      client_stall_ms: ms
        .default(60_000)
        .describe('A client that takes nothing of its stream for so long, with its buffer full, is cut.'),
      drain_ms: ms.default(20_000).describe('After SIGTERM, for requests in flight; then they are cut.'),
    })
    .prefault({}),
});

export const transferSettings = z.strictObject({
  node: name.default('node').describe('Name of this node, different for each.'),
  host: host.default('127.0.0.1').describe('Address of the control streams’ listener.'),
  port: port.default(7001).describe('Port of it.'),
  admin: z
    .strictObject({
      host: host.default('127.0.0.1').describe('Address of the listener for metrics and health.'),
      port: port.default(7002).describe('Port of that listener.'),
    })
    .prefault({}),
  lane: z
    .strictObject({
      host: host.default('127.0.0.1').describe('Address that lanes from other services come to.'),
      port: port.default(0).describe('Port of it; routers tell it to the other services.'),
      advertise: host
        .nullable()
        .default(null)
        .describe('The host that other services are told; null: `host`.'),
      silence_ms: ms
        .default(2000)
        .describe('A lane whose other end says nothing for so long is lost. At least 4.'),
      connect_ms: ms.default(1000).describe('To another service, hello included.'),
    })
    .prefault({}),
  socket: path
    .default('/tmp/baton/engine.sock')
    .describe('Unix socket that this node’s engines attach to; its folder is made when missing.'),
  arena: z
    .strictObject({
      path: path
        .default('/dev/shm/baton-arena')
        .describe(
          'File of the arena, on tmpfs or hugetlbfs. It outlives the service on purpose: what is sealed is served again.',
        ),
      bytes: z
        .int('must be whole bytes')
        .min(1 << 20, 'must be at least 1 MiB')
        .default(1 << 30)
        .describe('Room for chunks.'),
      slots_max: count
        .max(1 << 20, 'must be at most 1048576')
        .default(65_536)
        .describe('Chunks that the arena can hold, whatever their size.'),
      prefault: z
        .boolean('must be true or false')
        .default(true)
        .describe(
          'Touch every page before ready, so that memory is charged to the service and never missing later.',
        ),
      ephemeral: z
        .boolean('must be true or false')
        .default(false)
        .describe('The file is removed at the end of the process (demo, tests).'),
    })
    .prefault({}),
  ticket_share_max: z
    .number()
    .gt(0, 'must be above 0')
    .max(1, 'must be at most 1')
    .default(0.5)
    .describe('Share of the arena that one prompt may take; a larger prompt is placed local.'),
  drain_ms: ms.default(20_000).describe('After SIGTERM, for live tickets; then they are aborted.'),
});

export const engineSettings = z.strictObject({
  name: name.default('engine').describe('Its name at the service and in `router.engines`.'),
  host: host.default('127.0.0.1').describe('Address of its OpenAI API.'),
  port: port.default(8100).describe('Port of it.'),
  model: z
    .enum(['tiny', 'synthetic'], 'must be tiny or synthetic')
    .default('tiny')
    .describe(
      'tiny: a small trained transformer that answers questions about stories; synthetic: any geometry, every KV byte shapes the answer.',
    ),
  weights: z
    .enum(['trained', 'random'], 'must be trained or random')
    .default('trained')
    .describe(
      'Of tiny: the trained ones, for its own geometry only; random ones from `engine.seed`, whose answers are noise that any changed KV changes.',
    ),
  served_name: name.nullable().default(null).describe('As clients ask for it; null: `engine.model`.'),
  layers: count.nullable().default(null).describe('Instead of the model’s own.'),
  heads: count.nullable().default(null).describe('KV heads, instead of the model’s own.'),
  head_dim: count.nullable().default(null).describe('Instead of the model’s own.'),
  seed: z
    .int('must be a whole number')
    .min(0, 'must not be negative')
    .default(1)
    .describe('Of random weights (tiny) or KV bytes (synthetic); another seed is another model.'),
  pages: count.default(2048).describe('Its KV pages, all sequences and the prefix cache.'),
  page_tokens: count.default(16).describe('Tokens of a page; divides `engine.chunk_tokens`.'),
  chunk_tokens: count.default(256).describe('Tokens of a chunk; the same on every engine of a model.'),
  max_model_len: count.default(16384).describe('Prompt and answer together, tokens.'),
  max_batched_tokens: count.default(2048).describe('Tokens of one step, prefill and decode together.'),
  max_sequences: count.default(32).describe('Sequences of one step.'),
  threads: count.default(1).describe('That compute.'),
  socket: path.nullable().default(null).describe('The service’s socket; null: serve alone.'),
  keep: z
    .boolean('must be true or false')
    .default(true)
    .describe('Whole chunks of named prompts go into the arena also without a ticket.'),
  keep_generated: z
    .boolean('must be true or false')
    .default(true)
    .describe('So do whole chunks that hold generated tokens: the next turn finds them.'),
  verify: z
    .boolean('must be true or false')
    .default(true)
    .describe('Check digests again while scattering. Landing always checks.'),
  layer_hooks: z
    .boolean('must be true or false')
    .default(true)
    .describe(
      'Gather each layer as soon as it is computed; false: all of a step’s layers at its end (no streaming).',
    ),
  check: z
    .boolean('must be true or false')
    .default(false)
    .describe('Answer `/debug/digests/ID` with the digests of a request’s own pages (identity test).'),
  compute_us_per_layer: z
    .number()
    .min(0, 'must not be negative')
    .default(0)
    .describe('Modelled compute time of synthetic: for each layer of a step.'),
  compute_us_per_layer_token: z
    .number()
    .min(0, 'must not be negative')
    .default(0)
    .describe('And for each token of it.'),
  prepare_kv: z
    .boolean('must be true or false')
    .default(false)
    .describe('synthetic makes a step’s KV bytes before its layers’ time begins (overlap bench).'),
  delay_layer: z
    .int('must be a whole number')
    .default(-1)
    .describe('The layer that `engine.delay_ms` holds up; -1: none (tests).'),
  delay_ms: z.number().min(0, 'must not be negative').default(0).describe('See `engine.delay_layer`.'),
  drain_ms: ms.default(20_000).describe('After SIGTERM, for requests in flight; then they are cut.'),
});

export const settings = z.strictObject({
  log: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'], 'must be debug, info, warn, error or silent')
    .default('info')
    .describe('Least level that is written, as JSON lines on standard error.'),
  cluster: z
    .strictObject({
      key_files: z
        .array(path)
        .max(2, 'must list at most two key files')
        .default([])
        .describe(
          'Files that hold a cluster key each (at least 32 bytes); the first proves, all are accepted.',
        ),
    })
    .prefault({}),
  tenants: z
    .array(tenantSettings)
    .default([])
    .describe('Owners of API keys; none: one tenant, `default`, and no key is asked for.'),
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
