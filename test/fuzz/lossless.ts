// A JSON reader of its own kind, as an oracle: by RFC 8259's grammar over characters, nothing rounded, nothing merged.

export type Node =
  | { kind: 'scalar'; raw: string }
  | { kind: 'array'; raw: string; items: Node[] }
  | { kind: 'object'; raw: string; members: { rawKey: string; key: string; value: Node }[] };

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)/y;

/** Null: the text is no JSON. */
export function readJson(text: string): Node | null {
  try {
    const reader = new Reader(text);
    const node = reader.value();
    return reader.over() ? node : null;
  } catch (error) {
    if (error instanceof NoJson) return null;
    throw error;
  }
}

export function depthOf(node: Node): number {
  if (node.kind === 'scalar') return 0;
  const inner = node.kind === 'array' ? node.items : node.members.map(({ value }) => value);
  return 1 + inner.reduce((most, one) => Math.max(most, depthOf(one)), 0);
}

class NoJson extends Error {}

class Reader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  over(): boolean {
    this.space();
    return this.at === this.text.length;
  }

  value(): Node {
    this.space();
    const start = this.at;
    const open = this.text[start];
    if (open === '{') {
      const members = this.list('}', () => this.member());
      return { kind: 'object', raw: this.text.slice(start, this.at), members };
    }
    if (open === '[') {
      const items = this.list(']', () => this.value());
      return { kind: 'array', raw: this.text.slice(start, this.at), items };
    }
    return { kind: 'scalar', raw: this.take(open === '"' ? STRING : SCALAR) };
  }

  private member(): { rawKey: string; key: string; value: Node } {
    this.space();
    const rawKey = this.take(STRING);
    this.space();
    this.expect(':');
    return { rawKey, key: JSON.parse(rawKey) as string, value: this.value() };
  }

  private list<T>(close: string, one: () => T): T[] {
    this.at++;
    const list: T[] = [];
    this.space();
    if (this.text[this.at] === close) {
      this.at++;
      return list;
    }
    for (;;) {
      list.push(one());
      this.space();
      if (this.text[this.at] === close) {
        this.at++;
        return list;
      }
      this.expect(',');
    }
  }

  private expect(character: string): void {
    if (this.text[this.at++] !== character) throw new NoJson();
  }

  private space(): void {
    SPACE.lastIndex = this.at;
    SPACE.exec(this.text);
    this.at = SPACE.lastIndex;
  }

  private take(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const [raw] = pattern.exec(this.text) ?? [];
    if (raw === undefined) throw new NoJson();
    this.at += raw.length;
    return raw;
  }
}
