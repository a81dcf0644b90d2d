import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import type { Clock } from '#core/clock.ts';
import { OpenAnswers } from '#core/open-answers.ts';

function setup() {
  const answers = new OpenAnswers();
  const timers = new Set<() => void>();
  const clock: Clock = {
    now: () => 0,
    after: (_ms, work) => {
      timers.add(work);
      return { cancel: () => { timers.delete(work); } }; // prettier-ignore
    },
  };
  const open = (): EventEmitter => {
    const answer = new EventEmitter();
    answers.add(answer);
    return answer;
  };
  const log: string[] = [];
  const wait = (name: string): void => {
    void answers.taken(1000, clock).then(() => log.push(name));
  };
  return { timers, open, wait, log, settled: () => new Promise(setImmediate) };
}

test('those that were open at the call are waited for, not later ones', async () => {
  const { open, wait, log, timers, settled } = setup();
  const [first, second] = [open(), open()];
  wait('taken');
  const later = open();
  first.emit('close');
  later.emit('close');
  await settled();
  expect(log).toEqual([]);
  second.emit('close');
  await settled();
  expect(log).toEqual(['taken']);
  expect(timers.size).toBe(0);
});

test('the wait ends after its bound, and at once where nothing is open', async () => {
  const { open, wait, log, timers, settled } = setup();
  wait('nothing open');
  await settled();
  expect(log).toEqual(['nothing open']);
  open();
  wait('bound');
  for (const due of timers) due();
  await settled();
  expect(log).toEqual(['nothing open', 'bound']);
});
