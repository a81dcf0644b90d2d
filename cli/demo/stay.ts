// What can be tried while a demo stays.

export interface Stays {
  routerUrl: string;
  adminUrl: string;
  model: string;
  /** A request whose journey is worth a look. */
  request: string;
}

export function stayLines({ routerUrl, adminUrl, model, request }: Stays): string[] {
  return [
    'Everything is running. Try:\n',
    `  curl -s ${routerUrl}/v1/chat/completions -H 'content-type: application/json' \\`,
    `    -d '{"model":"${model}","messages":[{"role":"user","content":"hello"}],"max_tokens":16}'\n`,
    `Metrics: ${adminUrl}/metrics   A request's journey: ${adminUrl}/debug/requests/${request}`,
    'Ctrl-C ends it.',
  ];
}
