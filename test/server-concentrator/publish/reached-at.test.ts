import { expect, it } from 'vitest';
import { reachedAt, reachedByAll } from '../../../server-concentrator/publish/reached-at.ts';

/** The kernel connects no socket to it without a privilege, so it stands for a host without a route. */
const UNREACHABLE = '255.255.255.255';

it.each([
  [['127.0.0.1'], '127.0.0.1'],
  [['::1', '127.0.0.1'], '::1'],
  [['127.0.0.1', '::1'], '127.0.0.1'],
  [[UNREACHABLE, '127.0.0.1', '::1'], '::1'],
])('somebody at %s reaches this machine at %s', async (addresses, local) => {
  expect(await reachedAt(addresses, [])).toBe(local);
});

it('everybody reaches it at its public address of the family', async () => {
  const addresses = ['vps.example', '203.0.113.5', '2001:db8::5', '203.0.113.6'];
  const configured = addresses.map((host) => ({ host, port: 8443 }));
  expect(await reachedByAll(4, configured)).toBe('203.0.113.5');
  expect(await reachedByAll(6, configured)).toBe('2001:db8::5');
});

it('fails with what the peer can be told where no family has a way', async () => {
  await expect(reachedAt([UNREACHABLE, '127.0.0.1'], [])).rejects.toMatchObject({
    code: 'networkFailure',
    message: expect.stringMatching(/^this machine has no way to 255\.255\.255\.255: .+ \([A-Z]+\)$/),
  });
});
