import { describe, expect, test } from 'vitest';
import { LIMITS } from '#core/limits.ts';
import { Outbox } from '#transfer/outbox.ts';

function setup(unsentBytesMax?: number, weight = 1) {
  const turns: (() => void)[] = [];
  const batches: number[][] = [];
  const sent: (() => void)[] = [];
  let overflows = 0;
  const outbox = new Outbox<number>({
    weigh: () => weight,
    write: (batch, _bytes, done) => {
      batches.push(batch);
      sent.push(done);
    },
    overflow: () => overflows++,
    turn: (work) => turns.push(work),
    ...(unsentBytesMax === undefined ? {} : { unsentBytesMax }),
  });
  const endTurn = (): void => {
    for (const work of turns.splice(0)) work();
  };
  return { outbox, batches, sent, endTurn, turns, overflows: () => overflows };
}

describe('the outbox', () => {
  test('sends all messages of one turn as one batch, in order', () => {
    const { outbox, batches, endTurn, turns } = setup();
    for (const n of [1, 2, 3]) outbox.push(n);
    expect(batches).toEqual([]);
    expect(turns).toHaveLength(1);
    endTurn();
    outbox.push(4);
    endTurn();
    expect(batches).toEqual([[1, 2, 3], [4]]);
  });

  test('cuts batches at their bound of messages', () => {
    const { outbox, batches, endTurn } = setup();
    for (let n = 0; n <= LIMITS.batchMessagesMax; n++) outbox.push(n);
    endTurn();
    expect(batches.map((batch) => batch.length)).toEqual([LIMITS.batchMessagesMax, 1]);
  });

  test('cuts batches at their bound of bytes', () => {
    const { outbox, batches, endTurn } = setup(undefined, LIMITS.batchBytesMax / 2);
    for (const n of [1, 2, 3]) outbox.push(n);
    endTurn();
    expect(batches).toEqual([[1, 2], [3]]);
  });

  test('holds back while the stream has not sent what it got, and goes on when it has', () => {
    const { outbox, batches, sent, endTurn } = setup();
    for (let n = 0; n < 6; n++) {
      outbox.push(n);
      endTurn();
    }
    expect(batches).toHaveLength(4);
    sent[0]?.();
    endTurn();
    expect(batches).toEqual([[0], [1], [2], [3], [4, 5]]);
  });

  test('overflows once when what is unsent reaches its bound, and then sends nothing', () => {
    const { outbox, batches, endTurn, overflows } = setup(3);
    for (const n of [1, 2, 3]) outbox.push(n);
    expect(overflows()).toBe(0);
    expect(outbox.unsentBytes).toBe(3);
    outbox.push(4);
    outbox.push(5);
    endTurn();
    expect(overflows()).toBe(1);
    expect(batches).toEqual([]);
  });

  test('what is in flight counts as unsent', () => {
    const { outbox, endTurn, overflows, sent } = setup(3);
    for (const n of [1, 2, 3]) outbox.push(n);
    endTurn();
    sent[0]?.();
    outbox.push(4);
    endTurn();
    expect(overflows()).toBe(0);
    for (const n of [5, 6, 7]) outbox.push(n);
    expect(overflows()).toBe(1);
  });
});
