// What the demo asks: a few conversations whose prompts grow from turn to turn, so that later turns find earlier chunks.

export interface Conversation {
  title: string;
  system: string;
  turns: string[];
}

const HANDBOOK = [
  'The harbour of Lindow has four quays. The north quay takes grain, the east quay takes timber, the south quay takes salt and',
  'the west quay is kept for fishing boats. A ship that arrives after dusk waits at the outer buoy until the pilot comes.',
  'The pilot is Marta; when she is away her brother Ole takes her place. Every load is weighed at the stone house and the',
  'weight is written into the blue book. Nobody may open the blue book but the harbour master and the two scribes.',
  'Salt is covered when it rains. Timber is counted by the piece, grain by the sack, fish by the basket.',
].join(' ');

const STORY = [
  'Ada put the red key in the kitchen drawer. Ben found an old map behind the clock and gave it to Carla, who folded it into',
  'her green notebook. In the evening the three of them carried the lantern up to the attic, where the wind moved the door.',
  'Behind a chest stood a small box. It was locked, and the lock was red. Ben wanted to break it, but Ada remembered the drawer.',
].join(' ');

export const CONVERSATIONS: readonly Conversation[] = [
  {
    title: 'harbour',
    system: `You answer questions about this handbook. ${HANDBOOK}`,
    turns: [
      'Where does a ship with salt go, and who brings it in?',
      'And if Marta is away?',
      'Who may open the blue book?',
    ],
  },
  {
    title: 'story',
    system: `You answer questions about this story. ${STORY} ${STORY}`,
    turns: ['Where is the red key?', 'What stands behind the chest?'],
  },
  {
    title: 'long',
    system: `You are careful and brief. ${Array.from({ length: 6 }, (_, i) => `Page ${i + 1}. ${HANDBOOK}`).join(' ')}`,
    turns: ['Say how fish is counted.', 'Say how grain is counted.'],
  },
];
