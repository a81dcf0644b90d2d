// The index as one would write it first: the oracle of the other.
import { hex } from '#core/ids.ts';

export class NaiveIndex {
  private held: { node: string; key: string }[] = [];

  stored(node: string, keys: Uint8Array[]): void {
    this.removed(node, keys);
    for (const key of keys) this.held.push({ node, key: hex(key) });
  }

  removed(node: string, keys: Uint8Array[]): void {
    const gone = new Set(keys.map(hex));
    this.held = this.held.filter((one) => one.node !== node || !gone.has(one.key));
  }

  clear(node: string): void {
    this.held = this.held.filter((one) => one.node !== node);
  }

  match(keys: Uint8Array[]): Map<string, number> {
    const depth = new Map<string, number>();
    for (const node of new Set(this.held.map((one) => one.node))) {
      let n = 0;
      while (
        n < keys.length &&
        this.held.some((one) => one.node === node && one.key === hex(keys[n] ?? new Uint8Array()))
      )
        n++;
      if (n > 0) depth.set(node, n);
    }
    return depth;
  }
}
