import { describe, expect, test } from 'vitest';
import { CODES, finding, type Code, type Level } from '#router/doctor/codes.ts';
import type { Reach } from '#router/doctor/facts.ts';
import { judge } from '#router/doctor/judge.ts';
import { engine, facts, service, type Sick } from './facts.ts';

type Case = [code: Code, where: string, change: (all: Sick) => void, level?: Level];

const refuse = (all: Sick, refusal: string | null): void => {
  Object.assign(service(all, 'b'), { info: null, refusal, attachments: [] });
};
const tell = (all: Sick, host: string, reach: Reach): void => {
  engine(all, 'p1').probe = { status: 200, nixl: { host, port: 5601, reach } };
};
const unprobed = (all: Sick): void => {
  all.probed = false;
  for (const one of all.engines) one.probe = null;
};
const events = (all: Sick, change: object): void => {
  Object.assign(engine(all, 'd1').events ?? {}, change);
};

/** What breaks in the sound deployment, and the finding that tells it. */
const SICK: Case[] = [
  ['engine_unreachable', 'd1', (all) => { engine(all, 'd1').health = null; }],
  ['engine_unhealthy', 'd1', (all) => { engine(all, 'd1').health = 503; }],
  ['engine_not_openai', 'd1', (all) => { engine(all, 'd1').models = null; }],
  ['model_differs', 'd1', (all) => { engine(all, 'd1').models = [{ id: 'other', root: null, maxModelLen: null }]; }],
  ['model_differs', 'm (vllm-nixl)', (all) => { engine(all, 'd1').models = [{ id: 'm', root: '/models/n', maxModelLen: null }]; }],
  ['max_model_len_differs', 'd1', (all) => { engine(all, 'd1').models = [{ id: 'm', root: '/models/m', maxModelLen: 8192 }]; }],
  ['probe_failed', 'd1', (all) => { engine(all, 'd1').probe = { status: null, nixl: null }; }],
  ['probe_failed', 'p1', (all) => { engine(all, 'p1').probe = { status: 500, nixl: null }; }],
  ['pair_missing', 'm', (all) => { all.settings.placement.mode = 'disaggregated'; engine(all, 'd1').entry.dialect = 'local'; }],
  ['pair_missing', 'b', (all) => { engine(all, 'db').entry.role = 'prefill'; }],
  ['pair_missing', 'm', (all) => { engine(all, 'd1').entry.dialect = 'local'; }, 'warning'],
  ['version_differs', 'm (vllm-nixl)', (all) => { engine(all, 'd1').version = '0.31.0'; }],
  ['version_differs', 'b', (all) => { engine(all, 'db').version = '0.0.1'; }, 'warning'],
  ['block_size_differs', 'm (vllm-nixl)', (all) => { Object.assign(engine(all, 'd1').cache ?? {}, { blockTokens: 32 }); }],
  ['dtype_differs', 'm (vllm-nixl)', (all) => { Object.assign(engine(all, 'd1').cache ?? {}, { dtype: 'fp8' }); }],
  ['dtype_differs', 'm (vllm-nixl)', (all) => { Object.assign(engine(all, 'd1').server ?? {}, { dtype: 'float32' }); }],
  ['dtype_unknown', 'm (vllm-nixl)', (all) => { engine(all, 'd1').server = null; }],
  ['policy_unknown', 'd1', (all) => { engine(all, 'd1').server = null; }],
  ['policy_not_recompute', 'd1', (all) => { Object.assign(engine(all, 'd1').server ?? {}, { policy: 'fail' }); }],
  ['connector_wrong', 'p1', (all) => { Object.assign(engine(all, 'p1').server ?? {}, { connector: null }); }],
  ['nixl_host_wrong', 'p1', (all) => { tell(all, 'localhost', 'untried'); }],
  ['nixl_host_wrong', 'p1', (all) => { tell(all, '0.0.0.0', 'untried'); }],
  ['nixl_host_wrong', 'p1', (all) => { tell(all, 'nowhere', 'unresolved'); }],
  ['nixl_host_wrong', 'p1', (all) => { unprobed(all); Object.assign(engine(all, 'p1').server ?? {}, { nixlHost: '127.0.0.1' }); }],
  ['nixl_port_closed', 'p1', (all) => { tell(all, '10.0.0.1', 'closed'); }],
  ['nixl_params_bad', 'p1', (all) => { engine(all, 'p1').probe = { status: 200, nixl: 'missing' }; }],
  ['nixl_unknown', 'p1', unprobed],
  ['events_off', 'd1', (all) => { engine(all, 'd1').entry.kv_events.endpoint = null; }],
  ['events_off', 'd1', (all) => { Object.assign(engine(all, 'd1').server ?? {}, { publishesEvents: false }); events(all, { batches: 0 }); }],
  ['events_unreachable', 'd1', (all) => { events(all, { batches: 0, endpoint: 'closed' }); }],
  ['events_silent', 'd1', (all) => { events(all, { batches: 0 }); }],
  ['events_malformed', 'd1', (all) => { events(all, { malformed: 2 }); }],
  ['events_unknown', 'd1', (all) => { unprobed(all); events(all, { batches: 0 }); }],
  ['events_unknown', 'd1', (all) => { engine(all, 'd1').entry.kv_events.bind = true; events(all, { batches: 0 }); }],
  ['replay_unreachable', 'd1', (all) => { events(all, { replay: 'silent' }); }],
  ['hash_seed_differs', 'm', (all) => { events(all, { firstBlocks: new Map([['16 0  1 2', 'bb']]) }); }],
  ['hash_seed_unknown', 'm', (all) => { events(all, { firstBlocks: new Map([['16 0  3 4', 'aa']]) }); }],
  ['service_unreachable', 'b', (all) => { refuse(all, null); }],
  ['service_unreachable', 'b', (all) => { refuse(all, 'connect ECONNREFUSED'); }],
  ['service_key_refused', 'b', (all) => { refuse(all, 'hello_refused: wrong_key'); }],
  ['service_key_refused', 'b', (all) => { refuse(all, 'hello_refused: not_keyed'); }],
  ['service_key_refused', 'b', (all) => { refuse(all, '[hello_refused] not_loopback'); }],
  ['service_wrong_node', 'b', (all) => { refuse(all, 'hello_refused: wrong_node'); }],
  ['service_protocol_differs', 'b', (all) => { refuse(all, 'hello_refused: protocol'); }],
  ['service_version_differs', 'b', (all) => { Object.assign(service(all, 'b').info ?? {}, { version: '' }); }],
  ['service_draining', 'b', (all) => { service(all, 'b').draining = true; }],
  ['engine_not_attached', 'db', (all) => { service(all, 'b').attachments = []; }],
  ['engine_not_listed', 'b', (all) => { service(all, 'b').attachments[0] = { ...first(all), engine: 'stranger' }; }],
  ['namespace_differs', 'b', (all) => { first(all).namespace = Buffer.alloc(32, 8); }],
  ['geometry_differs', 'b', (all) => { first(all).geometry.chunkTokens = 128; }],
  ['lane_host_wrong', 'b', (all) => { Object.assign(service(all, 'b').info ?? {}, { laneHost: '127.0.0.1' }); }],
  ['lane_host_wrong', 'b', (all) => { service(all, 'b').lane = 'unresolved'; }],
  ['lane_port_closed', 'b', (all) => { service(all, 'b').lane = 'closed'; }],
  ['rendering_switched_off', 'b', (all) => { all.router?.renderingOff.add('b'); }],
  ['key_mismatches', 'b', (all) => { all.router?.mismatches.set('b', 2); }],
  ['router_unreachable', 'router', (all) => { all.router = null; }],
]; // prettier-ignore

