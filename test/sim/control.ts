// Control streams in memory: the shipped Connection dials, the shipped Session answers, batches travel as the network lets them.
import type { RouterBatch } from '#proto/gen/baton/v1/transfer.ts';
import { LIMITS } from '#core/limits.ts';
import type { Dial } from '#transfer/connection.ts';
import type { Session } from '#transfer/session.ts';
import type { Carrier } from '#transfer/session.ts';
import type { Network, Stream } from './network.ts';
import type { Process } from './process.ts';

/** A service's end: who listens now, and a session for a stream that has come. */
export interface ControlListener {
  readonly node: string;
  listening(): Process | null;
  accept(carrier: Carrier): Accepted;
}

/** What a stream tells the session that it belongs to. */
export type Accepted = Pick<Session, 'receive' | 'lost'>;

/** Batches that come in another order or number than they were sent must end their stream (invariant 4). */
class Order {
  #last = 0n;

  flaw(seq: bigint): string | null {
    const next = ++this.#last;
    return seq === next ? null : `batch ${seq} in place of ${next} (invariant 4)`;
  }
}

const SILENT_MS = LIMITS.controlPingMs + LIMITS.controlPongMs;

/** How a router's process dials the service at each address. */
export function controlDial(
  network: Network,
  router: Process,
  at: (address: string) => ControlListener,
  violation: (text: string) => void,
): Dial {
  return (address, events) => {
    const listener = at(address);
    const waiting: (() => void)[] = [];
    let stream: Stream | null = null;
    let session: Accepted | null = null;
    let over = false;
    let left = false;
    // Work in between may have ended it; the compiler does not see that.
    const isOver = (): boolean => over;
    const inOrder = { a: new Order(), b: new Order() };
    const ended = (reason: string): void => {
      if (over) return;
      over = true;
      events.ended(reason);
    };
    network.connect(
      router,
      listener.node,
      () => listener.listening(),
      SILENT_MS,
      (found) => {
        if (found === null) {
          ended('refused');
          return;
        }
        if (over) {
          found.close('a');
          return;
        }
        stream = found;
        found.kind = 'control';
        found.keepAliveMs = SILENT_MS;
        found.lost.a = ended;
        found.lost.b = () => { session?.lost(); }; // prettier-ignore
        const carrier: Carrier = {
          peer: '127.0.0.1:1',
          write: (batch, sent) => {
            found.send('a', () => {
              const flaw = inOrder.a.flaw(batch.seq);
              if (!over) events.batch(batch);
              if (flaw !== null && !isOver()) violation(`the router took ${flaw}`);
              found.end('b').deliver(sent);
            });
          },
          end: (error) => {
            left = true;
            if (error?.code === 'overloaded') found.cut('reset');
            else found.close('b', error?.message ?? 'ended');
          },
        };
        found.end('b').deliver(() => { session = listener.accept(carrier); }); // prettier-ignore
        for (const work of waiting.splice(0)) work();
      },
    );
    const write = (batch: RouterBatch, sent: () => void): void => {
      stream?.send('b', () => {
        const flaw = inOrder.b.flaw(batch.seq);
        session?.receive(batch);
        if (flaw !== null && !left) violation(`the service of ${listener.node} took ${flaw}`);
        router.deliver(sent);
      });
    };
    return {
      write: (batch, sent) => {
        if (over) return;
        if (stream === null)
          waiting.push(() => { write(batch, sent); }); // prettier-ignore
        else write(batch, sent);
      },
      end: () => {
        if (over) return;
        over = true;
        stream?.close('a');
      },
    };
  };
}
