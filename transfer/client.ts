// A router's link to one transfer service over gRPC.
import { Metadata, credentials, type ServiceError } from '@grpc/grpc-js';
import { TransferClient, type ServiceBatch } from '#proto/gen/baton/v1/transfer.ts';
import { systemClock } from '#core/clock.ts';
import { LIMITS } from '#core/limits.ts';
import { Connection, type ConnectionOptions, type Dial } from './connection.ts';
import type { ServiceLink } from './link.ts';

export type * from './link.ts';
export type { ConnectionOptions } from './connection.ts';

/** Connects now and keeps connecting; `options.events` tells when the service is up. */
export function connectService(options: ConnectionOptions): ServiceLink {
  return new Connection(dialGrpc, options);
}

// A client of its own per stream: the library's own backoff and shared connections would outlast ours.
const dialGrpc: Dial = (address, events) => {
  const client = new TransferClient(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': 2 * LIMITS.batchBytesMax,
    'grpc.max_send_message_length': 2 * LIMITS.batchBytesMax,
    'grpc.keepalive_time_ms': LIMITS.controlPingMs,
    'grpc.keepalive_timeout_ms': LIMITS.controlPongMs,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
  });
  const call = client.stream(new Metadata());
  let over = false;
  const ended = (reason: string): void => {
    if (over) return;
    over = true;
    client.close();
    events.ended(reason);
  };
  call.on('data', (batch: ServiceBatch) => {
    if (!over) events.batch(batch);
  });
  call.on('error', (error: ServiceError) => {
    ended(error.details === '' ? `grpc status ${error.code}` : error.details);
  });
  call.on('end', () => {
    ended('the service ended the stream');
  });
  return {
    write: (batch, sent) => {
      if (!over) call.write(batch, sent);
    },
    end: () => {
      if (over) return;
      over = true;
      // Half-close first, so that what was written leaves; a peer that is silent then does not keep the connection.
      call.end();
      client.close();
      systemClock.after(LIMITS.stopMs, () => {
        call.cancel();
      });
    },
  };
};
