import { describe, expect, it } from 'vitest';
import { publishMistakes } from '../../../client-proxy/config/check-publish.ts';
import { load, MINIMAL, mistakes } from './client-config-text.ts';

const published = (to: string, rest = '') => `${MINIMAL}publish: [{ listen: 1080, to: "${to}" }]\n${rest}`;
const USERS = 'users: [{ name: a, password: b }]';
const NETWORK = 'allow: [10.0.0.0/8]';

describe('a service that is published', () => {
  it.each([
    ['127.0.0.1:1080', ''],
    ['127.0.0.77:1080', ''],
    ['localhost:1080', ''],
    ['0.0.0.0:1080', ''],
    ['[::ffff:127.0.0.1]:1080', ''],
    ['127.0.0.1:1081', `socks: { listen: "0.0.0.0:1081", ${NETWORK} }`],
    ['[::1]:1081', `socks: { listen: ["127.0.0.1:1080", "[::]:1081"], ${NETWORK} }`],
    ['192.0.2.7:1081', `socks: { listen: "192.0.2.7:1081", ${NETWORK} }`],
    ['unix:/run//proxy', 'socks: { listen: "unix:/run/proxy" }'],
  ])('is not the proxy itself, which would be open to all: %s with "%s"', async (to, rest) => {
    expect(await mistakes(published(to, rest))).toEqual([
      expect.stringMatching(
        /^c.yaml:7:\d+: publish\[0\].to: this is the client itself \(socks.listen\), .*: add "users: /,
      ),
    ]);
  });

  it.each([
    ['127.0.0.1:9101', ''],
    ['127.0.0.1:9200', `socks: { ${USERS} }\nmetrics: { listen: "0.0.0.0:9200" }`],
  ])('is not where the metrics are: %s with "%s"', async (to, rest) => {
    expect(await mistakes(published(to, rest))).toEqual([
      expect.stringMatching(/^c.yaml:7:\d+: publish\[0\].to: this is the client itself \(metrics.listen\), /),
    ]);
  });

  it.each([
    ['127.0.0.1:1080', `socks: { ${USERS} }`],
    ['127.0.0.1:9101', 'metrics: false'],
    ['127.0.0.1:1081', ''],
    ['10.0.0.7:1080', ''],
    ['nas.example:1080', ''],
    ['unix:/run/other', 'socks: { listen: "unix:/run/proxy" }'],
    ['127.0.0.1:1080', 'socks: { listen: systemd }'],
    ['192.0.2.7:1081', `socks: { listen: "0.0.0.0:1081", ${NETWORK} }`],
  ])('may be another one, or have users: %s with "%s"', async (to, rest) => {
    expect((await load(published(to, rest))).publish).toHaveLength(1);
  });

  it.each([
    ['0.0.0.0', '198.51.100.4', true],
    ['::', 'fd00::4', true],
    ['::', 'fd00::5', false],
    ['127.0.0.1', '198.51.100.4', false],
  ])(
    'at an address of this machine is the proxy that listens at all of them: %s, %s',
    (host, to, isRefused) => {
      const socks = { listen: [{ host, port: 1080 }], users: [] };
      const found = publishMistakes({ publish: [{ to: { host: to, port: 1080 } }], socks, metrics: false }, [
        '198.51.100.4',
        'fd00:0::4',
      ]);
      expect(found.length).toBe(isRefused ? 1 : 0);
    },
  );

  it('needs a concentrator', async () => {
    const text = 'mode: direct\nuplinks: auto\npublish: [{ listen: 443, to: "127.0.0.1:8443" }]\n';
    expect(await mistakes(text)).toEqual([
      'c.yaml:3:10: publish: has no use with mode: direct, where no concentrator listens for visitors: take one of them out',
    ]);
  });
});
