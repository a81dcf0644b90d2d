// An engine's event stream on its way to the client, in whatever pieces it comes. First two bytes: how it is cut; third: whether the
// engine's connection breaks at the end.
import { Relay } from '#router/edge/relay.ts';
import type { Downstream } from '#router/edge/contract.ts';
import { Chance } from '../chance.ts';
import { must, type FuzzTarget } from '../target.ts';

interface Told {
  /** What the client got, as latin1. */
  text: string;
  outcome: string;
}

function relayed(pieces: readonly Buffer[], broken: boolean): Told {
  const told: Told = { text: '', outcome: 'none' };
  const add = (chunk: Uint8Array | string | undefined): void => {
    if (chunk !== undefined)
      told.text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1');
  };
  const outcome = (text: string): void => {
    must(told.outcome === 'none', 'the leg ends twice');
    told.outcome = text;
  };
  const to: Downstream = {
    headersSent: false,
    head: () => undefined,
    write: (chunk) => (add(chunk), true),
    onDrain: () => undefined,
    end: add,
    destroy: () => { add('<cut>'); },
    onLeave: () => undefined,
  }; // prettier-ignore
  const relay = new Relay(to, {
    good: () => [],
    done: () => { outcome('done'); },
    refused: ({ status, body }) => { outcome(`refused ${status} ${body.toString('latin1')}`); },
    broken: () => undefined,
    stalled: () => undefined,
    failed: ({ code }) => { outcome(`failed ${code}`); },
  }); // prettier-ignore
  relay.head(200, { 'content-type': 'text/event-stream' });
  for (const piece of pieces) if (told.outcome === 'none') relay.data(piece);
  if (told.outcome === 'none') {
    if (broken) relay.failed({ reason: 'cut', sent: true });
    else relay.end();
  }
  return told;
}

function cut(stream: Buffer, seed: number): Buffer[] {
  const chance = new Chance(seed);
  const most = 1 + chance.below(chance.pick([1, 3, 16, 64, 400]));
  const pieces: Buffer[] = [];
  for (let at = 0; at < stream.length;) {
    const size = 1 + chance.below(most);
    pieces.push(stream.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

const ERROR_EVENT =
  /data: \{"error":\{"message":"[^"]*","type":"server_error","param":null,"code":"decode_interrupted"\}\}\n\n$/;

/** The same by rules in words, for streams whose lines all end alike. */
function naive(stream: string, broken: boolean): Told {
  const newline = stream.includes('\r') ? '\r\n' : '\n';
  const data = (event: string): string | null => {
    const lines = event.split(newline).filter((line) => line.startsWith('data:'));
    return lines.length === 0 ? null : lines.map((line) => line.slice(5).trimStart()).join('\n');
  };
  // Events and the empty lines behind each, of which there may be more than one.
  const parts = stream.split(new RegExp(`((?:${newline}){2,})`));
  let text = '';
  let begun = false;
  for (let i = 0; i < parts.length; i += 2) {
    const [event = '', gap = ''] = parts.slice(i, i + 2);
    const whole = gap !== '';
    const found = data(Buffer.from(event, 'latin1').toString('utf8'));
    const status = found === null ? null : errorStatus(found);
    const bytes = event + gap;
    if (!whole && !begun) break;
    if (status !== null) {
      if (!begun)
        return {
          text: '',
          outcome:
            status >= 500
              ? 'failed decode_failed'
              : `refused ${status} ${Buffer.from(found ?? '').toString('latin1')}`,
        };
      // An error that is cut short by the end of the connection is no more than the end of it.
      if (whole || !broken)
        return { text: text + bytes + (whole ? '' : '\n\n'), outcome: 'failed decode_interrupted' };
    }
    if (whole) {
      text += bytes;
      begun ||= found !== null;
    }
    // An event without its end is none to a reader: it gets one.
    if (!whole && event !== '' && isDone(stream, newline)) text += `${bytes}\n\n`;
  }
  if (!begun) return { text: '', outcome: broken ? 'failed decode_failed' : 'failed upstream_protocol' };
  if (isDone(stream, newline)) return { text, outcome: 'done' };
  return { text: `${text}<error>`, outcome: 'failed decode_interrupted' };
}

/** The last line that says something is [DONE], and it stands in the last 64 bytes. */
function isDone(stream: string, newline: string): boolean {
  const lines = stream.slice(-64).split(newline);
  const last = lines.findLast((line) => line !== '' && !line.startsWith(':')) ?? '';
  return /^data:[ \t]*\[DONE\][ \t]*$/.test(last);
}

function errorStatus(data: string): number | null {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || !('error' in value) || value.error === null) return null;
  const { error } = value as { error: { code?: unknown; status?: unknown } };
  const code = error.code ?? error.status;
  return typeof code === 'number' && code >= 400 && code <= 599 ? code : 500;
}

/** What the client has got. Where its stream was given up, how many empty lines came before does not matter. */
const told = ({ text, outcome }: Told): string =>
  outcome === 'done' ? text : text.replaceAll(/(?:\r?\n){2,}/g, '\n\n');

function run(input: Buffer): void {
  const stream = input.subarray(3);
  const broken = ((input[2] ?? 0) & 1) === 1;
  const whole = relayed(stream.length === 0 ? [] : [stream], broken);
  const pieces = relayed(cut(stream, input.readUInt16LE(0)), broken);
  must(pieces.outcome === whole.outcome, `in pieces ${pieces.outcome}, whole ${whole.outcome}`);
  must(told(pieces) === told(whole), 'in pieces the client gets something else than whole');
  const text = stream.toString('latin1');
  const plain = !text.includes('\r') || !/\r(?!\n)|(?<!\r)\n/.test(text);
  if (!plain) return;
  const expected = naive(text, broken);
  must(whole.outcome === expected.outcome, `the outcome is ${whole.outcome}, not ${expected.outcome}`);
  const got = {
    ...whole,
    text: expected.text.endsWith('<error>') ? whole.text.replace(ERROR_EVENT, '<error>') : whole.text,
  };
  if (expected.text !== '')
    must(told(got) === told(expected), 'the client gets something else than the rules say');
}

export const sse: FuzzTarget = {
  name: 'sse',
  covers: ['router/api/sse.ts', 'router/edge/relay.ts'],
  words: [
    'data:', 'data: ', '\n\n', '\r\n\r\n', '\r\n', '\n', '[DONE]', 'data: [DONE]\n\n', 'data:[DONE]', '{"error":{"code":500}}', '"error"',
    'data: {"error":{"message":"m","code":429}}\n\n', 'data: {"error":null}\n\n', ': ping\n\n', 'event: x\n', 'id: 1\n', 'retry: 1\n',
    'data: {"choices":[{"delta":{"content":"\\"error\\" \\ndata: [DONE]"}}]}\n\n', '\ufeff', '"status":503', 'data: {\ndata: "error": {}}\n\n',
  ],
  bytesMax: 2048,
  run: (input) => { if (input.length > 3) run(input); },
}; // prettier-ignore
