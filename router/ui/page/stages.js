// The stages of a journey: when each began and how long it took, of every attempt.
import { h, s } from './dom.js';
import { ms } from './format.js';

const STEPS = 100;

/** `total`: of the whole journey, or so far. */
export function stagesOf(stages, attempts, total) {
  const many = attempts.length > 1;
  return h(
    'ol',
    { class: 'stages' },
    ...stages.map(({ stage, attempt, start_ms: start, end_ms: end }) => {
      const until = end ?? total;
      return h(
        'li',
        {},
        h('span', { class: 'stage' }, many && attempt > 0 ? `${stage} ${attempt}` : stage),
        lane(start, until, total),
        h('span', { class: 'number' }, end === null ? 'now' : ms(until - start)),
      );
    }),
  );
}

function lane(start, end, total) {
  const scale = (time) => (total > 0 ? Math.min(STEPS, (time / total) * STEPS) : 0);
  const width = Math.max(0.6, scale(end) - scale(start));
  return s(
    'svg',
    { viewBox: `0 0 ${STEPS} 4`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    s('rect', { x: Math.min(scale(start), STEPS - width), y: 0, width, height: 4 }),
  );
}
