// What the demo asks: a few conversations whose prompts grow from turn to turn, so that later turns find earlier chunks.

import { seededRandom } from '#core/random.ts';
import { heldOut } from '#engines/reference/training/held-out.ts';

export interface Conversation {
  title: string;
  system: string;
  turns: string[];
  /** The right answer of each turn, where one is known. */
  answers?: string[];
}

/** Stories that the tiny model was not trained on, of one chunk to eight, and what it should answer. */
export function stories(): Conversation[] {
  const random = seededRandom(STORIES_SEED);
  return STORIES.map(([title, tokens, facts, turns]) => {
    const { story, turns: drawn } = heldOut(random, { tokens, facts, turns });
    return {
      title,
      system: story,
      turns: drawn.map(({ question }) => question),
      answers: drawn.map(({ answer }) => answer),
    };
  });
}

const STORIES_SEED = 6;
const STORIES = [
  ['short', 400, 6, 3],
  ['story', 1000, 10, 2],
  ['long', 2000, 14, 2],
] as const;

const KEEPERS = [
  'The lighthouse of Skerry Point was built in 1854 by the engineer Hannah Wells. It stands on a rock of black granite, forty metres',
  'above the sea, and it took nine years to build. The tower is painted white with one red band. Its lamp was lit with whale oil at',
  'first, then with paraffin, and since 1921 with electricity. The light turns once in twelve seconds and can be seen from a distance',
  'of thirty kilometres. In fog a horn sounds three times a minute. The first keeper was Jonas Reed, who lived in the tower with his',
  'wife and two daughters. The older daughter, Clara, kept a diary, and the diary is the reason why so much is known about those',
  'years. In the winter of 1871 a storm broke the windows of the lamp room. Jonas Reed and Clara held blankets against the wind and',
  'kept the lamp burning for two nights. Eleven ships found their way into the harbour by that light. The town gave the family a',
  'silver clock, which stands today in the museum on Mill Street. Clara Reed became the second keeper and served for thirty-one years.',
  'The third keeper was Peter Marsh, a quiet man who kept bees on the south side of the rock and sold the honey in the village. He',
  'measured the weather every morning at six, and his notebooks fill a whole shelf. The last keeper, Ruth Avery, left the tower in',
  '1988, when the light was made automatic. A technician now comes twice a year by boat, in May and in October, to clean the lens and',
  'to test the horn. Visitors may climb the one hundred and eighty-three steps on Saturdays from June to September. The ticket costs',
  'four pounds, and children under ten climb free. Dogs must stay at the gate. From the gallery one can see the harbour, the old salt',
  'works, and on clear days the island of Brae, where seals rest on the sand. The lens weighs two tonnes and floats in a bath of',
  'mercury, so that one hand can turn it. It was made in Paris by the company of Augustin Fresnel and came to Skerry Point on a ship',
  'called the Good Intent. A second lens, smaller and older, is shown in the entrance hall beside a model of the rock.',
].join(' ');

const VILLAGE = [
  'The village behind the lighthouse is called Harrow. It has two hundred houses, one school and a bakery that opens at five in the',
  'morning. Most families lived from herring until the fish went away in the 1930s. Since then people have worked in the salt works,',
  'and since those closed, in the boat yard of the brothers Tom and Will Carver, who build small wooden boats for sailors. A boat takes',
  'them four months. The village hall holds a library of three thousand books, given by Ruth Avery when she left the tower. Every year',
  'on the first Sunday of August the village holds a race of rowing boats around the rock. The prize is a jar of honey and a loaf of',
  'bread. In 1996 the race was won by two schoolgirls, Ann and May Fisher, in a boat that they had built themselves. A bus comes from',
  'the town of Marlow three times a day, at eight, at noon and at six. The road follows the coast and is closed when the waves are high.',
  'The inn at the harbour is called the Red Band, after the band on the tower. It has six rooms, and its cook, Mrs Doyle, is known for',
  'her fish soup. In the cellar of the inn there is a door that leads to an old tunnel. It is said that smugglers used it to bring tea',
  'and lace from the beach, but the tunnel fell in long ago, and nobody has walked through it since. The church has a bell that was',
  'taken from a wreck, the Maria Stella, which sank on the rock in 1848, six years before the light was built. It was this wreck, in',
  'which forty people died, that made the government send Hannah Wells to Skerry Point. A stone with their names stands beside the path',
  'to the tower. Birds nest in the cliffs below it: gulls, razorbills and a few pairs of puffins, which come in April and leave in',
  'August. The warden, Sam Lowe, counts them each spring from a small boat. Last year he counted eighty-two puffins.',
].join(' ');

/** For a model that can read: a text of several chunks, asked about in several turns. */
export const LIGHTHOUSE: readonly Conversation[] = [
  {
    title: 'lighthouse',
    system: `You are a helpful guide. Answer in one short sentence, using this text.\n\n${KEEPERS}\n\n${VILLAGE}`,
    turns: [
      'Who built the lighthouse of Skerry Point?',
      'How much does a ticket cost?',
      'Who is the cook of the inn?',
      'What is the village behind the lighthouse called?',
    ],
  },
];
