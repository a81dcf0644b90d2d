// Writes tokenizer.json of the reference engine's models: byte-level BPE of the 256 bytes and the special tokens, without
// merges. The tiny model's has the words of the stories that it is trained on besides, each one token; the synthetic
// model's has none, so that every text has exactly one encoding and every id sequence of valid UTF-8 round-trips.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { allWords } from '../engines/reference/training/words.ts';
import { root } from './run.mjs';

const specials = ['<|bos|>', '<|eos|>', '<|user|>', '<|assistant|>', '<|system|>', '<|end|>'];

/** GPT-2's printable stand-in of each byte. */
function alphabet() {
  const printable = (byte) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

/** Within a text a word's token begins with its space ('Ġ'); words that begin sentences begin texts too (a letter is a byte). */
const words = allWords().flatMap((word) => (/^[A-Z]./.test(word) ? [`Ġ${word}`, word] : [`Ġ${word}`]));

function tokenizer(words) {
  const byteLevel = {
    type: 'ByteLevel',
    add_prefix_space: false,
    trim_offsets: false,
    use_regex: words.length > 0,
  };
  // Ids of words come after those of special tokens, which the vocabulary therefore names too.
  const tokens = [...alphabet(), ...(words.length > 0 ? specials : []), ...words];
  return {
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
      // A whole word of the vocabulary is its token; any other is its bytes.
      ignore_merges: words.length > 0,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: [],
    },
  };
}

for (const [model, extra] of Object.entries({ tiny: words, synthetic: [] })) {
  writeFileSync(
    join(root, 'engines/reference/models', model, 'tokenizer.json'),
    `${JSON.stringify(tokenizer(extra), null, 2)}\n`,
  );
}
