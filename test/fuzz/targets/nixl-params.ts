// What the router takes of a prefill engine's answer for the decode engine. First byte: another host or none; the block size known or not.
import { LIMITS } from '#core/limits.ts';
import { readEngineParams } from '#router/dialects/nixl-params.ts';
import { depthOf, readJson, type Node } from '../lossless.ts';
import { must, type FuzzTarget } from '../target.ts';

const REFUSALS: readonly string[] = ['unreadable', 'missing', 'half_filled', 'no_blocks', 'short'];
const HOST = 'configured.host';

function run(input: Buffer): void {
  const answer = input.subarray(1);
  const flags = input[0] ?? 0;
  const host = (flags & 1) === 1 ? HOST : null;
  const blockTokens = (flags & 2) === 2 ? 16 : null;
  const params = readEngineParams(answer, { now: 7, host, blockTokens });
  if (typeof params === 'string') {
    must(REFUSALS.includes(params), 'an unknown refusal');
    return;
  }
  const node = readJson(answer.toString('utf8'));
  must(node?.kind === 'object' && depthOf(node) <= LIMITS.jsonDepthMax, 'what is no object is taken');
  const given = node.members.filter(({ key }) => key === 'kv_transfer_params');
  must(given.length === 1, 'params stand twice');
  const [one] = given;
  must(one?.value.kind === 'object', 'params are no object');
  const passed = readJson(Buffer.from(params.json, 'latin1').toString('utf8'));
  must(passed?.kind === 'object', 'what is passed on is no object');
  checkSame(one.value, passed, host);
  const read = JSON.parse(one.value.raw) as Record<string, unknown>;
  must(read['do_remote_prefill'] === true, 'params without blocks are passed on');
  for (const key of ['remote_engine_id', 'remote_request_id', 'remote_host'])
    must(typeof read[key] === 'string' && read[key] !== '', `${key} is missing`);
  const port = read['remote_port'];
  must(typeof port === 'number' && port > 0 && port < 65536 && port % 1 === 0, 'remote_port is none');
  const blocks = read['remote_block_ids'];
  must(Array.isArray(blocks) && blocks.length > 0, 'there are no blocks');
  must(params.since === 7, 'the lease counts from another time');
  const cached = params.cachedTokens;
  must(cached === null || (Number.isSafeInteger(cached) && cached >= 0), 'cached tokens are no number');
}

/** Every member as the engine wrote it, but for the host. */
function checkSame(
  given: Node & { kind: 'object' },
  passed: Node & { kind: 'object' },
  host: string | null,
): void {
  const shown = (node: Node & { kind: 'object' }, other: string | null): string =>
    node.members
      .map(({ rawKey, key, value }) =>
        key === 'remote_host' && other !== null ? `${rawKey}:"${other}"` : `${rawKey}:${value.raw}`,
      )
      .join();
  must(shown(given, host) === shown(passed, null), 'params are changed on their way');
  if (host === null) must(given.raw === passed.raw, 'bytes change without an edit');
}

export const nixlParams: FuzzTarget = {
  name: 'nixl-params',
  covers: ['router/dialects/nixl-params.ts', 'router/api/json-scan.ts', 'router/api/body.ts'],
  words: [
    '"kv_transfer_params":', '"do_remote_prefill":true', '"do_remote_decode":false', '"remote_engine_id":"e"', '"remote_request_id":"r"',
    '"remote_host":"h"', '"remote_port":5600', '"remote_block_ids":[[1,2]]', '"remote_num_tokens":32', '"usage":{"prompt_tokens":32}',
    '"prompt_tokens_details":{"cached_tokens":16}', '"remote_prefill_cached_tokens":1', '"tp_size":1', 'null', '[]', '[[]]', '18446744073709551615',
    '"remote_h\\u006fst":',
  ],
  bytesMax: 2048,
  run,
}; // prettier-ignore
