// A story to begin with, of the kind that the demo's model was trained on, and of words combined as it never saw them:
// node engines/reference/training/main.ts --split test --seed 11 --words 640 --facts 16 --turns 4

export const EXAMPLE = {
  story: [
    'Listen well and remember what you hear. Snow fell on the roof. Yara sat down. The sun came out again. The',
    'sun came out again. Jack was happy. The sun came out again. The sky was clear and the wind was cold. The sky',
    'was clear and the wind was cold. It rained for an hour. Snow fell on the roof. The sun came out again. Ulla',
    'read the news. Ben sat down. Helen felt tired. Last week Yara put the golden button in the bakery bucket.',
    'The sky was clear and the wind was cold. Ben was happy. Helen was happy. Yara put the orange stamp in the',
    'library jar. Snow fell on the roof. It rained for an hour. The sun came out again. Noah went for a walk.',
    'Noah felt tired. Noah put the green key in the tower safe. Noah said nothing. Last week Noah put the white',
    'stamp in the tower case. Noah felt tired. Helen was happy. The sun came out again. Helen put the red button',
    'in the bakery closet. It rained for an hour. Snow fell on the roof. Noah read the news. Noah put the red',
    'letter in the garage safe. Ben felt tired. Yesterday Ben put the orange letter in the cabin closet. It',
    'rained for an hour. Yara put the silver letter in the library box. Jack sat down. Yara read the news. Helen',
    'put the green stamp in the garage bucket. Helen sat down. Snow fell on the roof. Helen put the silver mirror',
    'in the office bucket. It rained for an hour. Snow fell on the roof. The sky was clear and the wind was cold.',
    'Snow fell on the roof. Helen said nothing. It rained for an hour. Yara sat down. Yesterday Ben put the white',
    'button in the bakery safe. Snow fell on the roof. Snow fell on the roof. Noah put the silver button in the',
    'office case. Snow fell on the roof. It rained for an hour. Noah read the news. The sky was clear and the',
    'wind was cold. Yara felt tired. Noah read the news. The sky was clear and the wind was cold. The sun came',
    'out again. The sky was clear and the wind was cold. Yara said nothing. Snow fell on the roof. Yara went for',
    'a walk. Snow fell on the roof. The sun came out again. Yara felt tired. Yara put the white pencil in the',
    'office box. Ulla put the white letter in the garage case. Ben sat down. Helen said nothing. The sky was',
    'clear and the wind was cold. The sun came out again. Last week Noah put the green pencil in the garage box.',
    'The sky was clear and the wind was cold. The sun came out again. Helen said nothing. The sky was clear and',
    'the wind was cold. Noah went for a walk. Last week Noah put the silver key in the office jar. Jack was',
    'happy. The sun came out again. It rained for an hour. Snow fell on the roof. The sun came out again. The sky',
    'was clear and the wind was cold. The sky was clear and the wind was cold. Ben felt tired. Snow fell on the',
    'roof.',
  ].join(' '),
  turns: [
    { question: 'What is in the bakery bucket?', answer: 'In the bakery bucket is the golden button.' },
    {
      question: 'Who put the silver letter in the library box?',
      answer: 'The silver letter was put there by Yara.',
    },
    { question: 'Where is the red button?', answer: 'The red button is in the bakery closet.' },
    {
      question: 'Who put the white stamp in the tower case?',
      answer: 'The white stamp was put there by Noah.',
    },
  ],
};
