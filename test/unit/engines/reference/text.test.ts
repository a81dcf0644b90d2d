import { join } from 'node:path';
import { expect, test } from 'vitest';
import { seededRandom } from '#core/random.ts';
import { createRenderer } from '#core/render.ts';
import { Detokenizer, readTokenBytes } from '#engines/reference/detokenize.ts';
import { heldOutPrompts, messagesOf, promptTokens } from '#engines/reference/training/held-out.ts';
import { allWords } from '#engines/reference/training/words.ts';
import { Output } from '#engines/reference/output.ts';
import { StopStrings } from '#engines/reference/stop-strings.ts';

const folder = join(import.meta.dirname, '../../../../engines/reference/models/tiny');
const tokenBytes = readTokenBytes(join(folder, 'tokenizer.json'));
const renderer = await createRenderer({
  tokenizer: join(folder, 'tokenizer.json'),
  chatTemplate: join(folder, 'chat_template.jinja'),
});
const bytesOf = (text: string): number[] => [...Buffer.from(text, 'utf8')];

function join_(ids: readonly number[]): string {
  const detokenizer = new Detokenizer(tokenBytes);
  return ids.map((id) => detokenizer.add(id)).join('') + detokenizer.end();
}

test('every id has bytes, and special ones none; ids after those are words of the stories', () => {
  const bytes = tokenBytes.map((token) => [...token]);
  expect(bytes.slice(0, 262)).toEqual(Array.from({ length: 262 }, (_, id) => (id < 256 ? [id] : [])));
  const words = bytes.slice(262).map((token) => Buffer.from(token).toString());
  const known = allWords();
  expect(new Set(words.map((word) => word.trimStart()))).toEqual(new Set(known));
  expect(words.filter((word) => word.startsWith(' '))).toHaveLength(known.length);
});

test('a conversation of the generator has one id for each word and mark', async () => {
  for (const prompt of heldOutPrompts(20, 3, [200, 2000])) {
    const ids = await renderer.chat(messagesOf(prompt), null);
    expect(ids).toHaveLength(promptTokens(prompt));
    expect(ids.length).toBeGreaterThanOrEqual(150);
    expect(ids.length).toBeLessThanOrEqual(2000);
  }
});

test('a character is shown once its last byte has come', () => {
  const detokenizer = new Detokenizer(tokenBytes);
  expect(bytesOf('a€𝄞').map((id) => detokenizer.add(id))).toEqual(['a', '', '', '€', '', '', '', '𝄞']);
  expect(detokenizer.end()).toBe('');
});

test('any ids in any pieces give the text that the tokenizer library decodes', async () => {
  const random = seededRandom(5);
  for (let round = 0; round < 200; round++) {
    const ids = Array.from({ length: Math.floor(random.unit() * 30) }, () =>
      Math.floor(random.unit() * tokenBytes.length),
    );
    expect(join_(ids)).toBe(await renderer.decode(Uint32Array.from(ids)));
  }
  expect(join_([...bytesOf('\uFEFFx'), 0xe2, 0x82])).toBe('\uFEFFx\uFFFD');
});

test('random text round-trips through the tokenizer, one id per byte', async () => {
  const random = seededRandom(6);
  for (let round = 0; round < 200; round++) {
    const points = Array.from({ length: 20 }, () => Math.floor(random.unit() ** 3 * 0x10ffff));
    const text = String.fromCodePoint(...points.filter((point) => point < 0xd800 || point > 0xdfff));
    const ids = await renderer.prompt(text);
    expect([...ids]).toEqual(bytesOf(text));
    expect(await renderer.decode(ids)).toBe(text);
  }
});

test('a chat is rendered with its roles, and text parts are joined', async () => {
  const ids = await renderer.chat(
    [
      { role: 'system', content: ' s\n' },
      { role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }] },
    ],
    null,
  ); // prettier-ignore
  expect([...ids]).toEqual([256, 260, 0x20, 0x73, 0x0a, 261, 258, 0x61, 0x62, 261, 259]);
  expect(() => renderer.chat([{ role: 'tool', content: 'x' }], null)).toThrow(/invalid_type/);
  expect(() => renderer.chat([{ role: 'user', content: [{ type: 'image_url' }] }], null)).toThrow(
    /invalid_type/,
  );
});

test('a stop string is found whatever pieces it comes in, and nothing of it is shown', () => {
  const text = 'one two STOP three';
  for (let cut = 1; cut < text.length; cut++) {
    for (let cut2 = cut; cut2 < text.length; cut2++) {
      const stops = new StopStrings(['STOP', 'three']);
      let shown = '';
      let stop: string | null = null;
      for (const piece of [text.slice(0, cut), text.slice(cut, cut2), text.slice(cut2)]) {
        if (stop !== null) break;
        const found = stops.add(piece);
        shown += found.text;
        stop = found.stop;
      }
      expect([shown, stop]).toEqual(['one two ', 'STOP']);
    }
  }
});

test('text that only begins like a stop string is shown in the end', () => {
  const stops = new StopStrings(['abcd']);
  expect(stops.add('xabc')).toEqual({ text: 'x', stop: null });
  expect(stops.add('abc')).toEqual({ text: 'abc', stop: null });
  expect(stops.end()).toBe('abc');
});

test('the stop string that stands first wins', () => {
  expect(new StopStrings(['two', 'one']).add('a one two')).toEqual({ text: 'a ', stop: 'one' });
});

test('a slow reader gets what has come since, merged by choice', async () => {
  const output = new Output(2);
  const first = output.choice(0, tokenBytes, []);
  const second = output.choice(1, tokenBytes, ['!']);
  for (const id of bytesOf('hey')) first.token(id, true, true);
  expect(second.token(0x61, true, true)).toBe(false);
  expect(second.token(0x21, true, true)).toBe(true);
  second.finish('stop');
  expect(await output.next()).toEqual([
    { index: 0, text: 'hey', tokenIds: [0x68, 0x65, 0x79], finish: null, stop: null },
    { index: 1, text: 'a', tokenIds: [0x61, 0x21], finish: 'stop', stop: '!' },
  ]);
  first.finish('length');
  expect(await output.next()).toEqual([{ index: 0, text: '', tokenIds: [], finish: 'length', stop: null }]);
  expect(await output.next()).toBeNull();
});

test('a reader that waits is told of a failure', async () => {
  const output = new Output(1);
  const next = output.next();
  output.choice(0, tokenBytes, []).fail(new Error('broken'));
  await expect(next).rejects.toThrow('broken');
});
