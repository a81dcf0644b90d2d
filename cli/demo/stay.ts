// What can be tried while a demo stays.

export interface Stays {
  routerUrl: string;
  adminUrl: string;
  model: string;
  /** What to say to it: it stands in single quotes. */
  content: string;
  /** A request whose journey is worth a look. */
  request: string;
}

export function stayLines({ routerUrl, adminUrl, model, content, request }: Stays): string[] {
  return [
    'Everything is running. Try:\n',
    `  curl -s ${routerUrl}/v1/chat/completions -H 'content-type: application/json' \\`,
    `    -d '{"model":"${model}","messages":[{"role":"user","content":"${content}"}],"max_tokens":16}'\n`,
    `The page: ${adminUrl}/ui`,
    `Metrics: ${adminUrl}/metrics   A request's journey: ${adminUrl}/debug/requests/${request}`,
    'Ctrl-C ends it.',
  ];
}
