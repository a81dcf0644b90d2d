// Requests as bytes: framing that two programs in a row may read in two ways.

export const BODY = '{"model":"mock","messages":[{"role":"user","content":"hi"}]}';
export const SIZE = BODY.length;
export const HEX = SIZE.toString(16);
export const CHUNKS = `${HEX}\r\n${BODY}\r\n0\r\n\r\n`;

export const head = (target = '/v1/chat/completions', version = '1.1'): string =>
  `POST ${target} HTTP/${version}\r\nhost: x\r\ncontent-type: application/json\r\n`;
/** With its right length. */
export const sized = (headers = '', more = ''): string =>
  `${head()}${headers}content-length: ${SIZE}\r\n\r\n${BODY}${more}`;
export const coded = (coding: string, body: string): string => `${head()}${coding}\r\n\r\n${body}`;
export const chunked = (body: string): string => coded('transfer-encoding: chunked', body);
/** A whole request behind it, which must not be taken for one of its own. */
export const smuggled = 'GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n';

type Case = readonly [what: string, bytes: string];

/** Two ways of telling where the body ends, or one that is none. */
export const FRAMING: readonly Case[] = [
  ['a length and chunks', coded(`content-length: ${SIZE}\r\ntransfer-encoding: chunked`, CHUNKS + smuggled)],
  ['chunks and a length', coded('transfer-encoding: chunked\r\ncontent-length: 6', `0\r\n\r\n${smuggled}`)],
  ['the same length twice', sized(`content-length: ${SIZE}\r\n`)],
  ['two lengths', sized('content-length: 5\r\n', smuggled)],
  ['a list of lengths', coded(`content-length: ${SIZE}, ${SIZE}`, BODY)],
  ['a length with a sign', coded(`content-length: +${SIZE}`, BODY)],
  ['a negative length', coded('content-length: -1', BODY)],
  ['a length in hex', coded('content-length: 0x10', BODY)],
  ['an empty length', coded('content-length: ', BODY)],
  ['a length beyond all numbers', coded('content-length: 99999999999999999999999', BODY)],
  ['a space before a colon', coded(`content-length : ${SIZE}`, BODY)],
  ['a space before the colon of chunks', coded('transfer-encoding : chunked', CHUNKS)],
  ['chunks announced twice', coded('transfer-encoding: chunked\r\ntransfer-encoding: chunked', CHUNKS)],
  ['a coding after chunked', coded('transfer-encoding: chunked, identity', CHUNKS)],
  ['an unknown coding', coded('transfer-encoding: xchunked', CHUNKS)],
  ['identity', coded('transfer-encoding: identity', BODY)],
  ['a coding behind a control character', coded('transfer-encoding: \x0bchunked', CHUNKS)],
  ['a folded header', coded('transfer-encoding:\r\n chunked', CHUNKS)],
  ['a header that goes on', sized('x: a\r\n b\r\n')],
  ['lines that end in LF', sized().replaceAll('\r\n', '\n')],
  ['one line that ends in LF', sized().replace('\r\n', '\n')],
  ['a CR within a header', sized('x: a\rb\r\n')],
  ['a NUL within a header', sized('x: a\0b\r\n')],
  ['a NUL within a name', sized('x\0y: a\r\n')],
  ['a NUL within its target', sized().replace('/v1', '/v1\0')],
  ['a header without a name', sized(': x\r\n')],
  ['a header with a space in its name', sized('a b: x\r\n')],
  ['a chunk size that ends in LF', chunked(`${HEX}\n${BODY}\r\n0\r\n\r\n`)],
  ['a chunk size with 0x', chunked(`0x${HEX}\r\n${BODY}\r\n0\r\n\r\n`)],
  ['a chunk size with a sign', chunked(`+${HEX}\r\n${BODY}\r\n0\r\n\r\n`)],
  ['a negative chunk size', chunked(`-1\r\n${BODY}\r\n0\r\n\r\n`)],
  ['an empty chunk size', chunked(`\r\n${BODY}\r\n0\r\n\r\n`)],
  ['a chunk size beyond all numbers', chunked(`fffffffffffffffff\r\n${BODY}\r\n0\r\n\r\n`)],
  ['a space behind a chunk size', chunked(`${HEX} \r\n${BODY}\r\n0\r\n\r\n`)],
  ['a chunk longer than its size', chunked(`${HEX}\r\n${BODY}xx\r\n0\r\n\r\n`)],
  ['a chunk extension over two lines', chunked(`${HEX};a\nb\r\n${BODY}\r\n0\r\n\r\n`)],
  ['framing in a trailer', chunked(`${HEX}\r\n${BODY}\r\n0\r\ncontent-length: 3\r\n\r\n`)],
];
