import { afterEach, describe, expect, test } from 'vitest';
import { BatonError } from '#core/errors.ts';
import { ABORTS, type GivenUp, type Told } from '#router/dialects/aborts.ts';
import { reach, type Reached } from '../reach.ts';
import { turn } from '../rig.ts';

let reached: Reached | null = null;
afterEach(async () => reached?.rig.close());

const ends = (dialect: string, leg: { engine: string; request: { path: string } }): Told => {
  if (leg.request.path === '/tokenize') return 'tokenize leg: close';
  return dialect !== 'local' && leg.engine === 'p' ? 'prefill leg: close' : 'decode leg: close';
};

/** Everybody who has been told that the request is over, in the words of the table. */
function told(dialect: string, { rig }: Reached): Told[] {
  const aborted = (service: { said: { verb: string }[] }): boolean =>
    service.said.some(({ verb }) => verb === 'abort');
  return [
    ...(aborted(rig.target) ? (['target: abort'] as const) : []),
    ...(aborted(rig.source) ? (['source: abort'] as const) : []),
    ...rig.legs.filter(({ closed }) => closed).map((leg) => ends(dialect, leg)),
  ];
}

const cases = Object.entries(ABORTS).flatMap(([dialect, rule]) =>
  (Object.keys(rule) as GivenUp[]).map((where) => [dialect, where] as const),
);
const waits = ([dialect, where]: readonly [string, string]): boolean => {
  if (where === 'render') return dialect === 'baton';
  if (where.startsWith('reserve')) return dialect === 'baton';
  return where !== 'handoff' || dialect !== 'local';
};

describe.each(cases.filter(waits))('%s: a request given up in %s', (dialect, where) => {
  test.each([
    ['because its client left', (it: Reached) => { it.client.go(); }],
    ['because the router stops', (it: Reached) => { it.rig.world.watch.cancelAll(new BatonError('shutting_down')); }],
  ])('%s is told to whom the table says, and to nobody else', async (_, give) => {
    reached = await reach(dialect, where);
    give(reached);
    await turn();
    const rule: readonly Told[] = ABORTS[dialect as keyof typeof ABORTS][where];
    expect(told(dialect, reached).sort()).toEqual([...rule].sort());
    expect(reached.ctx.state).toBe('ended');
  }); // prettier-ignore

  test('tells its client an error before the answer has begun, and after that an error event', async () => {
    reached = await reach(dialect, where);
    const { client, rig } = reached;
    rig.world.watch.cancelAll(new BatonError('shutting_down'));
    await turn();
    const begun = where === 'stream' || where === 'stalled';
    expect([client.status, client.code, client.finished]).toEqual([begun ? 200 : 503, 'shutting_down', true]);
    expect(client.text).not.toContain('[DONE]');
  });

  test('gives back all that it held', async () => {
    reached = await reach(dialect, where);
    const { client, rig } = reached;
    client.go();
    await turn();
    const { admission, watch, pools } = rig.world;
    const { requests, bytes, tokens } = admission;
    expect([requests.used, bytes.used, tokens.used, watch.requests.size]).toEqual([0, 0, 0, 0]);
    for (const { pendingTokens, promisedTokens, running } of pools.engines)
      expect([pendingTokens, promisedTokens, running]).toEqual([0, 0, 0]);
  });
});

test('a rule where nothing waits says so: nobody is told', () => {
  for (const [dialect, where] of cases.filter((one) => !waits(one) && one[1] !== 'render'))
    expect(ABORTS[dialect as keyof typeof ABORTS][where]).toEqual([]);
});
