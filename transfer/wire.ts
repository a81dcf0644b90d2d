// Between the control stream's messages, the native bus's records and the router's view of them (link.ts). Codes of states,
// roles and reasons stand here and nowhere else.
import type {
  Granted as GrantedMessage,
  Progress as ProgressMessage,
  Report as ReportMessage,
  RouterMessage,
  ServiceMessage,
} from '#proto/gen/baton/v1/transfer.ts';
import { Role, TicketState } from '#proto/gen/baton/v1/transfer.ts';
import { ERRORS, REASONS, type ErrorCode } from '#core/errors.ts';
import type { Granted, LayerStamps, Progress, Report, TicketRole, TicketStateName } from './link.ts';
import type { NativeGranted, NativeTicket } from './native.ts';

export type ToRouter = NonNullable<ServiceMessage['message']>;
export type ToService = NonNullable<RouterMessage['message']>;

/** Names of TicketState of native/src/base/types.h and of the proto, by number. */
export const STATE_NAMES = [
  null, 'reserved', 'streaming', 'landed', 'claimed', 'settled', 'aborted', 'expired', 'failed',
] as const satisfies readonly (TicketStateName | null)[]; // prettier-ignore
const FIRST_ENDED = STATE_NAMES.indexOf('settled');

export const hasEnded = (state: number): boolean => state >= FIRST_ENDED;

const ROLES: Record<string, Role> = { s: Role.ROLE_SOURCE, t: Role.ROLE_TARGET, b: Role.ROLE_BOTH };
const ROLE_NAMES: readonly (TicketRole | null)[] = [null, 'source', 'target', 'both'];

export function bytes(view: Uint8Array): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}

/** A native reason's code; '' for none. */
export function reasonCode(reason: number): string {
  return reason === 0 ? '' : (REASONS[reason] ?? 'malformed');
}

/** The native number of a code; 0 for codes that the native side does not know, such as `aborted`. */
export function reasonNumber(code: string): number {
  return Math.max(0, (REASONS as readonly string[]).indexOf(code));
}

/** A peer's text as a code of the table; '' stays ''. */
export function asCode(text: string): ErrorCode | '' {
  if (text === '') return '';
  return Object.hasOwn(ERRORS, text) ? (text as ErrorCode) : 'malformed';
}

// An end without a native reason says by its state why: by lease or by the router.
function endReason(ticket: NativeTicket): string {
  const state = STATE_NAMES[ticket.state];
  if (ticket.reason === 0 && (state === 'expired' || state === 'aborted')) return state;
  return reasonCode(ticket.reason);
}

export function grantedMessage(granted: NativeGranted): GrantedMessage {
  return {
    ticket: bytes(granted.ticket),
    role: ROLES[granted.role] ?? Role.ROLE_UNSPECIFIED,
    granted: granted.granted,
    reason: granted.granted ? '' : reasonCode(granted.reason) || 'malformed',
    need: bytes(granted.need),
    epoch: granted.epoch,
    freeBytes: BigInt(granted.freeBytes),
  };
}

export function refusal(ticket: Uint8Array, role: string, reason: string): GrantedMessage {
  const none = { need: new Uint8Array(0), epoch: 0, freeBytes: 0 };
  return { ...grantedMessage({ ticket, role, granted: false, reason: 0, ...none }), reason };
}

export function progressMessage(ticket: NativeTicket): ProgressMessage {
  return {
    ticket: bytes(ticket.ticket),
    role: ROLES[ticket.role] ?? Role.ROLE_UNSPECIFIED,
    state: (ticket.state < STATE_NAMES.length ? ticket.state : 0) as TicketState,
    reason: endReason(ticket),
    chunks: ticket.chunks,
    chunksNeeded: ticket.chunksNeeded,
    chunksLanded: ticket.chunksLanded,
  };
}

const STAMPS = 5;

export function reportMessage(ticket: NativeTicket): ReportMessage {
  const column = (at: number): bigint[] => {
    const out: bigint[] = [];
    for (let i = at; i < ticket.stamps.length; i += STAMPS) out.push(ticket.stamps[i] ?? 0n);
    return out;
  };
  return {
    ...progressMessage(ticket),
    bytesOut: BigInt(ticket.bytesOut),
    bytesIn: BigInt(ticket.bytesIn),
    runsResent: BigInt(ticket.runsResent),
    peer: ticket.peer,
    clockOffsetNs: BigInt(Math.round(ticket.clockOffsetNs)),
    computedFirstNs: column(0),
    computedNs: column(1),
    outNs: column(2),
    landedNs: column(3),
    scatteredNs: column(4),
    claims: ticket.claims,
    chunksCorrupt: ticket.chunksCorrupt,
  };
}

export function toGranted(message: GrantedMessage): Granted {
  return {
    granted: message.granted,
    reason: message.granted ? '' : asCode(message.reason) || 'malformed',
    need: message.need,
    epoch: message.epoch,
    freeBytes: Number(message.freeBytes),
  };
}

/** Null when role or state is none that this version knows. */
export function toProgress(message: ProgressMessage): Progress | null {
  const role = ROLE_NAMES[message.role] ?? null;
  const state = STATE_NAMES[message.state] ?? null;
  if (role === null || state === null) return null;
  const { ticket, chunks, chunksNeeded, chunksLanded } = message;
  return { ticket, role, state, reason: asCode(message.reason), chunks, chunksNeeded, chunksLanded };
}

export function toReport(message: ReportMessage): Report | null {
  const progress = toProgress(message);
  if (progress === null) return null;
  const layers: LayerStamps[] = message.computedNs.map((computed, i) => ({
    computedFirst: message.computedFirstNs[i] ?? 0n,
    computed,
    out: message.outNs[i] ?? 0n,
    landed: message.landedNs[i] ?? 0n,
    scattered: message.scatteredNs[i] ?? 0n,
  }));
  return {
    ...progress,
    bytesOut: Number(message.bytesOut),
    bytesIn: Number(message.bytesIn),
    runsResent: Number(message.runsResent),
    claims: message.claims,
    chunksCorrupt: message.chunksCorrupt,
    peer: message.peer,
    clockOffsetNs: message.clockOffsetNs,
    layers,
  };
}
