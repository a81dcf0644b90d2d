import { expect, test } from 'vitest';
import { FIRST_PORT, freePorts } from '#cli/ports.ts';

/** Above 1024, of the ports that fetch refuses to ask (the Fetch Standard’s “bad ports”). */
const REFUSED = [1719, 2049, 3659, 4045, 4190, 5060, 6000, 6566, 6697, 10_080];

test('no port is given that fetch refuses to ask', async () => {
  for (const port of REFUSED) {
    const asked = fetch(`http://127.0.0.1:${port}/`);
    await expect(asked).rejects.toMatchObject({ cause: { message: 'bad port' } });
    expect(port).toBeLessThan(FIRST_PORT);
  }
});

test('ports of one call and of the next are different ones', async () => {
  const ports = [...(await freePorts(20)), ...(await freePorts(20))];
  expect(new Set(ports).size).toBe(40);
  expect(Math.min(...ports)).toBeGreaterThanOrEqual(FIRST_PORT);
});
