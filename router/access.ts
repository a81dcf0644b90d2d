// Who may ask the admin listener for more than metrics and health: pages of its own origin under a name it is known by, and where
// there is an admin key, whoever has it.
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { isLoopback } from '#core/config.ts';
import { BatonError } from '#core/errors.ts';
import type { RouterSettings } from '#core/settings.ts';
import { bearerToken } from './bearer.ts';
import type { EdgeRequest, Headers } from './edge/contract.ts';

export class Access {
  private readonly names: ReadonlySet<string>;
  private readonly keyHash: Buffer | null;
  private readonly loopback: boolean;

  constructor(admin: RouterSettings['admin'], key: Uint8Array | null) {
    this.names = new Set(['localhost', admin.host, ...admin.hosts].map((name) => name.toLowerCase()));
    this.keyHash = key === null ? null : sha256(key);
    this.loopback = isLoopback(admin.host);
  }

  /** Throws `foreign_origin` or `invalid_admin_key`. */
  check(request: EdgeRequest): void {
    this.checkOrigin(request);
    const { keyHash } = this;
    if (keyHash === null) {
      if (this.loopback) return;
      throw new BatonError(
        'invalid_admin_key',
        'Beyond loopback this part of the admin listener needs an admin key: set router.admin.key_file or BATON_ADMIN_KEY.',
      );
    }
    const given = bearerToken(text(request.headers, 'authorization'));
    // Of equal length, so that the time of the comparison tells nothing.
    if (given === undefined || !timingSafeEqual(keyHash, sha256(given)))
      throw new BatonError('invalid_admin_key');
  }

  /**
   * A browser names the page that asks. And the name that it was told to reach us by: a stranger's name may be made to lead here
   * (DNS rebinding), an address may not. `document`: a link from elsewhere may open it.
   */
  checkOrigin({ headers }: EdgeRequest, document = false): void {
    const host = text(headers, 'host');
    const name = nameOf(host);
    if (name === null || (isIP(name) === 0 && !this.names.has(name))) throw new BatonError('foreign_origin');
    const origin = text(headers, 'origin');
    if (origin !== '' && origin !== `http://${host}` && origin !== `https://${host}`)
      throw new BatonError('foreign_origin');
    const site = text(headers, 'sec-fetch-site');
    const opens = document && text(headers, 'sec-fetch-dest') === 'document';
    if (site !== '' && site !== 'same-origin' && site !== 'none' && !opens)
      throw new BatonError('foreign_origin');
  }
}

/** Of a Host header, without port and brackets; null: it is none. */
function nameOf(host: string): string | null {
  const [, address, name] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host) ?? [];
  return (address ?? name)?.toLowerCase() ?? null;
}

function text(headers: Headers, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

function sha256(bytes: string | Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
