// Pools and their engines with load and room, and the transfer services.
import { $, h, keyed, setText } from './dom.js';
import { bytes, count } from './format.js';

export function showPools(pools) {
  keyed(
    $('pools'),
    pools,
    ({ model }) => model,
    createPool,
    (element, { engines }) => {
      keyed(element.lastElementChild, engines, ({ name }) => name, createEngine, updateEngine);
    },
  );
}

const createPool = ({ model }) =>
  h('div', { class: 'pool' }, h('h3', {}, model), h('ul', { class: 'engines' }));

function createEngine({ name, kv_tokens: room }) {
  return h(
    'li',
    {},
    h('div', { class: 'line' }, h('strong', {}, name), h('span', { class: 'badge' })),
    h('p', { class: 'facts' }),
    h('meter', { min: 0, max: room, 'aria-label': `KV room of ${name} in use or promised` }),
    h('p', { class: 'facts' }),
  );
}

function updateEngine(element, engine) {
  const [line, about, meter, load] = element.children;
  const badge = line.lastChild;
  const state = !engine.healthy ? 'down' : engine.node !== null && !engine.attached ? 'not attached' : 'up';
  setText(badge, state);
  badge.className = `badge ${state === 'up' ? 'ok' : 'bad'}`;
  const where = engine.node === null ? engine.dialect : `${engine.dialect} on node ${engine.node}`;
  setText(about, `${engine.role}, ${where}`);
  const taken = Math.max(0, engine.kv_tokens - engine.free_tokens);
  meter.max = engine.kv_tokens;
  meter.value = taken;
  meter.hidden = engine.role === 'prefill';
  setText(load, loadOf(engine, taken));
}

function loadOf(engine, taken) {
  const parts = [];
  if (engine.role !== 'decode')
    parts.push(
      `${count(engine.pending_tokens)} tokens to compute at ${count(engine.prefill_tokens_per_s)}/s`,
    );
  if (engine.role !== 'prefill') {
    parts.push(`${count(engine.running)} running`);
    if (engine.others > 0) parts.push(`${count(engine.others)} of others`);
    parts.push(`${count(taken)} of ${count(engine.kv_tokens)} tokens of room`);
    if (engine.decode_ms_per_token !== null)
      parts.push(`${engine.decode_ms_per_token.toFixed(1)} ms a token`);
  }
  return parts.join(' · ');
}

export function showServices(services) {
  keyed(
    $('services'),
    services,
    ({ node }) => node,
    ({ node }) =>
      h(
        'li',
        {},
        h('div', { class: 'line' }, h('strong', {}, `node ${node}`), h('span', { class: 'badge' })),
        h('p', { class: 'facts' }),
      ),
    (element, service) => {
      const state = !service.up ? 'down' : service.draining ? 'draining' : 'up';
      const badge = element.firstChild.lastChild;
      setText(badge, state);
      badge.className = `badge ${state === 'up' ? 'ok' : 'bad'}`;
      const arena = service.arena_bytes === null ? '' : ` · arena of ${bytes(service.arena_bytes)}`;
      setText(
        element.lastChild,
        `${count(service.chunks)} chunks${arena} · ${bytes(service.bytes_per_s)}/s towards it`,
      );
    },
  );
}
