// Every code that a finding of `baton doctor` can have: docs/doctor.md is generated from here.

export type Level = 'ok' | 'warning' | 'error' | 'unknown';

export interface CodeEntry {
  /** The first is the usual one. */
  levels: readonly [Level, ...Level[]];
  meaning: string;
  /** What to do; '' where there is nothing to do. */
  mend: string;
}

const entry = (levels: CodeEntry['levels'], meaning: string, mend = ''): CodeEntry => ({
  levels,
  meaning,
  mend,
});
const ok = (meaning: string): CodeEntry => entry(['ok'], meaning);
const warning = (meaning: string, mend: string): CodeEntry => entry(['warning'], meaning, mend);
const error = (meaning: string, mend: string): CodeEntry => entry(['error'], meaning, mend);
const unknown = (meaning: string, mend: string): CodeEntry => entry(['unknown'], meaning, mend);

export const CODES = {
  engine_answers: ok('The engine is healthy and serves its model under the configured name.'),
  engine_unreachable: error(
    'Nothing answers `/health` at the engine’s URL in time.',
    'Start the engine, or correct `router.engines[].url`; look for a firewall between the router and it.',
  ),
  engine_unhealthy: error(
    '`/health` answers, and not with a 2xx: the router gives this engine nothing.',
    'Look into the engine’s log; a draining engine answers so too.',
  ),
  engine_not_openai: error(
    '`/v1/models` answers no list of models.',
    'Correct `router.engines[].url`: something else answers there.',
  ),
  model_differs: error(
    'The engine does not serve the configured model under that name, or the pools were started from different weights.',
    'Correct `router.engines[].model`, or start the engine with `--served-model-name`; start both pools from the same model.',
  ),
  max_model_len_differs: warning(
    'The engine takes shorter prompts than the router lets through: it will refuse some.',
    'Set `router.models[].max_model_len` to the smallest of its engines, or start them with the same `--max-model-len`.',
  ),
  pair_fits: ok('All that is known of the engines that hand KV to one another agrees.'),
  pair_missing: entry(
    ['error', 'warning'],
    'No two engines of a model can hand KV over: no pair of a prefill and a decode engine of one dialect (`baton`: with `node`). An error where nothing can be served.',
    'Give engines the roles `prefill` and `decode` and one `dialect`, or set `router.placement.mode` to `local` or `auto`.',
  ),
  version_differs: entry(
    ['error', 'warning'],
    'Engines of one pool run different versions. An error for `vllm-nixl`: vLLM’s handshake refuses another version, and each prompt is computed again.',
    'Run the same version on all engines of the model.',
  ),
  block_size_differs: warning(
    'vLLM engines that hand KV over have blocks of different sizes; vLLM takes that only in some combinations.',
    'Start them with the same `--block-size`.',
  ),
  dtype_differs: error(
    'vLLM engines that hand KV over keep it in different types; their handshake refuses that.',
    'Start them with the same `--dtype` and `--kv-cache-dtype`.',
  ),
  dtype_unknown: unknown(
    'The engine tells the KV cache’s type only as `auto`, or not at all: it is the model’s own, which could not be compared.',
    'Start it with `VLLM_SERVER_DEV_MODE=1` (answers `/server_info`; not for open networks), or compare `--dtype` of both pools.',
  ),
  policy_recompute: ok('`kv_load_failure_policy` is `recompute`.'),
  policy_not_recompute: warning(
    '`kv_load_failure_policy` is not `recompute`: a failed pull costs the client’s request one more attempt.',
    'Start decode engines with `"kv_load_failure_policy": "recompute"` in `--kv-transfer-config`.',
  ),
  policy_unknown: unknown(
    'The engine does not tell its `kv_load_failure_policy`.',
    'Look for `"kv_load_failure_policy": "recompute"` in `--kv-transfer-config` of its start command, or start it with `VLLM_SERVER_DEV_MODE=1` (answers `/server_info`; not for open networks).',
  ),
  connector_wrong: error(
    'The engine has dialect `vllm-nixl` and was started without NixlConnector.',
    'Start it with `--kv-transfer-config` and `"kv_connector": "NixlConnector"`, or correct `router.engines[].dialect`.',
  ),
  nixl_reachable: ok('The prefill engine’s params are whole, and its NIXL side channel takes connections.'),
  nixl_host_wrong: error(
    'The host in a prefill engine’s `kv_transfer_params` leads decode engines on other hosts nowhere, or to themselves.',
    'Set `router.engines[].nixl.remote_host`, or start the prefill engine with `VLLM_NIXL_SIDE_CHANNEL_HOST` set to an address that decode engines reach.',
  ),
  nixl_port_closed: error(
    'The prefill engine’s NIXL side channel takes no connection from this machine.',
    'Open that port between the pools; each engine of a machine needs its own `VLLM_NIXL_SIDE_CHANNEL_PORT`.',
  ),
  nixl_params_bad: error(
    'The prefill engine’s answer to the first leg has no usable `kv_transfer_params`: each prompt is computed by the decode engine.',
    'Start it with `--kv-transfer-config` and `"kv_connector": "NixlConnector"`, `"kv_role": "kv_both"`.',
  ),
  nixl_unknown: unknown(
    'Where a prefill engine’s NIXL side channel is to be reached is told only in answers to prompts.',
    'Run with `--probe`.',
  ),
  probe_failed: error(
    'The engine did not answer the probe’s prompt with a 200 in time.',
    'Look into the engine’s log; a queue longer than the probe’s bound looks so too.',
  ),
  events_heard: ok('The engine’s KV events arrive.'),
  events_off: warning(
    'Nothing tells what the engine has cached: it has no `node` and no KV events.',
    'Start it with `--kv-events-config \'{"enable_kv_cache_events":true,"publisher":"zmq","endpoint":"tcp://*:5557","replay_endpoint":"tcp://*:5558"}\'`, and set `kv_events` in `router.engines[]`.',
  ),
  events_unreachable: error(
    'Nobody listens at the engine’s `kv_events.endpoint`.',
    'Correct `router.engines[].kv_events.endpoint`; the engine’s own endpoint needs a wildcard (`tcp://*:5557`), else it connects: then set `bind: true`.',
  ),
  events_silent: warning(
    'The probe’s prompt was answered and no KV event came.',
    'Compare `topic` and port with the engine’s `--kv-events-config`; `enable_kv_cache_events` must be true and prefix caching on.',
  ),
  events_malformed: error(
    'What comes from the engine’s `kv_events.endpoint` cannot be read as KV events.',
    'Correct `router.engines[].kv_events.endpoint`: something else publishes there.',
  ),
  events_unknown: unknown(
    'No KV event came while the doctor listened: the engine had nothing to tell, or the router holds the endpoint (`bind: true`).',
    'Run with `--probe`; with `bind: true` see `baton_router_kv_event_messages_total`.',
  ),
  replay_unreachable: warning(
    'The engine’s `kv_events.replay` does not answer: after a gap all that is known of its cache is forgotten.',
    'Set `replay_endpoint` in its `--kv-events-config`, and the same in `router.engines[].kv_events.replay`.',
  ),
  hash_seed_same: ok('Engines of the model name the same blocks alike.'),
  hash_seed_differs: warning(
    'Engines of the model name the same blocks differently. It costs nothing with Baton, which maps them by their tokens; other tools that compare the names find nothing.',
    'For those, set the same `PYTHONHASHSEED` and `--prefix-caching-hash-algo` on all engines.',
  ),
  hash_seed_unknown: unknown(
    'No two engines of the model told KV events of the same blocks.',
    'Run with `--probe`, with KV events on.',
  ),
  service_answers: ok('The transfer service welcomes the router’s key.'),
  service_unreachable: error(
    'No transfer service answers at the address.',
    'Start it, or correct `router.services[].address`; `transfer.host` must be reachable from the router.',
  ),
  service_key_refused: error(
    'Router and service do not share a cluster key.',
    'Put the same key into `cluster.key_files` or `BATON_CLUSTER_KEY` of both.',
  ),
  service_wrong_node: error(
    'The service at the address is another node’s.',
    'Correct `router.services[].node` or `.address`.',
  ),
  service_protocol_differs: error(
    'The service speaks another version of the control protocol.',
    'Run the same version of Baton on both.',
  ),
  service_version_differs: warning(
    'The service is of another version of Baton than this command.',
    'Run the same version on all nodes.',
  ),
  service_draining: warning(
    'The service drains and takes no tickets.',
    'Wait for its restart, or start it again.',
  ),
  engine_not_attached: error(
    'An engine of the file is not attached to the service of its node: it gets no tickets.',
    'Compare its `engine.socket` and name (vLLM: `socket` and `engine` of `kv_connector_extra_config`) with `transfer.socket` and `router.engines[].name`.',
  ),
  engine_not_listed: warning(
    'An engine is attached that the file does not list for this node.',
    'List it in `router.engines` with this `node`, or correct its name.',
  ),
  namespace_differs: error(
    'Engines of one model are attached with different namespaces: they share no chunk.',
    'Start them from the same weights, with the same dtype, adapter and position settings; `revision` and `model` of the connector name them where the defaults differ.',
  ),
  geometry_differs: error(
    'Engines of one model are attached with different layers, heads, bytes or chunk tokens.',
    'Start them from the same model with the same KV dtype and `chunk_tokens`.',
  ),
  lane_host_wrong: error(
    'A service tells the others a lane address that leads them nowhere, or to themselves.',
    'Set `transfer.lane.host` to an address of that node, or `transfer.lane.advertise` to the one that others reach.',
  ),
  lane_port_closed: warning(
    'A service’s lanes take no connection from this machine.',
    'Open `transfer.lane.port` between the nodes (0 is any free port: set one).',
  ),
  transport_tcp: ok('Lanes go over TCP, the one path of this version.'),
  rendering_on: ok('The router renders the model’s prompts and engines agree.'),
  rendering_switched_off: error(
    'Engines derived other keys than the router several times in a row: it has stopped rendering for this model for a while, and nothing is handed over.',
    'Give `router.models[].tokenizer` and `chat_template` the files of the engines’ model.',
  ),
  key_mismatches: warning(
    'Engines derived other keys than the router for some prompts since it started; those were computed where they were decoded.',
    'Compare `router.models[].tokenizer` and `chat_template` with the engines’ model.',
  ),
  router_unreachable: unknown(
    'The router’s admin listener does not answer from here: what only a running router knows is not told.',
    'Run this command where the router runs, with its file, while it runs.',
  ),
} as const satisfies Record<string, CodeEntry>;

export type Code = keyof typeof CODES;
type LevelOf<C extends Code> = (typeof CODES)[C]['levels'][number];

export interface Finding {
  level: Level;
  /** An engine, service, pool, or the router. */
  where: string;
  code: Code;
  what: string;
  /** Null: there is nothing to do. */
  mend: string | null;
}

const CHARS_MAX = 600;

/** What workers say of themselves stands in findings: no control characters, and not much of it. */
const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, CHARS_MAX);

/** `level` where it is not the code's usual one, `mend` where it can be said more exactly. */
export function finding<C extends Code>(
  code: C,
  where: string,
  what: string,
  more: { level?: LevelOf<C>; mend?: string } = {},
): Finding {
  const entry: CodeEntry = CODES[code];
  const mend = more.mend ?? entry.mend;
  return {
    level: more.level ?? entry.levels[0],
    where,
    code,
    what: printable(what),
    mend: mend === '' ? null : printable(mend.replaceAll('`', '')),
  };
}
