// The script language over the model: one function a command. docs/simulation-native.md lists them; native/test/script/commands.cc
// does the same over the real bus.
import { Buffer } from 'node:buffer';
import type { Code, LaneConnection, Side, SlotRef } from '../contract.ts';
import { CODE } from '../contract.ts';
import { digestOf } from '../geometry.ts';
import { chunksOf, geometryOf, keyOf, namespaceOf, ticketOf } from './names.ts';
import { drainedLines, listLine } from './report.ts';
import type { World } from './world.ts';

/** The words behind the command, asked for one after the other. */
class Words {
  readonly #words: string[];
  constructor(words: readonly string[]) {
    this.#words = [...words];
  }
  text(): string {
    return this.#words.shift() ?? '';
  }
  number(): number {
    return Number(this.text());
  }
}

type Command = (world: World, words: Words) => string | null;

const ticketOrNone = (name: string): Uint8Array | null => (name === '-' ? null : ticketOf(name));
const keysOf = (text: string): Uint8Array[] => text.split(',').map(keyOf);
const GONE = String(CODE.closed);

function reserveFields(words: Words) {
  const chunks = chunksOf(words.text());
  return {
    keys: Buffer.concat(chunks.map(({ key }) => keyOf(key))),
    tokens: Uint32Array.from(chunks, ({ tokens }) => tokens),
    need: Uint8Array.from(chunks, ({ needed }) => Number(needed)),
  };
}

const slotText = ({ slot, generation, tokens }: SlotRef): string => `${slot}.${generation}:${tokens}`;

/** A copy by the engine that was under way when its slot was taken from it: it looks at nothing any more. */
function lateCopy(world: World, handle: string, ref: SlotRef, layer: number, value: string): string {
  const { node } = world.engine(handle);
  const slot = node.arena.slots[ref.slot];
  if (slot?.generation !== ref.generation || slot.state === 'free') {
    world.broken ??= `slot ${ref.slot} was used again while ${handle} may still write it`;
    return 'again';
  }
  for (let head = 0; head < slot.geometry.heads; head++) {
    const stripe = layer * slot.geometry.heads + head;
    if (slot.filled[stripe]) continue;
    slot.values[stripe] = value;
    slot.digests[stripe] = digestOf(slot.key, layer, head, value);
    slot.filled[stripe] = true;
  }
  return 'late';
}

const side = (text: string): Side => (text === '>' ? 'listener' : 'dialler');

function connection(world: World, words: Words): LaneConnection | null {
  return world.connections[words.number() - 1] ?? null;
}

const done = (ok: boolean | undefined): string => (ok === true ? 'yes' : 'no');

