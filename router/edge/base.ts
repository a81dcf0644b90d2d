// An engine's configured URL: where its legs go, and what stands before each path there.

export interface Base {
  origin: string;
  /** '' as a rule; no slash at its end. */
  path: string;
}

export function baseOf(url: string): Base {
  const { origin, pathname } = new URL(url);
  return { origin, path: pathname.replace(/\/+$/, '') };
}