/** Findings of the sound deployment, and what takes each away. */
const WELL: Case[] = [
  ['engine_answers', 'd1', (all) => { engine(all, 'd1').health = null; }],
  ['pair_fits', 'm (vllm-nixl)', (all) => { engine(all, 'd1').version = '0.31.0'; }],
  ['pair_fits', 'b', (all) => { first(all).namespace = Buffer.alloc(32, 8); }],
  ['policy_recompute', 'd1', (all) => { engine(all, 'd1').server = null; }],
  ['nixl_reachable', 'p1', (all) => { tell(all, '10.0.0.1', 'closed'); }],
  ['events_heard', 'd1', (all) => { events(all, { batches: 0 }); }],
  ['hash_seed_same', 'm', (all) => { events(all, { firstBlocks: new Map() }); }],
  ['service_answers', 'b', (all) => { refuse(all, null); }],
  ['transport_tcp', 'services', (all) => { refuse(all, null); }],
  ['rendering_on', 'b', (all) => { all.router?.renderingOff.add('b'); }],
]; // prettier-ignore

function first(all: Sick): Sick['services'][number]['attachments'][number] {
  const [one] = service(all, 'b').attachments;
  if (one === undefined) throw new Error('nothing is attached');
  return one;
}

const found = (change?: (all: Sick) => void): string[] =>
  judge(facts(change)).map(({ level, where, code }) => `${code} ${where} ${level}`);

