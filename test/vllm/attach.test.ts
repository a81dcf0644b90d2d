// The wheel of another Baton: what does not fit the service that runs is refused when the engine attaches, and both are named. The
// service is a pair's own, the package is the installed wheel; only vLLM is not started for it.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { describePair, type LivePair } from './live.ts';

const ATTACH = `
import sys
from baton_vllm.abi import AttachError, Library
from baton_vllm.counters import Counters
from baton_vllm.geometry import Geometry
from baton_vllm.session import Attachment, Session

socket, name, chunk_tokens = sys.argv[1], sys.argv[2], int(sys.argv[3])
wanted = Attachment(socket, name, bytes(range(32)), Geometry(4, 2, (256, 256), chunk_tokens), 5000)
try:
    session = Session(Library(), wanted, Counters())
    print("attached" if session.client() else "later")
    sys.stdout.flush()
    sys.stdin.read()
except AttachError as error:
    print(error)
`;

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

const socketOf = ({ decode }: LivePair): string => {
  const config = JSON.parse(decode.args[decode.args.indexOf('--kv-transfer-config') + 1] ?? '') as {
    kv_connector_extra_config: { socket: string };
  };
  return config.kv_connector_extra_config.socket;
};

/** Attaches as an engine does, and says what came of it. An engine that is attached stays so until the test's end. */
async function attach(wheel: string, socket: string, name: string, chunkTokens: number): Promise<string> {
  const python = join(dirname(dirname(wheel)), 'venv/bin/python');
  const running = promisify(execFile)(python, ['-c', ATTACH, socket, name, String(chunkTokens)]);
  const { stdout, stdin } = running.child;
  ends.push(() => stdin?.end());
  if (stdout === null) throw new Error('no output');
  const [line] = (await once(stdout.setEncoding('utf8'), 'data')) as [string];
  running.catch(() => undefined);
  return line.trim();
}

/** A socket before the service's own, on which the hello of an engine names another ABI version. */
async function socketOfAnotherBaton(socket: string, version: number): Promise<string> {
  const path = `${socket}.other`;
  const server: Server = createServer((engine) => {
    const service = connect(socket);
    for (const end of [engine, service]) end.on('error', () => end.destroy());
    let first = true;
    engine.on('data', (bytes) => {
      // Length, type, zero and request number, 12 bytes; then the version (native/src/session/messages.cc).
      if (first) bytes.writeUInt32LE(version, 12);
      first = false;
      service.write(bytes);
    });
    service.pipe(engine);
    ends.push(() => service.destroy());
  });
  ends.push(() => {
    server.close();
    rmSync(path, { force: true });
  });
  await once(server.listen(path), 'listening');
  return path;
}

describePair('baton', 'an engine whose Baton is another than its node’s', (pair, live) => {
  it('is refused for its ABI version, which is named beside the service’s', async () => {
    const path = await socketOfAnotherBaton(socketOf(pair), 99);
    const refused = await attach(live.wheel, path, 'of-another-baton', 256);
    expect(refused).toContain('the service speaks ABI version 1, the engine');
    expect(refused).toContain('libbaton 99: install the same Baton on both (version)');
  });

  it('is refused for its geometry, which is named beside the one that is attached', async () => {
    const socket = socketOf(pair);
    expect(await attach(live.wheel, socket, 'first', 256)).toBe('attached');
    const refused = await attach(live.wheel, socket, 'second', 128);
    expect(refused).toContain(
      'first has 4 layers of 2 heads of 256+256 bytes a token in chunks of 256 tokens',
    );
    expect(refused).toContain(
      'second has 4 layers of 2 heads of 256+256 bytes a token in chunks of 128 tokens',
    );
    expect(refused).toContain('(geometry)');
  });
});
