// A story to begin with, of the kind that the demo's model was trained on, and of words combined as it never saw them:
// node engines/reference/training/main.ts --split test --seed 11 --words 640 --facts 12 --turns 4

export const EXAMPLE = {
  story: [
    'Listen well and remember what you hear. Ben felt tired. It rained for an hour. The sky was clear and the',
    'wind was cold. George read the news. The sun came out again. Noah put the yellow whistle in the attic',
    'drawer. It rained for an hour. Rosa put the grey key in the cabin drawer. Ulla sat down. Snow fell on the',
    'roof. Helen went for a walk. The sun came out again. Snow fell on the roof. Clara sat down. The sky was',
    'clear and the wind was cold. It rained for an hour. Rosa was happy. Quinn went for a walk. Ben felt tired.',
    'It rained for an hour. Quinn read the news. It rained for an hour. Noah put the purple bottle in the',
    'cellar trunk. Ben put the brown map in the bedroom drawer. Snow fell on the roof. Last week George put the',
    'red map in the garage drawer. The sun came out again. It rained for an hour. The sun came out again. The',
    'sun came out again. It rained for an hour. Henry felt tired. The sky was clear and the wind was cold. Ulla',
    'felt tired. Wanda read the news. Snow fell on the roof. The sun came out again. The sun came out again. It',
    'rained for an hour. Snow fell on the roof. The sun came out again. The sky was clear and the wind was',
    'cold. The sky was clear and the wind was cold. The sun came out again. Noah went for a walk. Snow fell on',
    'the roof. The sun came out again. George said nothing. Quinn put the golden map in the cabin closet. The',
    'sun came out again. It rained for an hour. Quinn said nothing. Snow fell on the roof. Quinn felt tired.',
    'Helen put the orange mirror in the workshop basin. Henry was happy. Helen felt tired. The sky was clear',
    'and the wind was cold. Yara read the news. Snow fell on the roof. Henry went for a walk. Snow fell on the',
    'roof. Jack was happy. The sky was clear and the wind was cold. The sky was clear and the wind was cold.',
    'Jack felt tired. Yara felt tired. Snow fell on the roof. The sun came out again. Helen read the news.',
    'Clara sat down. Wanda went for a walk. Ulla put the white whistle in the bedroom jar. The sun came out',
    'again. Jack put the black map in the office barrel. Helen said nothing. Snow fell on the roof. The sun',
    'came out again. It rained for an hour. Today Wanda put the silver pencil in the bedroom trunk. Rosa went',
    'for a walk. Long ago Quinn put the green whistle in the library closet. Yara went for a walk. The sky was',
    'clear and the wind was cold. Yara was happy. Snow fell on the roof. It rained for an hour. Quinn was',
    'happy. Clara was happy. Snow fell on the roof. The sky was clear and the wind was cold. The sky was clear',
    'and the wind was cold. The sun came out again. Wanda put the blue scarf in the kitchen box. Yara sat down.',
    'The sun came out again. The sun came out again.',
  ].join(' '),
  turns: [
    { question: 'Where is the brown map?', answer: 'The brown map is in the bedroom drawer.' },
    { question: 'Where is the red map?', answer: 'The red map is in the garage drawer.' },
    { question: 'Where is the black map?', answer: 'The black map is in the office barrel.' },
    {
      question: 'Where did Helen put the orange mirror?',
      answer: 'The orange mirror is in the workshop basin.',
    },
  ],
};
