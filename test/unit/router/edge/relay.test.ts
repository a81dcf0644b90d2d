import { describe, expect, test } from 'vitest';
import { BatonError } from '#core/errors.ts';
import { LIMITS } from '#core/limits.ts';
import { Relay } from '#router/edge/relay.ts';
import type { Downstream, Leg } from '#router/edge/contract.ts';

const SSE = { 'content-type': 'text/event-stream' };

/** A client and a leg that write down what is done to them. */
function setup(): {
  relay: Relay;
  log: string[];
  slow: { full: boolean; drain: () => void };
  text: () => string;
} {
  const log: string[] = [];
  let text = '';
  const slow = { full: false, drain: (): void => undefined };
  let sent = false;
  const to: Downstream = {
    get headersSent() { return sent; },
    head: (status) => { sent = true; log.push(`head ${status}`); },
    write: (chunk) => { text += String(chunk); log.push(`write ${String(chunk).trim()}`); return !slow.full; },
    onDrain: (work) => { slow.drain = work; },
    end: (chunk) => { text += String(chunk ?? ''); log.push(`end ${String(chunk ?? '').trim()}`.slice(0, 60)); },
    destroy: () => { log.push('destroy'); },
    onLeave: () => undefined,
  }; // prettier-ignore
  const leg: Leg = {
    abort: () => log.push('abort'),
    pause: () => log.push('pause'),
    resume: () => log.push('resume'),
  };
  const relay = new Relay(to, {
    stalled: () => undefined,
    good: () => { log.push('good'); return []; },
    done: () => log.push('done'),
    broken: (wasSent) => log.push(`broken ${String(wasSent)}`),
    refused: ({ status }) => log.push(`refused ${status}`),
    failed: ({ code }) => log.push(`failed ${code}`),
  }); // prettier-ignore
  relay.attach(leg);
  return { relay, log, slow, text: () => text };
}

describe('a stream', () => {
  test('pauses its leg while the client is slow, and goes on when it has drained', () => {
    const { relay, log, slow } = setup();
    relay.head(200, SSE);
    slow.full = true;
    relay.data(Buffer.from('data: 1\n\n'));
    relay.data(Buffer.from('data: 2\n\n'));
    slow.full = false;
    slow.drain();
    relay.data(Buffer.from('data: [DONE]\n\n'));
    relay.end();
    expect(log).toEqual([
      'good', 'head 200', 'write data: 1', 'pause', 'write data: 2', 'resume', 'write data: [DONE]', 'end ', 'done',
    ]); // prettier-ignore
  });

  test('that is stopped before its head tells the client nothing', () => {
    const { relay, log } = setup();
    relay.stop(new BatonError('deadline_exceeded'));
    relay.data(Buffer.from('late'));
    relay.end();
    expect(log).toEqual(['abort', 'failed deadline_exceeded']);
  });

  test('that is stopped after its head ends with an error event', () => {
    const { relay, log } = setup();
    relay.head(200, SSE);
    relay.data(Buffer.from('data: 1\n\n'));
    relay.stop(new BatonError('shutting_down'));
    expect(log.slice(3)).toEqual([
      'abort',
      expect.stringMatching(/^end data: \{"error"/),
      'failed shutting_down',
    ]);
  });

  test('with an error event in two pieces is relayed up to its end, without what follows', () => {
    const { relay, log } = setup();
    relay.head(200, SSE);
    relay.data(Buffer.from('data: 1\n\n'));
    relay.data(Buffer.from('data: {"err'));
    relay.data(Buffer.from('or":1}\n\ndata: [DONE]\n\n'));
    expect(log.slice(3)).toEqual(['abort', 'end data: {"error":1}', 'failed decode_interrupted']);
  });

  test('is relayed by whole events, so that an error event never stands within another one', () => {
    const { relay, log } = setup();
    relay.head(200, SSE);
    relay.data(Buffer.from('data: 1\n\ndata: {"te'));
    relay.data(Buffer.from('xt":2}\n\ndata: {"hal'));
    relay.failed({ reason: 'ECONNRESET', sent: true });
    expect(log.slice(2)).toEqual([
      'write data: 1',
      'write data: {"text":2}',
      'broken true',
      'abort',
      expect.stringMatching(/^end data: \{"error"/),
      'failed decode_interrupted',
    ]);
  });

  test.each([
    ['its leg breaks', (relay: Relay) => { relay.failed({ reason: 'ECONNRESET', sent: true }); }],
    ['it is stopped', (relay: Relay) => { relay.stop(new BatonError('deadline_exceeded')); }],
  ])('that has had its [DONE] is whole, though %s before its end', (_what, ends) => {
    const { relay, log } = setup();
    relay.head(200, SSE);
    relay.data(Buffer.from('data: 1\n\ndata: [DONE]\n\n'));
    ends(relay);
    relay.end();
    expect(log.slice(3).filter((line) => line !== 'broken true')).toEqual(['abort', 'end ', 'done']);
  }); // prettier-ignore

  test.each([
    ['the engine ends there', (relay: Relay) => { relay.end(); }],
    ['the leg breaks there', (relay: Relay) => { relay.failed({ reason: 'ECONNRESET', sent: true }); }],
  ])('whose [DONE] lacks the end of its event gets it, without which no reader takes it: %s', (_what, ends) => {
    const { relay, log, text } = setup();
    relay.head(200, SSE);
    relay.data(Buffer.from('data: 1\n\ndata: [DONE]'));
    ends(relay);
    expect(log.at(-1)).toBe('done');
    expect(text()).toBe('data: 1\n\ndata: [DONE]\n\n');
  }); // prettier-ignore

  test('goes out byte for byte, empty lines behind its [DONE] included', () => {
    const stream = 'data: 1\n\ndata: [DONE]\r\n\r\n\n';
    for (const pieces of [[stream], Array.from(stream)]) {
      const { relay, log, text } = setup();
      relay.head(200, SSE);
      for (const piece of pieces) relay.data(Buffer.from(piece));
      relay.end();
      expect(text()).toBe(stream);
      expect(log.at(-1)).toBe('done');
    }
  });
});

describe('a whole answer', () => {
  test('goes out in one piece once it is complete, so that a broken one can still be mended', () => {
    const { relay, log } = setup();
    relay.head(200, {});
    relay.data(Buffer.from('{"a":'));
    relay.failed({ reason: 'ECONNRESET', sent: true });
    expect(log).toEqual(['broken true', 'abort', 'failed decode_failed']);
  });

  test('beyond the bound begins to flow; broken then, its connection is cut', () => {
    const { relay, log } = setup();
    relay.head(200, {});
    relay.data(Buffer.alloc(LIMITS.legAnswerBytesMax + 1, 0x20));
    relay.data(Buffer.from('x'));
    relay.failed({ reason: 'ECONNRESET', sent: true });
    expect(log).toEqual([
      'good',
      'head 200',
      'write ',
      'write x',
      'broken true',
      'abort',
      'destroy',
      'failed decode_interrupted',
    ]);
  });

  test.each([
    [500, 'failed decode_failed'],
    [302, 'failed upstream_protocol'],
  ])('of status %i is no answer', (status, expected) => {
    const { relay, log } = setup();
    relay.head(status, {});
    expect(log).toEqual(['abort', expected]);
  });

  test('of status 4xx is the engine’s judgement', () => {
    const { relay, log } = setup();
    relay.head(422, {});
    relay.data(Buffer.from('{}'));
    relay.end();
    expect(log).toEqual(['refused 422']);
  });
});
