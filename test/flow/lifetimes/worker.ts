// What runs in a worker thread: it says that it is busy and goes on until it is terminated, unless the case ends by itself.
import { parentPort, workerData } from 'node:worker_threads';
import { native as reference } from '#engines/reference/native.ts';
import { attach, busy, openOf, quick, queueWake, startBus, startLoads } from './world.ts';

const { name, directory } = workerData as { name: string; directory: string };
const say = (text: string): void => { parentPort?.postMessage(text); }; // prettier-ignore

const cases: Record<string, () => unknown> = {
  async 'a handoff, a step and loads'() {
    await busy(directory);
    say('busy');
  },
  async 'a handoff, then exit'() {
    await busy(directory);
    say('busy');
    process.exit(4);
  },
  /** Most of the time is spent making JavaScript values in C++. */
  'calls of the bus'() {
    const bus = startBus(directory, 'a');
    for (let i = 0; i < 50; i++) bus.open(openOf(1, { engine: 'nobody' }));
    say('busy');
    for (;;) {
      bus.counters();
      bus.listAttachments();
      bus.drain();
    }
  },
  'a wake'() {
    const bus = startBus(directory, 'a', () => {
      say('busy');
      for (;;);
    });
    queueWake(bus);
    parentPort?.on('message', () => undefined); // keeps the worker's event loop alive
  },
  'queued wakes'() {
    const bus = startBus(directory, 'a');
    queueWake(bus);
    say('busy');
    for (;;);
  },
  /** Results of loads pile up behind a thread that does not look at them. */
  async 'settled loads'() {
    startBus(directory, 'a');
    const engine = reference.createEngine(quick);
    await startLoads(engine, attach(engine, directory, 'a', 'prefill'), 100);
    say('busy');
    for (;;);
  },
  async 'loads that settle'() {
    startBus(directory, 'a');
    const engine = reference.createEngine(quick);
    const client = attach(engine, directory, 'a', 'prefill');
    for (let said = false; ; said = true) {
      const { loads, release } = await startLoads(engine, client, 50);
      await Promise.all(loads);
      release();
      if (!said) say('busy');
    }
  },
};
await cases[name]?.();
