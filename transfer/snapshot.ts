// What a router is told when its stream begins: everything this service has for it, in place of whatever it knew.
import type { Attachment } from '#proto/gen/baton/v1/transfer.ts';
import { listing } from './events.ts';
import type { NativeAttachment, NativeBus, NativeTicket } from './native.ts';
import { bytes, progressMessage, type ToRouter } from './wire.ts';

export function attachmentMessage(attachment: NativeAttachment): Attachment {
  const { engine, layers, heads, planeBytes, chunkTokens, attached } = attachment;
  return {
    engine,
    namespace: bytes(attachment.namespace),
    geometry: { layers, heads, planeBytes, chunkTokens },
    attached,
  };
}

/** The snapshot, then the pages of a listing that is too long for one message. */
export function snapshotMessages(
  bus: NativeBus,
  tickets: readonly NativeTicket[],
  draining: boolean,
): ToRouter[] {
  const counters = bus.counters();
  const free = (counters['arena_bytes_total'] ?? 0) - (counters['arena_bytes_pinned'] ?? 0);
  const [chunks, ...rest] = listing(bus.listChunks());
  return [
    {
      $case: 'snapshot',
      value: {
        attachments: bus.listAttachments().map(attachmentMessage),
        chunks,
        tickets: tickets.map(progressMessage),
        arenaFreeBytes: BigInt(Math.max(0, free)),
        draining,
      },
    },
    ...rest.map((value): ToRouter => ({ $case: 'chunks', value })),
  ];
}
