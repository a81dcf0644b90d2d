// The token of an Authorization header.

/** Of `Bearer TOKEN` the token; undefined: it is none. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
}
