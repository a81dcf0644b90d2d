// Token ids to text as they come: bytes of each id from tokenizer.json, characters only once they are complete.
import { readFileSync } from 'node:fs';
import { BatonError } from '#core/errors.ts';
import { parseSettings, z } from '#core/schema.ts';

const tokenizerFile = z.object({
  added_tokens: z.array(z.object({ id: z.int(), special: z.boolean(), content: z.string() })),
  model: z.object({ type: z.literal('BPE'), vocab: z.record(z.string(), z.int()) }),
});

/** Bytes of each token id; special tokens have none. */
export type TokenBytes = readonly Uint8Array[];

/** Reads the byte-level vocabulary of a tokenizer.json. */
export function readTokenBytes(file: string): TokenBytes {
  const { added_tokens: added, model } = parseSettings(
    tokenizerFile,
    JSON.parse(readFileSync(file, 'utf8')),
    file,
  );
  const byteOf = byteLevelAlphabet();
  const tokens: Uint8Array[] = [];
  for (const [text, id] of Object.entries(model.vocab)) {
    tokens[id] = Uint8Array.from(text, (char) => {
      const byte = byteOf.get(char);
      if (byte === undefined) throw new BatonError('bad_config', `${file}: token ${id} is not byte-level`);
      return byte;
    });
  }
  for (const { id, special, content } of added) {
    tokens[id] = special ? new Uint8Array(0) : Buffer.from(content, 'utf8');
  }
  return tokens;
}

/** The byte that each character of a byte-level vocabulary stands for (GPT-2's table). */
function byteLevelAlphabet(): Map<string, number> {
  const bytes = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
    bytes.set(String.fromCharCode(printable ? byte : next++), byte);
  }
  return bytes;
}

/** Text of one growing sequence of ids. What `add` and `end` return, joined, is the whole sequence's text. */
export class Detokenizer {
  readonly #bytes: TokenBytes;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(bytes: TokenBytes) {
    this.#bytes = bytes;
  }

  /** The characters that `id` completes; bytes of an unfinished one wait for the next. */
  add(id: number): string {
    const bytes = this.#bytes[id];
    return bytes === undefined || bytes.length === 0 ? '' : this.#decoder.decode(bytes, { stream: true });
  }

  /** What an unfinished character at the end is shown as. */
  end(): string {
    return this.#decoder.decode();
  }
}
