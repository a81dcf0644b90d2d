// Roots of prompts, computed once per tenant and namespace; a request with a cache salt of its own has a root of its own.
import { hex } from '#core/ids.ts';
import { rootOf } from '#core/keys.ts';
import { planted } from '#planted';
import { ROUTER_LIMITS } from './limits.ts';
import type { Tenant } from './tenants.ts';

export interface Root {
  bytes: Uint8Array;
  hex: string;
}

// The root of prompts whose engine's namespace is not known: it keeps tenants apart in the engine's own cache.
const NO_NAMESPACE = new Uint8Array(32);

export class Roots {
  private readonly unsalted = new Map<string, Root>();

  of(tenant: Tenant, namespaceHex: string | null, salt: string): Root {
    const id = `${planted('tenant_left_out') ? '' : tenant.name} ${namespaceHex ?? ''}`;
    const known = salt === '' ? this.unsalted.get(id) : undefined;
    if (known !== undefined) return known;
    const namespace = namespaceHex === null ? NO_NAMESPACE : Buffer.from(namespaceHex, 'hex');
    const bytes = rootOf(tenant.secret, namespace, salt);
    const root = { bytes, hex: hex(bytes) };
    if (salt === '' && this.unsalted.size < ROUTER_LIMITS.rootsKeptMax) this.unsalted.set(id, root);
    return root;
  }
}