test('a sound deployment has nothing but ok', () => {
  const findings = judge(facts());
  expect(findings.filter(({ level }) => level !== 'ok')).toEqual([]);
  expect(findings.filter(({ mend }) => mend !== null)).toEqual([]);
});

describe('broken in one thing', () => {
  test.each(SICK)('%s is found at %s', (code, where, change, level = CODES[code].levels[0]) => {
    const line = `${code} ${where} ${level}`;
    expect(found()).not.toContain(line);
    expect(found(change)).toContain(line);
    const told = judge(facts(change)).find((one) => one.code === code);
    expect(told?.what).not.toBe('');
    expect(told?.mend).toMatch(/\.$/);
  });
});

describe('not said any more when it is not so', () => {
  test.each(WELL)('%s at %s', (code, where, change) => {
    expect(found()).toContain(`${code} ${where} ok`);
    expect(found(change)).not.toContain(`${code} ${where} ok`);
  });
});

test('every code is produced by a case here', () => {
  const cases = new Set([...SICK, ...WELL].map(([code]) => code));
  expect([...cases].sort()).toEqual(Object.keys(CODES).sort());
});

describe('a host of NIXL’s side channel', () => {
  test('may be loopback where all engines are of one machine', () => {
    const near = found((all) => {
      tell(all, '127.0.0.1', 'open');
      engine(all, 'd1').entry.url = 'http://10.0.0.1:8001';
    });
    expect(near).toContain('nixl_reachable p1 ok');
  });

  test('is the configured one where there is one', () => {
    const mended = found((all) => {
      unprobed(all);
      Object.assign(engine(all, 'p1').server ?? {}, { nixlHost: '127.0.0.1' });
      engine(all, 'p1').entry.nixl.remote_host = '10.0.0.1';
    });
    expect(mended).toContain('nixl_unknown p1 unknown');
  });
});

test('an engine that is not there is not judged for what it did not tell', () => {
  const codes = judge(facts((all) => {
    Object.assign(engine(all, 'd1'), { health: null, version: null, models: null, cache: null, server: null, events: null, probe: null });
  })).filter(({ where }) => where === 'd1').map(({ code }) => code); // prettier-ignore
  expect(codes).toEqual(['engine_unreachable']);
});

test('what a worker says of itself is printed without control characters and cut', () => {
  const { what } = finding('engine_answers', 'e', `version \u001b[31m\u202e${'x'.repeat(2000)}\n`);
  expect(what).toMatch(/^version {1,2}\[31m x+$/);
  expect(what.length).toBeLessThan(700);
});
