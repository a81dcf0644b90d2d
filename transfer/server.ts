// The gRPC end of the service: one bidirectional stream per router, nothing unary.
import { constants } from 'node:http2';
import {
  Server, ServerCredentials, logVerbosity, setLogVerbosity, status, type ServerDuplexStream,
} from '@grpc/grpc-js'; // prettier-ignore
import { TransferService, type RouterBatch, type ServiceBatch } from '#proto/gen/baton/v1/transfer.ts';
import { BatonError, type ErrorCode } from '#core/errors.ts';
import { LIMITS } from '#core/limits.ts';
import { Session, type Carrier, type SessionOptions } from './session.ts';

export interface ControlServer {
  port: number;
  /** Ends all streams once what was written has left, at the latest after a bound. */
  close(): Promise<void>;
}

const STATUS: Partial<Record<ErrorCode, status>> = {
  hello_refused: status.UNAUTHENTICATED,
  malformed: status.INVALID_ARGUMENT,
  overloaded: status.RESOURCE_EXHAUSTED,
  busy: status.RESOURCE_EXHAUSTED,
  internal: status.INTERNAL,
};

// Its complaints come as errors, with what to do.
setLogVerbosity(logVerbosity.NONE);

/** Listens; `start_failed` when the address cannot be bound. */
export async function serveControl(
  host: string,
  port: number,
  options: SessionOptions,
): Promise<ControlServer> {
  const server = new Server({
    'grpc.max_receive_message_length': 2 * LIMITS.batchBytesMax,
    'grpc.max_send_message_length': 2 * LIMITS.batchBytesMax,
    'grpc.max_concurrent_streams': LIMITS.streamsMax,
    'grpc.max_connection_idle_ms': 2 * LIMITS.helloMs,
    'grpc.keepalive_time_ms': LIMITS.controlPingMs,
    'grpc.keepalive_timeout_ms': LIMITS.controlPongMs,
  });
  const pending = new Set<Session>();
  server.addService(TransferService, {
    stream(call: ServerDuplexStream<RouterBatch, ServiceBatch>) {
      for (const session of pending) if (!session.pending) pending.delete(session);
      const session = new Session(carrierOf(call), options);
      if (pending.size >= LIMITS.hellosPendingMax) {
        session.refuseBusy();
        return;
      }
      pending.add(session);
      call.on('data', (batch: RouterBatch) => {
        session.receive(batch);
      });
      const lost = (): void => {
        pending.delete(session);
        session.lost();
      };
      call.on('cancelled', lost);
      call.on('error', lost);
      call.on('close', lost);
      call.on('end', () => {
        lost();
        call.end();
      });
    },
  });
  const bound = await bind(server, host, port);
  return {
    port: bound,
    close: () =>
      new Promise((resolve) => {
        const timer = options.clock.after(LIMITS.stopMs, () => {
          server.forceShutdown();
          resolve();
        });
        server.tryShutdown(() => {
          timer.cancel();
          resolve();
        });
      }),
  };
}

function carrierOf(call: ServerDuplexStream<RouterBatch, ServiceBatch>): Carrier {
  return {
    peer: call.getPeer(),
    write: (batch, sent) => {
      call.write(batch, sent);
    },
    end: (error) => {
      if (error === null) {
        call.end();
        return;
      }
      call.emit('error', { code: STATUS[error.code] ?? status.UNAVAILABLE, details: error.message });
      // A status waits behind unread data for ever, so a peer that does not read is reset.
      if (error.code === 'overloaded') reset(call);
    },
  };
}

interface Inner {
  nextCall?: Inner;
  stream?: { close(code: number): void };
}

// The library offers a server no way to reset one stream; this is the stream below its call.
function reset(call: object): void {
  let inner = (call as { call?: Inner }).call;
  while (inner?.nextCall !== undefined) inner = inner.nextCall;
  inner?.stream?.close(constants.NGHTTP2_CANCEL);
}

function bind(server: Server, host: string, port: number): Promise<number> {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) {
        resolve(bound);
        return;
      }
      server.forceShutdown();
      reject(
        new BatonError(
          'start_failed',
          `cannot listen on ${address} (${error.message}): choose another transfer.host or transfer.port, or stop the process that uses it`,
          { cause: error },
        ),
      );
    });
  });
}