const COMMANDS: Readonly<Record<string, Command>> = {
  window: (world, words) => { world.setWindow(words.number()); return null; },
  node: (world, words) => {
    const name = words.text();
    const [port, slots, kib, share, silenceMs, connectMs] = Array.from({ length: 6 }, () => words.number());
    world.addNode({
      name, port: port ?? 0, slots: slots ?? 0, kib: kib ?? 0, share: share ?? 0, silenceMs: silenceMs ?? 0,
      connectMs: connectMs ?? 0,
    });
    return null;
  },

  // ---- the transfer service ----
  open: (world, words) => {
    const { bus } = world.node(words.text());
    const ticket = ticketOf(words.text());
    const [engine, namespace, sourceNode, sourceEngine] = [words.text(), namespaceOf(words.text()), words.text(), words.text()];
    const leaseMs = words.number();
    const { keys, tokens } = reserveFields(words);
    bus?.open({ ticket, engine, namespace, keys, tokens, sourceNode, sourceEngine, leaseMs });
    return null;
  },
  expect: (world, words) => {
    const { bus } = world.node(words.text());
    const ticket = ticketOf(words.text());
    const [engine, namespace, targetNode] = [words.text(), namespaceOf(words.text()), words.text()];
    const [targetPort, epoch, leaseMs] = [words.number(), words.number(), words.number()];
    const { keys, tokens, need } = reserveFields(words);
    const targetHost = '127.0.0.1';
    bus?.expect({ ticket, engine, namespace, keys, tokens, need, epoch, targetNode, targetHost, targetPort, leaseMs });
    return null;
  },
  abort: (world, words) => { world.node(words.text()).bus?.abort(ticketOf(words.text()), words.number()); return null; },
  renew: (world, words) => { world.node(words.text()).bus?.renew(ticketOf(words.text()), words.number()); return null; },
  settle: (world, words) => { world.node(words.text()).bus?.settle(ticketOf(words.text())); return null; },
  refuse: (world, words) => { world.node(words.text()).bus?.refuseNew(); return null; },
  list: (world, words) => {
    const { bus } = world.node(words.text());
    return bus === null ? GONE : listLine(bus);
  },
  deaf: (world, words) => { world.node(words.text()).deaf = true; return null; },
  hear: (world, words) => { world.node(words.text()).deaf = false; return null; },
  crash: (world, words) => {
    const node = world.node(words.text());
    node.bus?.crash();
    node.bus = null;
    return null;
  },
  close: (world, words) => {
    const node = world.node(words.text());
    const { bus } = node;
    if (bus === null) return GONE;
    bus.close();
    node.bus = null;
    node.woken = false;
    return ['closed', ...drainedLines(node.options.name, bus.drain())].join('\n');
  },
  start: (world, words) => {
    const node = world.node(words.text());
    if (node.bus === null) world.start(node);
    return String(node.bus?.incarnation() ?? 0);
  },

  // ---- engines ----
  attach: (world, words) => {
    const handle = words.text();
    const node = world.node(words.text());
    const [name, namespace, geometry] = [words.text(), namespaceOf(words.text()), geometryOf(words.text())];
    const pid = words.number();
    const attached = node.bus?.attach({ engine: name, namespace, geometry, pid });
    if (attached === undefined) return GONE;
    if (!attached.ok) return String(attached.code);
    world.engines.set(handle, { node, name, pid, session: attached.session });
    return '0';
  },
  lookup: (world, words) => String(world.engine(words.text()).session.lookup(keysOf(words.text()))),
  accept: (world, words) => {
    const { session } = world.engine(words.text());
    const [ticket, tokens, keys] = [ticketOf(words.text()), words.number(), keysOf(words.text())];
    const { code, need } = session.accept(ticket, keys, tokens);
    return `${code} ${need.map(Number).join('') || '-'}`;
  },
  poll: (world, words) => String(world.engine(words.text()).session.poll(ticketOf(words.text()))),
  forget: (world, words) => { world.engine(words.text()).session.forget(ticketOf(words.text())); return null; },
  begin: (world, words) => {
    const { session } = world.engine(words.text());
    const name = words.text();
    const [ticket, key, chunk, tokens] = [ticketOrNone(words.text()), keyOf(words.text()), words.number(), words.number()];
    const { code, slot } = session.begin(ticket, key, chunk, tokens);
    if (slot !== null) world.slots.set(name, slot);
    return slot === null ? String(code) : `${code} ${slotText(slot)}`;
  },
  ready: (world, words) => {
    const handle = words.text();
    const slot = world.slots.get(words.text());
    const [layer, value] = [words.number(), words.text()];
    const { session } = world.engine(handle);
    return slot === undefined ? 'none' : String(session.ready(slot, layer, Array<string>(8).fill(value)));
  },
  copy: (world, words) => {
    const handle = words.text();
    const slot = world.slots.get(words.text());
    const [layer, value] = [words.number(), words.text()];
    return slot === undefined ? 'none' : lateCopy(world, handle, slot, layer, value);
  },
  abandon: (world, words) => {
    const { session } = world.engine(words.text());
    const slot = world.slots.get(words.text());
    return slot === undefined ? 'none' : String(session.abandon(slot));
  },
  claim: (world, words) => {
    const { session } = world.engine(words.text());
    const name = words.text();
    const [ticket, keys] = [ticketOrNone(words.text()), keysOf(words.text())];
    const { code, claim, slots } = session.claim(ticket, keys);
    if (code === CODE.ok) world.claims.set(name, { claim, slots });
    return `${code} ${slots.map(slotText).join(',') || '-'}`;
  },
  scatter: (world, words) => {
    const { session } = world.engine(words.text());
    const slot = world.claims.get(words.text())?.slots[words.number()];
    if (slot === undefined) return 'none';
    const { code, values } = session.scatter(slot);
    return `${code} ${values.map((row) => row.join(' ')).join('|') || '-'}`;
  },
  scattered: (world, words) => {
    const { session } = world.engine(words.text());
    const [ticket, layers] = [ticketOf(words.text()), words.number()];
    const stamp = world.timeline.now * 1e6;
    return String(session.scattered(ticket, Array<number>(layers).fill(stamp)));
  },
  release: (world, words) => {
    const { session } = world.engine(words.text());
    const claim = world.claims.get(words.text());
    return claim === undefined ? 'none' : String(session.release(claim.claim));
  },
  corrupt: (world, words) => {
    const { session } = world.engine(words.text());
    const slot = world.claims.get(words.text())?.slots[words.number()];
    return slot === undefined ? 'none' : String(session.corrupt(slot));
  },
  hangup: (world, words) => { world.engine(words.text()).session.hangUp(); return null; },
  detach: (world, words) => { world.engine(words.text()).session.detach(); return null; },
  kill: (world, words) => { world.dead.add(words.number()); return null; },

  // ---- lanes ----
  connect: (world, words) => { connection(world, words)?.connect(); return null; },
  lose: (world, words) => { connection(world, words)?.lose(); return null; },
  deliver: (world, words) => done(connection(world, words)?.deliver(side(words.text()))),
  cut: (world, words) => {
    const one = connection(world, words);
    const end = words.text();
    if (end === '') one?.cut();
    else one?.cut(side(end));
    return null;
  },
  stall: (world, words) => { const one = connection(world, words); if (one !== null) one.stalled = true; return null; },
  resume: (world, words) => { const one = connection(world, words); if (one !== null) one.stalled = false; return null; },
  clog: (world, words) => { connection(world, words)?.clog(side(words.text()), true); return null; },
  flush: (world, words) => { connection(world, words)?.clog(side(words.text()), false); return null; },
  spoil: (world, words) => done(connection(world, words)?.corruptNext(side(words.text()))),
  twice: (world, words) => done(connection(world, words)?.duplicateNext(side(words.text()))),

  advance: (world, words) => { world.advance(words.number()); return null; },
}; // prettier-ignore

/** What the line answers; null where it has no answer. */
export function execute(world: World, [name = '', ...words]: readonly string[]): string | null {
  const command = COMMANDS[name];
  if (command === undefined) throw new Error(`there is no command ${name}`);
  return command(world, new Words(words));
}

export type { Code };
