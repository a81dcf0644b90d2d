// Brings a request into a state and leaves it there, waiting.
import { hex } from '#core/ids.ts';
import type { RequestContext } from '#router/request.ts';
import { startRig, TestClient, turn, type Rig, type TestLeg } from './rig.ts';

export interface Reached {
  rig: Rig;
  ctx: RequestContext;
  client: TestClient;
  /** The last leg that was sent. */
  leg(): TestLeg;
}

export const IDS = Array.from({ length: 300 }, (_, i) => i % 250);
const NIXL = {
  do_remote_prefill: true,
  remote_engine_id: 'e',
  remote_request_id: 'r',
  remote_host: 'p',
  remote_port: 5600,
  remote_block_ids: [[1, 2]],
};
const never = new Promise<void>(() => undefined);

/** `where`: a state, with `: target asked` or `: source asked` after `reserve`. */
export async function reach(
  dialect: string,
  where: string,
  router: object = {},
  stream = true,
): Promise<Reached> {
  const rendering = where === 'render';
  const rig = await startRig(
    dialect,
    rendering ? { models: [{ name: 'm', tokenize: true }], ...router } : router,
  );
  const { source, target, legs } = rig;
  if (where === 'reserve: target asked') target.answering = never;
  if (where === 'reserve: source asked') source.answering = never;
  const body = { model: 'm', prompt: rendering ? 'text' : IDS, stream, max_tokens: 4 };
  const client = new TestClient(where === 'admit' ? null : body);
  client.full = where === 'stalled';
  const ctx = rig.ask(client);
  await turn();
  const steps: Record<string, () => void> = {
    handoff: () => {
      if (dialect === 'baton') target.progress(hex(ctx.attempt?.ticket?.id ?? new Uint8Array(0)), 'target', 'landed');
      else legs[0]?.answer(JSON.stringify({ kv_transfer_params: NIXL }));
    },
    decode: () => legs.at(-1)?.begin(),
  }; // prettier-ignore
  const [wanted = ''] = where.split(':');
  for (let n = 0; n < 3 && ctx.state !== wanted; n++) {
    steps[ctx.state]?.();
    await turn();
  }
  if (ctx.state !== wanted) throw new Error(`in ${ctx.state} instead of ${wanted}`);
  return { rig, ctx, client, leg: () => legs.at(-1) ?? fail() };
}

function fail(): never {
  throw new Error('no leg was sent');
}
