// Ports of loopback that nobody listens at, for a process that is to come back at its address.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

// Below the range from which the kernel gives ports to whoever asks for any, so that nobody gets one of these while its process
// is away, and above the last that fetch refuses to ask (10080). Each process of ours begins in a part of its own and goes on from
// there.
export const FIRST_PORT = 10_100;
const PART = 64;
let given = 0;

/** All are held until the last is known. */
export async function freePorts(count: number): Promise<number[]> {
  const above = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/)[0]);
  const range = above - FIRST_PORT;
  const servers: Server[] = [];
  const ports: number[] = [];
  for (let tried = 0; ports.length < count && tried < range; tried++) {
    const port = FIRST_PORT + ((process.pid * PART + given++) % range);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue; // somebody has it
    }
    servers.push(server);
    ports.push(port);
  }
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
