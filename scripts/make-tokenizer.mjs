// Writes tokenizer.json of the reference engine's models: byte-level BPE of the 256 bytes and the special tokens, without
// merges, so that every text has exactly one encoding and every id sequence of valid UTF-8 round-trips.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './run.mjs';

const specials = ['<|bos|>', '<|eos|>', '<|user|>', '<|assistant|>', '<|system|>', '<|end|>'];

/** GPT-2's printable stand-in of each byte. */
function alphabet() {
  const printable = (byte) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
const tokenizer = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: specials.map((content, i) => ({
    id: 256 + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
  normalizer: null,
  pre_tokenizer: byteLevel,
  post_processor: null,
  decoder: byteLevel,
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: Object.fromEntries(alphabet().map((char, byte) => [char, byte])),
    merges: [],
  },
};

for (const model of ['tiny', 'synthetic']) {
  writeFileSync(
    join(root, 'engines/reference/models', model, 'tokenizer.json'),
    `${JSON.stringify(tokenizer, null, 2)}\n`,
  );
}
