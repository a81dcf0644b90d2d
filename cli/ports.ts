// Ports of loopback that nobody listens at, for a process that is to come back at its address.
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** All are held until the last is known: no two are the same. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
