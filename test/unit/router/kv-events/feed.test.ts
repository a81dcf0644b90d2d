import { describe, expect, test } from 'vitest';
import { Feed, type Message } from '#router/kv-events/feed.ts';

const message = (seq: number, life = 'a'): Message => ({
  seq: BigInt(seq),
  payload: Buffer.from(`${life}${seq}`),
});

function world(replay: (seq: number) => Promise<Message[]> = () => Promise.resolve([])) {
  const told: string[] = [];
  const asked: number[] = [];
  const feed = new Feed(
    {
      message: (payload) => told.push(Buffer.from(payload).toString()),
      lost: () => told.push('lost'),
      restarted: () => told.push('restarted'),
    },
    (seq) => {
      asked.push(Number(seq));
      return replay(Number(seq));
    },
  );
  return { told, asked, feed };
}
const range = (from: number, to: number, life = 'a'): Message[] =>
  Array.from({ length: to - from }, (_, i) => message(from + i, life));

describe('a feed', () => {
  test('takes messages in order', async () => {
    const { told, asked, feed } = world();
    for (const one of range(0, 3)) await feed.push(one);
    expect([told, asked]).toEqual([['a0', 'a1', 'a2'], []]);
  });

  test('replays what was said before it listened', async () => {
    const { told, feed } = world((seq) => Promise.resolve(range(seq, 3)));
    await feed.start();
    await feed.push(message(3));
    expect(told).toEqual(['a0', 'a1', 'a2', 'a3']);
  });

  test('replays a gap, holds what comes meanwhile, and takes nothing twice', async () => {
    const { promise, resolve } = Promise.withResolvers<Message[]>();
    const { told, asked, feed } = world(() => promise);
    await feed.push(message(0));
    const filling = feed.push(message(3));
    await feed.push(message(4));
    resolve(range(1, 6));
    await filling;
    // The replay has brought it; by itself it comes later.
    await feed.push(message(5));
    await feed.push(message(6));
    expect([told, asked]).toEqual([['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6'], [1]]);
  });

  test.each([
    ['the publisher keeps less', () => Promise.resolve(range(5, 8))],
    ['there is no replay', () => Promise.resolve([])],
    ['the replay fails', () => Promise.reject(new Error('no answer'))],
  ])('says that messages are lost when %s', async (_, replay) => {
    const { told, feed } = world(replay);
    await feed.push(message(0));
    await feed.push(message(7));
    await feed.push(message(8));
    expect(told.filter((text) => text === 'lost')).toHaveLength(1);
    expect([told[0], told.at(-2), told.at(-1)]).toEqual(['a0', 'a7', 'a8']);
  });

  test('begins anew when its publisher does', async () => {
    const { told, feed } = world((seq) => Promise.resolve(range(seq, 2, 'b')));
    for (const one of range(0, 5)) await feed.push(one);
    await feed.push(message(0, 'b'));
    await feed.push(message(1, 'b'));
    expect(told.slice(5)).toEqual(['restarted', 'b0', 'b1']);
  });

  test('begins anew in the middle of a replay, and believes no former life', async () => {
    const { promise, resolve } = Promise.withResolvers<Message[]>();
    const { told, feed } = world(() => promise);
    await feed.push(message(0));
    const filling = feed.push(message(9));
    await feed.push(message(0, 'b'));
    await feed.push(message(1, 'b'));
    resolve(range(1, 12));
    await filling;
    expect(told).toEqual(['a0', 'restarted', 'b0', 'b1']);
  });
});
