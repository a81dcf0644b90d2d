// A client's body: read, judged, and spliced for a leg. First byte: which edits.
import { BatonError } from '#core/errors.ts';
import { LIMITS } from '#core/limits.ts';
import { readBody, splice, WATCHED } from '#router/api/body.ts';
import { readChat } from '#router/api/chat.ts';
import { readPrompt } from '#router/api/completions.ts';
import type { ScannedObject } from '#router/api/json-scan.ts';
import { readParams } from '#router/api/params.ts';
import { depthOf, readJson, type Node } from '../lossless.ts';
import { must, thrownBy, type FuzzTarget } from '../target.ts';

type Members = (Node & { kind: 'object' })['members'];

const EDITS: readonly (readonly [string, string | null])[] = [
  ['model', '"other"'], ['max_tokens', '1'], ['n', '1'], ['stream', null], ['kv_transfer_params', '{"a":[1,{"b":2}]}'],
  ['cache_salt', '"00ff"'], ['stop', null], ['prompt', '[1,2,3]'],
]; // prettier-ignore

/** What the bytes are to a reader of UTF-8 and RFC 8259 that knows nothing of ours; null: no object. */
function independently(bytes: Buffer): Members | null {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
  const node = readJson(text);
  return node?.kind === 'object' && depthOf(node) <= LIMITS.jsonDepthMax ? node.members : null;
}

function run(input: Buffer): void {
  const bytes = input.subarray(1);
  const members = independently(bytes);
  let body: ScannedObject;
  try {
    body = readBody(bytes);
  } catch (error) {
    must(error instanceof BatonError, 'it throws something else than an error of the table');
    if (error.code === 'duplicate_key') {
      const twice = members?.filter(({ key }) => key === error.param).length ?? 0;
      must(twice > 1, 'a key counts as doubled that is not');
    } else {
      must(error.code === 'invalid_json', `it throws ${error.code}`);
      must(members === null, 'an object is refused');
    }
    return;
  }
  must(members !== null, 'what is no object is taken');
  checkRead(bytes, body, members);
  checkParams(body);
  const edits = new Map(EDITS.filter((_, i) => (((input[0] ?? 0) >> i) & 1) === 1));
  checkSplice(body, members, edits);
}

function checkRead(bytes: Buffer, { members: scanned, value, text }: ScannedObject, members: Members): void {
  must(text === bytes.toString('latin1'), 'the text is not the bytes');
  must(scanned.length === members.length, 'members are lost or made');
  members.forEach(({ rawKey, key, value: node }, i) => {
    const one = scanned[i];
    must(one?.key === key, 'a key is read otherwise');
    const utf8 = (from: number, to: number): string => bytes.toString('utf8', from, to);
    must(utf8(one.valueStart, one.valueEnd) === node.raw, 'a value stands elsewhere');
    must(utf8(one.keyStart, one.keyStart + Buffer.byteLength(rawKey)) === rawKey, 'a key stands elsewhere');
  });
  for (const key of WATCHED) {
    const raws = members.filter((member) => member.key === key);
    must(raws.length <= 1, 'a key that is read stands twice');
    const [only] = raws;
    const read = JSON.stringify(value[key]);
    must(read === (only && JSON.stringify(JSON.parse(only.value.raw))), 'a value is read otherwise');
  }
}

/** Whatever is read of it either passes or is the client's to mend, in a short sentence. */
function checkParams({ value }: ScannedObject): void {
  for (const read of [readParams, readChat, readPrompt]) {
    const error = thrownBy(() => read(value));
    if (error === null) continue;
    must(
      error instanceof BatonError && error.entry.status === 400,
      'a wrong field is not the client’s to mend',
    );
    must(error.message.length < 300, 'a message is long');
  }
}

function checkSplice(body: ScannedObject, members: Members, edits: ReadonlyMap<string, string | null>): void {
  const spliced = splice(body, edits);
  if (edits.size === 0) must(spliced === body.text, 'bytes change without an edit');
  const node = readJson(Buffer.from(spliced, 'latin1').toString('utf8'));
  must(node?.kind === 'object', 'the spliced body is no object');
  const kept = members.filter(({ key }) => edits.get(key) !== null);
  const added = [...edits].filter(([key, edit]) => edit !== null && !members.some((one) => one.key === key));
  const expected = [
    ...kept.map(({ rawKey, key, value }) => `${rawKey}:${edits.get(key) ?? value.raw}`),
    ...added.map(([key, edit]) => `"${key}":${edit ?? ''}`),
  ];
  const got = node.members.map(({ rawKey, value }) => `${rawKey}:${value.raw}`);
  must(got.join() === expected.join(), 'the spliced body means something else');
}

export const body: FuzzTarget = {
  name: 'body',
  covers: ['router/api/json-scan.ts', 'router/api/body.ts', 'router/api/params.ts', 'router/api/chat.ts', 'router/api/completions.ts'],
  words: [
    ...[...WATCHED].map((key) => `"${key}":`), '"m\\u006fdel":', '"\\ud800"', '"\\ud83d\\ude00"', '\\u0000', '\\"', '\\\\',
    'true', 'false', 'null', '{}', '[]', '[[', ']]', '{"', '"}', '":', '",', ', ', '\ufeff', '\xef\xbb\xbf', '\xed\xa0\x80', '\xf4\x90\x80\x80',
    '"role":"user"', '"content":', '"type":"text"', '1e999', '-0', '0.1', '\\u', '__proto__', '/*', '//',
  ],
  bytesMax: 4096,
  run,
}; // prettier-ignore
