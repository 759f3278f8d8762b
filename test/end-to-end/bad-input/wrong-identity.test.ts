import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Pair } from '../support/pair.ts';

describe('a client proxy', () => {
  it('does not trust a concentrator with another certificate, and says what to do', async () => {
    const pin = `sha256:${createHash('sha256').update('another certificate').digest('base64url')}`;
    const pair = await Pair.start({ pin, clientSays: 'a certificate other than the pinned one' });
    const { status, text } = await pair.get('client', '/readyz');
    expect(status).toBe(503);
    expect(text).toContain('no session with the concentrator');
    expect(text).toContain('change the pin');
    const metrics = await pair.metrics('concentrator');
    expect(metrics.sum('tributary_handshakes_total', { result: 'hello' })).toBe(0);
    await pair.close();
  });

  it('with a wrong key: is not let in, and says what to check', async () => {
    const key = randomBytes(32).toString('base64url');
    const pair = await Pair.start({
      clientSays: 'with this key?',
      client: { client: { id: 'laptop', key } },
    });
    const { status, text } = await pair.get('client', '/readyz');
    expect(status).toBe(503);
    expect(text).toContain("is this client's id in its list, with this key?");
    expect(pair.client.output + pair.concentrator.output).not.toContain(key);
    await pair.close();
  });
});
