// close() of a bus and of an engine: twice, with calls pending, from a wake, and what follows it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { native as reference } from '#engines/reference/native.ts';
import { native } from '#transfer/native.ts';
import { attach, begun, busOptions, busy, chosen, CHUNK, directory, leftovers, model, openOf, queueWake, quick, sequenceOf, startBus, startLoads } from './world.ts'; // prettier-ignore

const CLOSED = -2; // BATON_ERR_CLOSED
const ENDED = -9; // BATON_ERR_ENDED
const turns = async (): Promise<void> => { for (let i = 0; i < 20; i++) await setImmediate(); }; // prettier-ignore
const sleeping = { ...model.options, computeUsPerLayer: 50_000 };

await chosen({
  async 'a bus twice, with calls pending'() {
    let woken = 0;
    const bus = startBus(directory, 'a', () => woken++);
    queueWake(bus);
    for (let i = 0; i < 500; i++) bus.open(openOf(1, { engine: 'nobody' }));
    bus.close();
    bus.close();
    await turns();
    assert.equal(woken, 0, 'a closed bus wakes nobody');
    const ticket = randomBytes(16);
    const calls: (() => unknown)[] = [
      () => bus.incarnation(), () => bus.lanePort(), () => { bus.open(openOf(1)); }, () => { bus.abort(ticket, 0); },
      () => { bus.renew(ticket, 1); }, () => { bus.settle(ticket); }, () => bus.drain(), () => bus.counters(),
      () => bus.listTickets(), () => bus.listChunks(), () => bus.listAttachments(), () => { bus.refuseNew(); },
    ]; // prettier-ignore
    for (const call of calls) assert.throws(call, /the bus is closed/);
    startBus(directory, 'a').close();
  },
  async 'a bus from its own wake'() {
    let woken = 0;
    const bus = startBus(directory, 'a', () => {
      woken++;
      bus.close();
    });
    queueWake(bus);
    while (woken === 0) await setImmediate();
    await turns();
    assert.equal(woken, 1);
  },
  async 'a bus whose wake throws'() {
    const bus = startBus(directory, 'a', () => { throw new Error('on purpose'); }); // prettier-ignore
    const caught: unknown[] = [];
    process.on('uncaughtException', (error: Error) => caught.push(error.message));
    queueWake(bus);
    while (caught.length === 0) await setImmediate();
    assert.deepEqual(caught, ['on purpose']);
    bus.drain();
    queueWake(bus); // the bus lives on
    while (caught.length === 1) await setImmediate();
    bus.close();
  },
  async 'a bus that nobody holds'() {
    // Not through startBus, which keeps it.
    native.startBus(busOptions(directory, 'a'), () => undefined);
    assert.deepEqual(leftovers(directory), ['a.sock']);
    while (leftovers(directory).length > 0) {
      globalThis.gc?.();
      await setImmediate();
    }
    startBus(directory, 'a').close();
  },
  async 'everything in the middle of a handoff'() {
    const { buses, engines, clients, step, loads } = await busy(directory);
    buses.forEach((bus) => { bus.close(); }); // prettier-ignore
    engines.forEach((engine) => { engine.close(); engine.close(); }); // prettier-ignore
    const { gatherStatus } = await step;
    assert.ok([CLOSED, ENDED].includes(gatherStatus[0] ?? 0), 'the service has gone while the step ran');
    for (const { status } of await Promise.all(loads))
      assert.ok(status === 0 || status === CLOSED, `load ${status}`);
    for (const client of clients) {
      assert.equal(client.alive(), false);
      client.detach();
      client.detach();
    }
  },
  async 'an engine with a step and loads pending'() {
    startBus(directory, 'a');
    const engine = reference.createEngine(sleeping);
    const client = attach(engine, directory, 'a', 'prefill');
    const { loads } = await startLoads(engine, client, 2000);
    const step = engine.step(client, [sequenceOf(begun(client, null, randomBytes(64)))]);
    engine.close();
    engine.close();
    // The step is done to its end; every load has ended, done or refused, in order.
    const { tokens, gatherStatus } = await step;
    assert.ok((tokens[0] ?? -1) >= 0);
    assert.deepEqual([...gatherStatus], [0]);
    const statuses = (await Promise.all(loads)).map(({ status }) => status);
    const done = statuses.filter((status) => status === 0).length;
    assert.ok(done < statuses.length, 'loads waited when the engine was closed');
    assert.deepEqual(
      statuses,
      statuses.map((_, i) => (i < done ? 0 : CLOSED)),
    );
    const none = { slots: [], pages: [], pageOffsets: new Uint32Array(), tokenCounts: new Uint32Array(), verify: true, ticket: null, check: false }; // prettier-ignore
    await assert.rejects(engine.step(null, [sequenceOf([])]), /the engine is closed/);
    await assert.rejects(engine.load(client, none), /the engine is closed/);
    assert.throws(() => engine.digestPages(randomBytes(32), CHUNK, 1, new Uint32Array(1), 0), /is closed/);
    assert.throws(() => attach(engine, directory, 'a', 'other'), /the engine is closed/);
    assert.equal(client.alive(), true, 'the session is the client’s own');
    assert.equal(client.lookup(randomBytes(32)), 0);
    client.detach();
    assert.equal(client.alive(), false);
    assert.deepEqual(client.claim(null, randomBytes(32)), { status: CLOSED, slots: [], claim: 0n });
  },
  async 'a client in the middle of loads and a step'() {
    startBus(directory, 'a');
    const engine = reference.createEngine(sleeping);
    const client = attach(engine, directory, 'a', 'prefill');
    const { loads } = await startLoads(engine, client, 200);
    const step = engine.step(client, [sequenceOf(begun(client, null, randomBytes(64)))]);
    client.detach();
    // What runs holds the session to its end.
    assert.deepEqual([...(await step).gatherStatus], [0]);
    assert.deepEqual(new Set((await Promise.all(loads)).map(({ status }) => status)), new Set([0]));
    assert.equal((await engine.load(client, { slots: [], pages: [], pageOffsets: new Uint32Array(), tokenCounts: new Uint32Array(), verify: true, ticket: null, check: false })).status, 0); // prettier-ignore
    engine.close();
  },
  async 'an engine that nobody holds'() {
    const loads = await (async () => {
      startBus(directory, 'a');
      const engine = reference.createEngine(quick);
      return startLoads(engine, attach(engine, directory, 'a', 'prefill'), 500);
    })();
    const ended = Promise.all(loads.loads);
    globalThis.gc?.();
    for (const { status } of await ended) assert.ok(status === 0 || status === CLOSED, `load ${status}`);
  },
});
console.log('done');
