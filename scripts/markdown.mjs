// Tables of Markdown, as the generated documents have them.

export const row = (...cells) => `| ${cells.join(' | ')} |`;
export const head = (...names) => [row(...names), row(...names.map(() => '---'))];
export const none = '–';
