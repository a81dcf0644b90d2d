import { expect, test } from 'vitest';
import { JourneyRecord, Journeys } from '#router/journeys.ts';

test('each stage ends where the next one begins, the last one when the request ends', () => {
  const record = new JourneyRecord('r', 'chat', 100);
  record.enter('admit', 100);
  record.enter('place', 101.5);
  const stages = (): unknown => (JSON.parse(record.toJson()) as { stages: unknown }).stages;
  expect(stages()).toEqual([
    { stage: 'admit', attempt: 0, start_ms: 0, end_ms: 1.5 },
    { stage: 'place', attempt: 0, start_ms: 1.5, end_ms: null },
  ]);
  record.end = 103;
  expect(stages()).toMatchObject([{}, { end_ms: 3 }]);
});

test('as many journeys are kept as the bound says, and of one id the later', () => {
  const journeys = new Journeys(3);
  const add = (id: string): JourneyRecord => {
    const record = new JourneyRecord(id, 'chat', 0);
    journeys.add(record);
    return record;
  };
  add('a');
  const again = add('a');
  add('b');
  expect(journeys.get('a')).toBe(again);
  add('c'); // in the place of the first a
  expect(journeys.get('a')).toBe(again);
  add('d');
  expect(['a', 'b', 'c', 'd'].filter((id) => journeys.get(id) !== null)).toEqual(['b', 'c', 'd']);
});
