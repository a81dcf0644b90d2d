// A request's body: its bytes, what the router reads of it, and how a leg's body is spliced from it. Bytes that no edit
// names stay as the client sent them.
import { LIMITS } from '#core/limits.ts';
import { refuseDuplicates, scanJsonObject, type ScannedObject } from './json-scan.ts';

/** JSON text per key; null removes the key. */
export type Edits = ReadonlyMap<string, string | null>;

/** Keys whose meaning the router knows: standing twice they could mean one thing here and another at the engine. */
const WATCHED: ReadonlySet<string> = new Set([
  'model', 'messages', 'prompt', 'tools', 'stream', 'stream_options', 'max_tokens', 'max_completion_tokens', 'min_tokens',
  'n', 'best_of', 'stop', 'logprobs', 'top_logprobs', 'response_format', 'temperature', 'top_p', 'seed', 'echo', 'suffix',
  'cache_salt', 'kv_transfer_params', 'prompt_logprobs', 'prompt_embeds', 'use_beam_search', 'chat_template',
  'chat_template_kwargs', 'add_generation_prompt', 'continue_final_message', 'add_special_tokens', 'documents',
  'truncate_prompt_tokens', 'mm_processor_kwargs', 'ignore_eos', 'reasoning_effort',
]); // prettier-ignore

/** Reads the bytes as one JSON object; `invalid_json` or `duplicate_key` otherwise. */
export function readBody(bytes: Buffer): ScannedObject {
  const scanned = scanJsonObject(bytes, LIMITS.jsonDepthMax);
  refuseDuplicates(scanned.members, WATCHED);
  return scanned;
}

/** The body with its edits applied; new keys go last, in the order of `edits`. */
export function splice(body: ScannedObject, edits: Edits): Buffer {
  const { bytes, members } = body;
  if (edits.size === 0) return bytes;
  const out = new Pieces(bytes);
  const added = new Map(edits);
  let previousEnd = members[0]?.keyStart ?? bytes.indexOf(OPEN_BRACE) + 1;
  let kept = 0;
  out.copy(0, previousEnd);
  for (const { key, keyStart, valueStart, valueEnd } of members) {
    const edit = edits.get(key);
    added.delete(key);
    if (edit !== null) {
      // The separator before a member goes with it, unless it is the first that stays.
      const start = kept++ > 0 ? previousEnd : keyStart;
      out.copy(start, edit === undefined ? valueEnd : valueStart);
      if (edit !== undefined) out.add(edit);
    }
    previousEnd = valueEnd;
  }
  for (const [key, text] of added) {
    if (text !== null) out.add(`${kept++ > 0 ? ',' : ''}${JSON.stringify(key)}:${text}`);
  }
  out.copy(previousEnd, bytes.length);
  return out.join();
}

const OPEN_BRACE = 0x7b;

/** Pieces of one buffer, adjacent ones as one, with new text between them. */
class Pieces {
  private readonly bytes: Buffer;
  private readonly parts: Buffer[] = [];
  private start = 0;
  private end = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  copy(start: number, end: number): void {
    if (start !== this.end) {
      this.flush();
      this.start = start;
    }
    this.end = end;
  }

  add(text: string): void {
    this.flush();
    this.parts.push(Buffer.from(text, 'utf8'));
  }

  join(): Buffer {
    this.flush();
    return Buffer.concat(this.parts);
  }

  private flush(): void {
    if (this.end > this.start) this.parts.push(this.bytes.subarray(this.start, this.end));
    this.start = this.end;
  }
}
