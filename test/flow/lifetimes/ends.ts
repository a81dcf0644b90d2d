// A process that ends while its buses and engines are busy, in one of the ways in which a process ends.
import { busy, chosen, directory, queueWake, startBus } from './world.ts';

const timer = () => setTimeout(() => undefined, 60_000); // a handle that Node closes turn by turn at its end

await chosen({
  async exit() {
    await busy(directory);
    process.exit(3);
  },
  async 'exit with handles open'() {
    timer();
    process.stdin.resume();
    const { buses } = await busy(directory);
    buses.forEach(queueWake);
    process.exit(3);
  },
  async natural() {
    const { step, loads } = await busy(directory, 20);
    void step.then(({ gatherStatus }) => { console.log(`step ${[...gatherStatus].join()}`); }); // prettier-ignore
    void Promise.all(loads).then((all) => { console.log(`loads ${all.map((l) => l.status).join('')}`); }); // prettier-ignore
  },
  async throw() {
    await busy(directory);
    setTimeout(() => { throw new Error('on purpose'); }, 0); // prettier-ignore
  },
  'exit with a wake queued'() {
    const bus = startBus(directory, 'a', () => { console.log('woken'); }); // prettier-ignore
    timer();
    queueWake(bus);
    process.exit(3);
  },
  'natural with a wake queued'() {
    const bus = startBus(directory, 'a', () => { console.log('woken'); }); // prettier-ignore
    timer().unref();
    queueWake(bus);
  },
  'throw with a wake queued'() {
    const bus = startBus(directory, 'a', () => { console.log('woken'); }); // prettier-ignore
    timer();
    queueWake(bus);
    throw new Error('on purpose');
  },
});
