// A proxy between two services' lanes that can do to frames what a bad network could. It knows where frames begin and end
// (docs/wire.md §Lane); it has no key. It listens on 127.0.0.2 at the target's own port: the target advertises that address.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface LaneFrame {
  head: Buffer;
  payload: Buffer;
  /** Counts frames with a payload over all connections, from 0. */
  run: number;
}

/** What goes on in place of one run; null closes the connection after what was sent. */
export type Tamper = (frame: LaneFrame) => (Buffer | null)[];

export interface LaneProxy {
  readonly runs: () => number;
  close(): void;
}

const HELLO_MAGIC = 0x484c5442; // "BTLH"
const HELLO_BYTES = 12;
const FRAME_BYTES = 72;

/** A frame goes on as it came. */
export const pass: Tamper = (frame) => [whole(frame)];

export const whole = ({ head, payload }: LaneFrame): Buffer => Buffer.concat([head, payload]);

/** The same bytes but for one bit in their middle. */
export function flipped(payload: Buffer): Buffer {
  const copy = Buffer.from(payload);
  copy.writeUInt8(copy.readUInt8(copy.length >> 1) ^ 1, copy.length >> 1);
  return copy;
}

export async function startLaneProxy(port: number, tamper: Tamper): Promise<LaneProxy> {
  let runs = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect(port, '127.0.0.1');
    for (const [socket, other] of [[client, target], [target, client]] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    } // prettier-ignore
    target.pipe(client);
    let pending = Buffer.alloc(0);
    client.on('data', (data: Buffer) => {
      pending = Buffer.concat([pending, data]);
      for (;;) {
        const frame = take(pending);
        if (frame === null) return;
        pending = pending.subarray(frame.head.length + frame.payload.length);
        const out = frame.payload.length === 0 ? [frame.head] : tamper({ ...frame, run: runs++ });
        for (const piece of out) {
          if (piece === null) client.destroy();
          else target.write(piece);
        }
      }
    });
  });
  server.listen(port, '127.0.0.2');
  await once(server, 'listening');
  return {
    runs: () => runs,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function take(bytes: Buffer): { head: Buffer; payload: Buffer } | null {
  if (bytes.length < HELLO_BYTES) return null;
  if (bytes.readUInt32LE(0) === HELLO_MAGIC) {
    const size = HELLO_BYTES + bytes.readUInt32LE(8);
    return bytes.length < size ? null : { head: bytes.subarray(0, size), payload: Buffer.alloc(0) };
  }
  if (bytes.length < FRAME_BYTES) return null;
  const head = bytes.readUInt32LE(8);
  const size = head + Number(bytes.readBigUInt64LE(24));
  return bytes.length < size ? null : { head: bytes.subarray(0, head), payload: bytes.subarray(head, size) };
}
