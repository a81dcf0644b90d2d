// Who owns an API key. Keys are configured as SHA-256; a lookup compares under a secret of this process, so that its time
// tells nothing about them.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { BatonError } from '#core/errors.ts';
import type { Random } from '#core/random.ts';
import type { TenantSettings } from '#core/settings.ts';
import { bearerToken } from './bearer.ts';

export interface Tenant {
  name: string;
  secret: Uint8Array;
}

export interface Tenants {
  /** Keys are configured: a request needs one. */
  readonly keyed: boolean;
  /** The owner of the request's key; `invalid_api_key` when tenants are configured and it is none of theirs. */
  of(authorization: string | undefined): Tenant;
}

// Without a cluster key everything is on loopback: names need to be stable, not secret.
const PUBLIC_TEXT = 'baton-public-default-tenant';

export function createTenants(
  configured: readonly TenantSettings[],
  clusterKey: Uint8Array | null,
  random: Random,
): Tenants {
  if (configured.length === 0) {
    const secret = createHmac('sha256', clusterKey ?? PUBLIC_TEXT)
      .update('baton-default-tenant')
      .digest();
    const tenant = { name: 'default', secret };
    return { keyed: false, of: () => tenant };
  }
  const blind = random.bytes(32);
  const blinded = (hash: Uint8Array): string => createHmac('sha256', blind).update(hash).digest('base64');
  const owners = new Map<string, { tenant: Tenant; hash: Buffer }>();
  for (const { name, secret, keys } of configured) {
    const tenant = { name, secret: Buffer.from(secret, 'utf8') };
    for (const key of keys) {
      const hash = Buffer.from(key, 'hex');
      const owner = owners.get(blinded(hash))?.tenant.name;
      if (owner !== undefined && owner !== name) {
        throw new BatonError(
          'bad_config',
          `tenants: one key hash belongs to ${owner} and to ${name}: give each tenant its own keys`,
        );
      }
      owners.set(blinded(hash), { tenant, hash });
    }
  }
  return {
    keyed: true,
    of(authorization) {
      const key = bearerToken(authorization);
      if (key === undefined)
        throw new BatonError('invalid_api_key', 'Send an API key: Authorization: Bearer KEY.');
      const hash = createHash('sha256').update(key, 'utf8').digest();
      const owner = owners.get(blinded(hash));
      if (owner === undefined || !timingSafeEqual(owner.hash, hash)) throw new BatonError('invalid_api_key');
      return owner.tenant;
    },
  };
}
