// The addons in worker threads: terminated while busy, again and again on one socket and arena; and several at once.
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { busy, chosen, directory, startBus } from './world.ts';

interface Started {
  worker: Worker;
  /** The worker's exit code. */
  exited: Promise<unknown>;
}

/** Returns when the worker has said that it is busy. */
async function startWorker(name: string, folder: string): Promise<Started> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { name, directory: folder } }); // prettier-ignore
  const exited = once(worker, 'exit').then(([code]: unknown[]) => code);
  await once(worker, 'message');
  return { worker, exited };
}

const rounds = async (name: string, count: number): Promise<void> => {
  for (let round = 0; round < count; round++) {
    const { worker } = await startWorker(name, directory);
    const code = await worker.terminate();
    if (code !== 1) throw new Error(`worker ended with ${code}`);
  }
  const bus = startBus(directory, 'a'); // its socket and arena are free again
  console.log(`live ${bus.counters()['tickets_live']}`);
  bus.close();
};

await chosen({
  'a handoff, a step and loads': () => rounds('a handoff, a step and loads', 3),
  'calls of the bus': () => rounds('calls of the bus', 8),
  'a wake': () => rounds('a wake', 3),
  'queued wakes': () => rounds('queued wakes', 4),
  'settled loads': () => rounds('settled loads', 3),
  'loads that settle': () => rounds('loads that settle', 5),
  async 'three at once'() {
    const folders = ['main', 'one', 'two'].map((name) => join(directory, name));
    for (const folder of folders) mkdirSync(folder);
    const [main = '', one = '', two = ''] = folders;
    const [mine, terminated, exiting] = await Promise.all([
      busy(main, 20),
      startWorker('a handoff, a step and loads', one),
      startWorker('a handoff, then exit', two),
    ]);
    const codes = [await terminated.worker.terminate(), await exiting.exited];
    // The main thread's own have not noticed.
    const { gatherStatus } = await mine.step;
    const loads = await Promise.all(mine.loads);
    console.log(
      `workers ${codes.join()}, step ${gatherStatus.join()}, loads ${loads.map((l) => l.status).join('')}`,
    );
    mine.engines.forEach((engine) => { engine.close(); }); // prettier-ignore
    mine.buses.forEach((bus) => { bus.close(); }); // prettier-ignore
  },
});
