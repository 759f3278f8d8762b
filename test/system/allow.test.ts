/*
 * Who may use the client by its address, on the network of support/namespaces.ts: the machine at the other end of wan0 (10.78.1.1)
 * is let in, the one at the other end of wan1 (10.78.2.1) is not.
 */
import { expect, test } from 'vitest';
import { SOCKS } from './support/pair.ts';
import { describeSystem } from './support/system.ts';

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 40, upMbps: 40 },
];
const INSIDE = '10.78.1.2:1080';
const OUTSIDE = '10.78.2.2:1080';
const INSIDE_V6 = '[fd78:0:0:1::2]:1080';
const OUTSIDE_V6 = '[fd78:0:0:2::2]:1080';
const ALLOW = ['10.78.1.0/24', 'fd78:0:0:1::/64'];
const USERS = [{ name: 'alice', password: 'secret' }];

describeSystem('socks.allow', { paths, congestionControl: 'cubic' }, (system) => {
  const start = async (socks: object) => {
    const { pair } = system();
    await pair.amend(pair.clientFile, { socks });
    await pair.start();
  };
  /** What curl gets through the client from the other end of a path: the page, or its exit code. */
  const fetchOver = (proxy: string, from = system().network.concentrator, login = '') =>
    from.exec('sh', [
      '-c',
      `curl -sS --max-time 10 ${login} --socks5-hostname '${proxy}' ${system().pair.origin.url}/peer || echo "curl $?"`,
    ]);

  for (const listen of [['0.0.0.0:1080', '[::1]:1080'], '[::]:1080']) {
    test(`lets in who has the right address, at ${listen}`, async () => {
      await start({ listen, allow: ALLOW });
      const { network, pair } = system();
      const isDualStack = listen === '[::]:1080';
      const page = await fetchOver(INSIDE);
      expect(page).not.toContain('curl');
      // This machine itself.
      expect(await fetchOver(SOCKS, network.client)).toBe(page);
      expect(await fetchOver('[::1]:1080', network.client)).toBe(page);
      if (isDualStack) expect(await fetchOver(INSIDE_V6)).toBe(page);
      // 97: the proxy does not answer; 56, 55 and 35: the connection was reset.
      const refusals = [OUTSIDE, ...(isDualStack ? [OUTSIDE_V6] : [])];
      for (const proxy of refusals) expect(await fetchOver(proxy)).toMatch(/^curl (97|56|55|35|7)$/m);
      expect(await pair.client.metric('tributary_application_accepts_total', { result: 'notAllowed' })).toBe(
        refusals.length,
      );
      expect(pair.client.log.filter(({ msg }) => msg.startsWith('an application was refused')).length).toBe(
        refusals.length,
      );
    });
  }

  test('wants the address and the password where both are set', async () => {
    await start({ listen: '0.0.0.0:1080', allow: ALLOW, users: USERS });
    const login = '--proxy-user alice:secret';
    expect(await fetchOver(INSIDE, undefined, login)).not.toContain('curl');
    expect(await fetchOver(INSIDE)).toMatch(/^curl 97$/m);
    expect(await fetchOver(OUTSIDE, undefined, login)).toMatch(/^curl (97|56|55|35|7)$/m);
    // Loopback needs no address, and a password as before.
    expect(await fetchOver(SOCKS, system().network.client)).toMatch(/^curl 97$/m);
    expect(await fetchOver(SOCKS, system().network.client, login)).not.toContain('curl');
  });

  test('takes other networks over while it runs', async () => {
    await start({ listen: '0.0.0.0:1080', allow: ALLOW });
    const { pair } = system();
    expect(await fetchOver(OUTSIDE)).toContain('curl');
    const since = pair.client.log.length;
    await pair.reload('client', { socks: { listen: '0.0.0.0:1080', allow: '10.78.2.0/24' } });
    const { live } = await pair.client.untilLog(({ msg }) => msg === 'reloaded', { since });
    expect(live).toEqual(['socks.allow']);
    expect(await fetchOver(OUTSIDE)).not.toContain('curl');
    expect(await fetchOver(INSIDE)).toContain('curl');
  });
});
