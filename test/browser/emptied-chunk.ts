// One chunk of a story, emptied in the arena between two askings of the same question, in the build with test hooks.
import type { Browser, BrowserContextOptions } from 'playwright-core';
import type { Cluster } from '#cli/cluster.ts';
import { emptySealedSlots } from '#test/support/arena-file.ts';
import { deploy } from '#test/support/deployment.ts';
import { hooksEnv } from '#test/support/hooks.ts';
import { answerOf, asksTwice, TWO_DECODERS, type Asked } from './visitor.ts';

/** One whole chunk of 256 tokens and a rest: what is asked about stands in that chunk. */
const STORY = `Ada put the red key in the kitchen drawer. ${'It rained for an hour. '.repeat(55).trim()}`;
const QUESTION = 'Where is the red key?';

/** Services and engines that verify, or do not. */
export const deployVerifying = (verify: boolean): Promise<Cluster> =>
  deploy({
    env: hooksEnv(verify),
    engine: { model: 'tiny' },
    engines: TWO_DECODERS,
    router: { tenants: [] },
  });

/** What the engine answers that no service and no router stands before. */
export const rightAnswer = (cluster: Cluster): Promise<string> =>
  answerOf(cluster.member('alone').url, STORY, QUESTION);

/** Asks, empties the story's only whole chunk, asks the same again. @throws when there is not one such chunk */
export const asksOverEmptied = (
  browser: Browser,
  cluster: Cluster,
  options?: BrowserContextOptions,
): Promise<{ before: string; after: Asked }> => {
  const empty = (arenaPath: string): void => {
    const emptied = emptySealedSlots(arenaPath, 256);
    if (emptied !== 1) throw new Error(`${emptied} chunks of 256 tokens in the arena, not 1`);
  };
  return asksTwice(browser, cluster, STORY, QUESTION, empty, options);
};
