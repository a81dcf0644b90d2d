// The vocabulary of the stories: every word that a story, a question or an answer is made of.

export const NAMES = [
  'Ada', 'Ben', 'Clara', 'David', 'Emma', 'Felix', 'Grace', 'Henry', 'Iris', 'Jack', 'Kate', 'Leo', 'Maria', 'Noah', 'Olga',
  'Peter', 'Quinn', 'Rosa', 'Simon', 'Tara', 'Ulla', 'Victor', 'Wanda', 'Xaver', 'Yara', 'Zoe', 'Alan', 'Bella', 'Carl',
  'Dora', 'Erik', 'Fiona', 'George', 'Helen', 'Ivan', 'Julia', 'Karl', 'Laura', 'Max', 'Nina',
] as const; // prettier-ignore

export const COLOURS = [
  'red', 'blue', 'green', 'yellow', 'black', 'white', 'brown', 'grey', 'silver', 'golden', 'purple', 'orange',
] as const; // prettier-ignore

export const THINGS = [
  'key', 'book', 'cup', 'coin', 'lamp', 'ring', 'letter', 'hat', 'ball', 'knife', 'map', 'bell', 'clock', 'scarf', 'glove',
  'brush', 'candle', 'button', 'ticket', 'bottle', 'spoon', 'flute', 'mirror', 'stamp', 'pencil', 'ribbon', 'shell', 'comb',
  'whistle', 'magnet', 'needle', 'basket',
] as const; // prettier-ignore

export const ROOMS = [
  'kitchen', 'garden', 'attic', 'cellar', 'office', 'bedroom', 'hall', 'garage', 'library', 'workshop', 'stable', 'bakery',
  'school', 'chapel', 'tower', 'cabin',
] as const; // prettier-ignore

export const CONTAINERS = [
  'drawer', 'box', 'chest', 'cupboard', 'basin', 'trunk', 'cabinet', 'closet', 'bag', 'barrel', 'crate', 'jar', 'bucket',
  'case', 'safe', 'locker',
] as const; // prettier-ignore

/** What somebody did with a thing, in a story and in a question; one story uses one. */
export const VERBS = [
  ['put', 'put'], ['hid', 'hide'], ['left', 'leave'], ['laid', 'lay'], ['kept', 'keep'], ['stored', 'store'],
] as const; // prettier-ignore

/** Begins of facts; one story uses one list, in any order. */
export const CONNECTIVES = [
  ['Then', 'Later', 'After that', 'Soon'],
  ['In the morning', 'At noon', 'In the evening', 'At night'],
  ['On Monday', 'On Tuesday', 'On Friday', 'On Sunday'],
  ['Before lunch', 'After lunch', 'Before dinner', 'After dinner'],
  ['First', 'Next', 'Again', 'At last'],
  ['Today', 'Yesterday', 'Last week', 'Long ago'],
] as const;

export const OPENINGS = [
  'This is a story about a busy house.',
  'Here is what happened in the old village.',
  'Many people came to visit that day.',
  'Nobody could find anything any more.',
  'Listen well and remember what you hear.',
  'It was a long and quiet winter.',
  'The summer was warm and everybody was at home.',
  'There was much to do before the feast.',
] as const;

/** Sentences that say nothing of where anything is; one story uses one list. */
export const FILLERS = [
  ['The sky was clear and the wind was cold.', 'It rained for an hour.', 'Snow fell on the roof.', 'The sun came out again.'],
  ['The dog slept near the fire.', 'A cat looked out of the window.', 'Two birds sang in the tree.', 'The horse wanted to eat.'],
  ['Somebody made tea for all.', 'The bread was still warm.', 'There was soup and cheese.', 'They ate apples and nuts.'],
  ['The children played outside.', 'A boy ran down the street.', 'The girls told each other jokes.', 'Everybody laughed for a while.'],
  ['Music came from the next house.', 'An old man sang a song.', 'The drum was loud.', 'People danced until it was late.'],
  ['A train passed by.', 'The road was empty.', 'A cart stopped at the gate.', 'The bridge was closed again.'],
] as const; // prettier-ignore

/** What is said of a person and is no fact about things: names alone lead nowhere. */
export const MOODS = [
  'was happy',
  'felt tired',
  'went for a walk',
  'sat down',
  'read the news',
  'said nothing',
] as const;

/** Words of facts, questions and answers themselves. */
const GRAMMAR = ['The', 'the', 'in', 'is', 'Where', 'did'] as const;

/** Every word, once. */
export const allWords = (): string[] => {
  const texts = [
    NAMES, COLOURS, THINGS, ROOMS, CONTAINERS, VERBS, CONNECTIVES, OPENINGS, FILLERS, MOODS, GRAMMAR,
  ].flat(2); // prettier-ignore
  return [...new Set(texts.join(' ').match(/[A-Za-z]+/g) ?? [])];
};
