// Fault proxies between a router and those it reaches, one for each name asked for.
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts';

export class Proxies {
  readonly #names: readonly string[];
  readonly #proxies = new Map<string, FaultProxy>();

  /** Engines (HTTP) and nodes (the control stream) by name. */
  constructor(...names: string[]) {
    this.#names = names;
  }

  /** For `reach` of a deployment. */
  readonly reach = async (name: string, address: string): Promise<string> => {
    if (!this.#names.includes(name)) return address;
    const [, scheme = '', target = ''] = /^(\w+:\/\/)?(.*)$/.exec(address) ?? [];
    const proxy = await startFaultProxy({ target });
    this.#proxies.set(name, proxy);
    return scheme + proxy.address;
  };

  of(name: string): FaultProxy {
    const proxy = this.#proxies.get(name);
    if (proxy === undefined) throw new Error(`no proxy before ${name}`);
    return proxy;
  }

  /** Every connection is as it was. */
  heal(): void {
    for (const proxy of this.#proxies.values()) proxy.fault = {};
  }

  close(): void {
    for (const proxy of this.#proxies.values()) proxy.close();
  }
}
