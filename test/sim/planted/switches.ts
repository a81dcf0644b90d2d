// What "#planted" is in processes started with `--conditions=planted`: at most one bug at a time, as their parent says.
import type { Planted } from '#core/planted.ts';

let bug: Planted | null = null;

export function plant(chosen: Planted | null): void {
  bug = chosen;
}

export const planted = (asked: Planted): boolean => asked === bug;
