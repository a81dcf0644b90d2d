// Room by trying moment after moment, everything counted anew at each. The oracle of room.ts.
import type { Promised, RoomAtOnce, RoomView, Wanted } from '#router/placement/room.ts';

type Entering = Wanted & { readyAt: number; holdsMs: number };

/** When each of them gets its room, one after the other. */
function starts(engine: RoomView, now: number, order: readonly Entering[]): number[] {
  const { running, waiting } = engine.promised;
  const held = running.map(({ endsAt, tokens, sequences }) => {
    const end = endsAt ?? Infinity;
    // What is late needs as long again as it is late.
    return { from: -Infinity, to: end < now ? now + (now - end) : end, tokens, sequences };
  });
  const sum = (list: readonly Wanted[], what: keyof Wanted): number => list.reduce((all, one) => all + one[what], 0); // prettier-ignore
  const freeAt = (at: number, what: keyof Wanted): number =>
    engine[what === 'tokens' ? 'freeTokens' : 'freeSequences'] +
    sum(waiting, what) +
    sum(running, what) -
    sum(
      held.filter(({ from, to }) => from <= at && to > at),
      what,
    );
  let earliest = now;
  return order.map(({ tokens, sequences, readyAt, holdsMs }) => {
    const moments = [Math.max(earliest, readyAt), ...held.map(({ to }) => to)].filter((at) => at >= Math.max(earliest, readyAt)).sort((a, b) => a - b); // prettier-ignore
    const start =
      moments.find((at) => freeAt(at, 'tokens') >= tokens && freeAt(at, 'sequences') >= sequences) ??
      Infinity;
    earliest = start;
    held.push({ from: start, to: start + holdsMs, tokens, sequences });
    return start;
  });
}

const fits = (engine: RoomView, wanted: Wanted): boolean =>
  engine.freeTokens >= wanted.tokens && engine.freeSequences >= wanted.sequences;

export function naiveRoomInMs(engine: RoomView, now: number, wanted: Wanted): number {
  if (fits(engine, wanted)) return 0;
  if (wanted.tokens > engine.kvTokens) return Infinity;
  const all = [...engine.promised.waiting, { ...wanted, readyAt: now, holdsMs: 0 }];
  return (starts(engine, now, all).at(-1) ?? NaN) - now;
}

export function naiveRoomAtOnce(engine: RoomView, now: number, wanted: Wanted, holdsMs: number): RoomAtOnce {
  if (fits(engine, wanted)) return { inMs: 0, delaysMs: 0 };
  const never = { inMs: Infinity, delaysMs: 0 };
  if (wanted.tokens > engine.kvTokens) return never;
  const { waiting } = engine.promised;
  const ahead = waiting.filter(({ readyAt }) => readyAt <= now);
  const behind: readonly Promised[] = waiting.filter(({ readyAt }) => readyAt > now);
  const before = starts(engine, now, [...ahead, ...behind]).slice(ahead.length);
  const after = starts(engine, now, [...ahead, { ...wanted, readyAt: now, holdsMs }, ...behind]);
  const [start = NaN, ...pushed] = after.slice(ahead.length);
  if (start === Infinity) return never;
  const late = behind.some(({ latestAt }, i) => (before[i] ?? 0) <= latestAt && (pushed[i] ?? 0) > latestAt);
  if (late) return never;
  const delaysMs = pushed.reduce((all, at, i) => all + (at === Infinity ? 0 : at - (before[i] ?? 0)), 0);
  return { inMs: start - now, delaysMs };
}
