// A request's body: its bytes, what the router reads of it, and how a leg's body is spliced from it. Bytes that no edit
// names stay as the client sent them.
import { LIMITS } from '#core/limits.ts';
import { refuseDuplicates, scanJsonObject, type ScannedObject } from './json-scan.ts';

/** JSON text per key; null removes the key. Keys and texts are the router's own: ASCII, nothing to escape. */
export type Edits = ReadonlyMap<string, string | null>;

/** Keys whose meaning the router knows: standing twice they could mean one thing here and another at the engine. */
export const WATCHED: ReadonlySet<string> = new Set([
  'model', 'messages', 'prompt', 'tools', 'stream', 'stream_options', 'max_tokens', 'max_completion_tokens', 'min_tokens',
  'n', 'best_of', 'stop', 'logprobs', 'top_logprobs', 'response_format', 'temperature', 'top_p', 'seed', 'echo', 'suffix',
  'cache_salt', 'kv_transfer_params', 'prompt_logprobs', 'prompt_embeds', 'use_beam_search', 'chat_template',
  'chat_template_kwargs', 'add_generation_prompt', 'continue_final_message', 'add_special_tokens', 'documents',
  'truncate_prompt_tokens', 'mm_processor_kwargs', 'ignore_eos', 'reasoning_effort', 'audio', 'modalities', 'web_search_options',
  'functions', 'function_call', 'presence_penalty', 'frequency_penalty', 'stop_token_ids', 'logit_bias', 'guided_json', 'guided_regex',
  'guided_choice', 'guided_grammar', 'structured_outputs',
]); // prettier-ignore

/** Reads the bytes as one JSON object; `invalid_json` or `duplicate_key` otherwise. */
export function readBody(bytes: Buffer): ScannedObject {
  const scanned = scanJsonObject(bytes, LIMITS.jsonDepthMax);
  // Whatever stands twice is one key of the object.
  if (Object.keys(scanned.value).length < scanned.members.length) refuseDuplicates(scanned.members, WATCHED);
  return scanned;
}

/** The body with its edits applied, as latin1; new keys go last, in the order of `edits`. Edits are ASCII. */
export function splice(body: ScannedObject, edits: Edits): string {
  const { text, members } = body;
  if (edits.size === 0) return text;
  let previousEnd = members[0]?.keyStart ?? text.indexOf('{') + 1;
  let out = text.slice(0, previousEnd);
  let kept = 0;
  let found = 0;
  for (const { key, keyStart, valueStart, valueEnd } of members) {
    const edit = edits.get(key);
    if (edit !== undefined) found++;
    if (edit !== null) {
      // The separator before a member goes with it, unless it is the first that stays.
      const start = kept++ > 0 ? previousEnd : keyStart;
      out += edit === undefined ? text.slice(start, valueEnd) : text.slice(start, valueStart) + edit;
    }
    previousEnd = valueEnd;
  }
  if (found < edits.size) {
    for (const [key, edit] of edits) {
      if (edit === null || members.some((member) => member.key === key)) continue;
      out += `${kept++ > 0 ? ',' : ''}"${key}":${edit}`;
    }
  }
  return out + text.slice(previousEnd);
}
