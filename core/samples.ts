// Lines of a Prometheus exposition under given names; all others are passed over without being read.

export interface Sample {
  name: string;
  labels: ReadonlyMap<string, string>;
  /** As written. */
  value: string;
}

const LABEL = /([a-zA-Z_]\w*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"/g;

/** Reads the samples of these metrics, in the order of the text. */
export function sampleReader(names: readonly string[]): (text: string) => Generator<Sample> {
  const line = new RegExp(
    `^(${names.join('|')})(?:\\{((?:[^"}\\n]|"(?:[^"\\\\\\n]|\\\\.)*")*)\\})?[ \\t]+(\\S+)`,
    'gm',
  );
  return function* (text) {
    for (const [, name = '', labels = '', value = ''] of text.matchAll(line))
      yield { name, labels: labelsOf(labels), value };
  };
}

function labelsOf(text: string): Map<string, string> {
  return new Map([...text.matchAll(LABEL)].map(([, name = '', value = '']) => [name, value]));
}
