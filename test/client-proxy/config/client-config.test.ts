import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clientSchema } from '../../../client-proxy/config/client-schema.ts';
import { describeReload, RELOAD_RULES } from '../../../client-proxy/config/describe-reload.ts';
import { loadClientConfig } from '../../../client-proxy/config/load-client-config.ts';
import { routeDestinations } from '../../../client-proxy/config/route-destinations.ts';
import { ConfigError } from '../../../shared/runtime/config/config-error.ts';
import { schemaKeyPaths } from '../../../shared/runtime/config/schema-keys.ts';
import { temporaryFile } from '../../config/temporary-directory.ts';

const KEY = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I';
const PIN = `sha256:${'A'.repeat(43)}`;

const MINIMAL = `concentrator:
  addresses: ["vps.example.org:8443"]
  pin: "${PIN}"
client: { id: laptop, key: ${KEY} }
uplinks:
  - { name: wifi, interface: wlan0 }
`;

function withUplinks(text: string): string {
  return MINIMAL.replace(/uplinks:[\s\S]*/, `uplinks: ${text}\n`);
}

async function load(text: string) {
  return loadClientConfig(await temporaryFile('c.yaml', text));
}

/** The messages without the directory. */
async function mistakes(text: string): Promise<string[]> {
  const file = await temporaryFile('c.yaml', text);
  const error = await loadClientConfig(file).then(
    () => expect.fail('the configuration was accepted'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ConfigError);
  expect((error as ConfigError).message).not.toContain(KEY);
  return (error as ConfigError).message.replaceAll(`${dirname(file)}/`, '').split('\n');
}

describe('a client configuration', () => {
  it('has documented defaults, in milliseconds and bytes, and is frozen', async () => {
    const config = await load(MINIMAL);
    expect(config).toMatchObject({
      concentrator: { addresses: [{ host: 'vps.example.org', port: 8443 }], pins: [{ text: PIN }] },
      client: { id: 'laptop', key: Buffer.from(KEY, 'base64url') },
      socks: {
        listen: { host: '127.0.0.1', port: 1080 },
        users: [],
        optimisticReply: { ports: [80, 443] },
        negotiationTimeoutMs: 10_000,
        maxConnections: 4096,
      },
      uplinks: [{ name: 'wifi', binding: { kind: 'interface', interface: 'wlan0' }, backup: false }],
      steering: { default: { mode: 'aggregate' }, rules: [] },
      lingerMs: 60_000,
      dial: { timeoutMs: 5_000, backoffMinMs: 500, backoffMaxMs: 8_000 },
      connections: { keepAliveMs: 300_000, stallTimeoutMs: 120_000 },
      memory: { perSessionBytes: 64 * 1024 * 1024 },
      metrics: { listen: { host: '127.0.0.1', port: 9101 }, hosts: [] },
      tuning: {},
      log: { level: 'info', format: 'auto' },
    });
    expect(Object.isFrozen(config.socks.listen)).toBe(true);
    expect(Object.isFrozen(config.uplinks)).toBe(true);
  });

  it('takes sections without a value as absent', async () => {
    expect((await load(`${MINIMAL}socks:\nlog:\n  level:\n`)).log.level).toBe('info');
  });

  it('reads every kind of uplink, and metrics turned off', async () => {
    const config =
      await load(`${MINIMAL}  - { name: b, address: "2001:db8::1", backup: true, congestionControl: bbr }
  - { name: c, proxy: "socks5://us%40er:pa%3Ass@[::1]:1081" }
  - { name: d, proxy: "socks5://relay.example.org" }
metrics: false
`);
    expect(config.metrics).toBeUndefined();
    expect(config.uplinks.slice(1)).toEqual([
      {
        name: 'b',
        binding: { kind: 'address', address: '2001:db8::1' },
        backup: true,
        congestionControl: 'bbr',
      },
      {
        name: 'c',
        binding: { kind: 'proxy', host: '::1', port: 1081, user: 'us@er', password: 'pa:ss' },
        backup: false,
      },
      { name: 'd', binding: { kind: 'proxy', host: 'relay.example.org', port: 1080 }, backup: false },
    ]);
  });

  it.each([
    ['', undefined],
    ['fallback: none', undefined],
    ['fallback: direct', { afterMs: 5_000 }],
    ['fallback: { after: 2s }', { afterMs: 2_000 }],
    ['fallback: { to: direct, after: 1m }', { afterMs: 60_000 }],
    ['fallback: { to: none, after: 1m }', undefined],
  ])('goes without the concentrator only if told to: "%s"', async (text, fallback) => {
    const config = await load(`${MINIMAL}${text}\n`);
    expect([config.fallback, config.direct]).toEqual([fallback, { stickyMs: 600_000 }]);
  });

  it('needs uplinks alone in mode direct', async () => {
    const config = await load('mode: direct\nuplinks: auto\n');
    expect(config).toMatchObject({
      mode: 'direct',
      unused: [],
      concentrator: { addresses: [], pins: [] },
      client: { id: '' },
    });
    expect(routeDestinations(config).map(({ host }) => host)).toEqual(['192.0.2.1', '2001:db8::1']);
  });

  it('tells in mode direct which sections it does not use', async () => {
    const config = await load(`mode: direct\n${MINIMAL}`);
    expect([config.unused, config.concentrator.addresses]).toEqual([['concentrator', 'client'], []]);
    expect(await mistakes('mode: direct\nuplinks: auto\nfallback: direct\n')).toEqual([
      'c.yaml:3:11: fallback: has no use with mode: direct, where everything goes directly: take one of them out',
    ]);
  });

  it('needs a concentrator and a client in the other mode, and says how to do without', async () => {
    const found = await mistakes('uplinks: auto\n');
    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(/^c.yaml:1:1: concentrator: missing: expected a map .*: "mode: direct"\)$/);
    expect(found[1]).toMatch(/^c.yaml:1:1: client: missing: /);
  });

  it('takes weights of uplinks', async () => {
    const config = await load(
      withUplinks('[{ name: a, interface: a, weight: 7 }, { name: b, interface: b }]'),
    );
    expect(config.uplinks.map(({ weight }) => weight)).toEqual([7, undefined]);
  });

  it.each([
    ['auto', { list: [], auto: { all: true, include: [], exclude: [], settings: [] } }],
    ['{ exclude: [eth1] }', { list: [], auto: { all: true, include: [], exclude: ['eth1'], settings: [] } }],
    [
      '{ auto: false, include: ["veth*"], settings: [{ match: "veth?", backup: true, subflowsPerPath: 2 }] }',
      {
        list: [],
        auto: {
          all: false,
          include: ['veth*'],
          exclude: [],
          settings: [{ match: 'veth?', backup: true, subflowsPerPath: 2 }],
        },
      },
    ],
    [
      '{ list: [{ name: wifi, interface: wlan0 }] }',
      {
        list: [{ name: 'wifi', binding: { kind: 'interface', interface: 'wlan0' }, backup: false }],
        auto: { all: true, include: [], exclude: [], settings: [] },
      },
    ],
  ])('reads uplinks: %s', async (text, { list, auto }) => {
    const { uplinks, autoUplinks } = await load(withUplinks(text));
    expect([uplinks, autoUplinks]).toEqual([list, auto]);
  });

  it.each([
    [
      'automatic',
      'uplinks: expected auto, a list of uplinks, or a map such as {auto: true, exclude: [eth1]}, found "automatic"',
    ],
    ['[]', 'uplinks: expected at least 1 entry, found a list'],
    ['{ auto: maybe }', 'uplinks.auto: expected true or false, found "maybe"'],
    ['{ auto: false }', 'uplinks: no uplinks: set auto to true, include some interfaces, or give a list'],
    ['{ exlude: [eth1] }', 'uplinks: unknown key "exlude": did you mean "exclude"?'],
    [
      '{ include: ["eth 1"] }',
      'uplinks.include[0]: expected a name of a network interface or a pattern, for example "wwan*" or "eth?" ' +
        '(1 to 32 characters), found "eth 1"',
    ],
    [
      '{ settings: [{ backup: true }] }',
      'uplinks.settings[0]: which interfaces is this for? Give match, mac, usbPath or iccid',
    ],
    [
      '{ settings: [{ mac: 0C-5B }] }',
      /^uplinks.settings\[0\].mac: expected a hardware address, for example/,
    ],
    ['{ settings: [{ usbPath: "1-1.2:1.0" }] }', /^uplinks.settings\[0\].usbPath: expected a USB port/],
    ['{ settings: [{ iccid: "8949" }] }', /^uplinks.settings\[0\].iccid: expected the number of a SIM card/],
    [
      '{ settings: [{ match: "*", plan: "my plan" }] }',
      /^uplinks.settings\[0\].plan: expected a name of 1 to/,
    ],
    [
      '{ settings: [{ match: "a*", plan: sim, metered: {} }, { match: "b*", plan: sim, metered: { daily: 1GB } }] }',
      /^uplinks.settings\[1\].metered: something else is said of plan sim elsewhere/,
    ],
    [
      '{ settings: [{ match: "*", backups: 1 }] }',
      'uplinks.settings[0]: unknown key "backups": did you mean "backup"?',
    ],
    [
      '{ list: [{ name: b }] }',
      'uplinks.list[0]: an uplink has one of interface, address and proxy; a proxy may have interface or address beside it',
    ],
    ['{ list: [{ nam: b }] }', /^uplinks.list\[0\]/],
    ['{ list: [~] }', /^uplinks.list\[0\]/],
  ])('refuses uplinks: %s', async (text, expected) => {
    const [found] = await mistakes(withUplinks(text));
    const said = found?.replace(/^c.yaml:5:\d+: /, '');
    expect(said).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected));
  });

  it('reads plans, whose costs may be said once, and by what their interfaces are known', async () => {
    const { uplinks, autoUplinks } = await load(
      withUplinks(`
  settings:
    - { mac: "0C:5B:8F:27:9A:64", plan: sim, metered: { monthly: 20MB, atCap: stop } }
    - { usbPath: 1-1.2, iccid: "8949000000000000001f", plan: sim }
    - { match: "wwan*", plan: other }
  list: [{ name: lte, interface: ppp0, plan: sim }]`),
    );
    const monthlyBytes = [20_000_000, 20_000_000, undefined];
    expect(autoUplinks!.settings.map(({ metered }) => metered?.monthlyBytes)).toEqual(monthlyBytes);
    expect(autoUplinks!.settings).toMatchObject([
      { mac: '0c:5b:8f:27:9a:64', plan: 'sim' },
      { usbPath: '1-1.2', iccid: '8949000000000000001F', plan: 'sim' },
      { match: 'wwan*', plan: 'other' },
    ]);
    expect(uplinks).toMatchObject([{ name: 'lte', plan: 'sim', metered: { monthlyBytes: 20_000_000 } }]);
  });

  it('reads what an uplink may cost, with defaults', async () => {
    const config = await load(`${MINIMAL}  - name: lte
    interface: wwan0
    metered:
      rateLimit: {down: 10Mbit/s, up: 2Mbit/s}
      daily: 500MB
      monthly: 20GB
      billingDay: 12
      timeZone: Europe/Berlin
      atCap: stop
      warnAt: 80%
  - { name: sat, interface: sat0, metered: { rateLimit: 500kbit/s } }
  - { name: dsl, interface: eth0, metered: { rateLimit: { up: 1.5Gbit/s }, monthly: 1TB } }
  - { name: counted, interface: eth1, metered: {} }
stateDir: state
`);
    const plain = { billingDay: 1, atCap: 'backup', warnAtShare: 0.75 };
    expect(config.uplinks.map(({ metered }) => metered)).toEqual([
      undefined,
      {
        rateLimit: { downBytesPerSecond: 1_250_000, upBytesPerSecond: 250_000 },
        dailyBytes: 500_000_000,
        monthlyBytes: 20_000_000_000,
        billingDay: 12,
        timeZone: 'Europe/Berlin',
        atCap: 'stop',
        warnAtShare: 0.8,
      },
      { ...plain, rateLimit: { downBytesPerSecond: 62_500, upBytesPerSecond: 62_500 } },
      {
        ...plain,
        rateLimit: { downBytesPerSecond: 0, upBytesPerSecond: 187_500_000 },
        monthlyBytes: 1_000_000_000_000,
      },
      { ...plain, rateLimit: { downBytesPerSecond: 0, upBytesPerSecond: 0 } },
    ]);
    expect(config.stateDirectory).toBe(join(dirname(config.file), 'state'));
    expect((await load(MINIMAL)).stateDirectory).toBeUndefined();
  });

  it.each([
    [
      'rateLimit: 10Mb',
      /^c.yaml:7:58: uplinks\[1\].metered.rateLimit: expected a rate such as .*, found "10Mb"$/,
    ],
    [
      'rateLimit: 10kbit/s',
      /rateLimit: expected a rate .* from 100kbit\/s to 100Gbit\/s, found "10kbit\/s"$/,
    ],
    [
      'rateLimit: { down: 10 }',
      /^c.yaml:7:66: uplinks\[1\].metered.rateLimit.down: expected a rate .* found 10/,
    ],
    ['rateLimit: { dwn: 10Mbit/s }', /rateLimit: unknown key "dwn": did you mean "down"\?$/],
    ['rateLimit: 7', /rateLimit: expected a rate such as 10Mbit\/s, or a map such as/],
    ['daily: 500', /metered.daily: expected a size .* from 1MiB to 1024TiB, found 500/],
    ['monthly: 20Gb', /metered.monthly: expected a size with its unit, .* found "20Gb"$/],
    ['billingDay: 32', /metered.billingDay: expected a whole number from 1 to 31, found 32/],
    [
      'timeZone: Europe/Berlun',
      /metered.timeZone: expected a time zone by its name, .* found "Europe\/Berlun"$/,
    ],
    ['atCap: block', /metered.atCap: expected backup or stop, found "block"$/],
    ['warnAt: 0%', /metered.warnAt: expected a share of the cap, from "1%" to "100%", found "0%"$/],
    ['weekly: 1GB', /metered: unknown key "weekly": known here are rateLimit, daily, monthly,/],
  ])('metered: { %s } is a mistake', async (keys, expected) => {
    const found = await mistakes(`${MINIMAL}  - { name: lte, interface: wwan0, metered: { ${keys} } }\n`);
    expect(found).toEqual([expect.stringMatching(expected)]);
  });

  it('reads the key from a file beside it', async () => {
    const keyFile = await temporaryFile('k', `${KEY}\n`);
    const config = await load(MINIMAL.replace(`key: ${KEY}`, `keyFile: ${keyFile}`));
    expect(config.client.key).toEqual(Buffer.from(KEY, 'base64url'));
  });

  it.each([
    [
      'socks: { listne: "127.0.0.1:1080" }',
      'c.yaml:7:10: socks: unknown key "listne": did you mean "listen"?',
    ],
    [
      'zzzz: 1',
      'c.yaml:7:1: unknown key "zzzz": known here are mode, concentrator, client, socks, uplinks, subflowsPerPath, paths, standby, steering, fallback, direct, linger, ' +
        'dial, connections, memory, stateDir, metrics, tuning, log',
    ],
    [
      'linger: 60',
      'c.yaml:7:9: linger: expected a duration with its unit, such as "250ms", "10s", "2m" or "1h30m", from 0ms to 1h, ' +
        'found 60 (a number)',
    ],
    [
      'linger: 3h',
      'c.yaml:7:9: linger: expected a duration with its unit, such as "250ms", "10s", "2m" or "1h30m", from 0ms to 1h, ' +
        'found "3h"',
    ],
    [
      'memory:\n  perSession: 64Mb',
      'c.yaml:8:15: memory.perSession: expected a size with its unit, such as "512KiB", "64MiB" or "1GB", from 1MiB to ' +
        '4GiB, found "64Mb"',
    ],
    ['paths: mesh', 'c.yaml:7:8: paths: expected per-uplink or per-family or fullmesh, found "mesh"'],
    ['standby: cold', 'c.yaml:7:10: standby: expected make-before-break or break-before-make, found "cold"'],
    [
      'socks: { maxConnections: 0 }',
      'c.yaml:7:26: socks.maxConnections: expected a whole number from 1 to 65536, found 0 (a number)',
    ],
    [
      'socks: { maxConnections: 1.5 }',
      'c.yaml:7:26: socks.maxConnections: expected a whole number from 1 to 65536, found 1.5 (a number)',
    ],
    [
      'socks: { listen: "localhost:1080" }',
      'c.yaml:7:18: socks.listen: expected ADDRESS:PORT to listen at, for example "127.0.0.1:1080" or "[::1]:1080", ' +
        'found "localhost:1080"',
    ],
    [
      'socks:\n  listen: "0.0.0.0:1080"',
      'c.yaml:8:11: socks.listen: other machines can reach this address and anyone could use the proxy: add "users: ' +
        '[{name: ..., password: ...}]" under socks, or listen at 127.0.0.1',
    ],
    [
      'socks: { users: [{ name: a, password: hunter2 }, { name: a, password: hunter3 }] }',
      'c.yaml:7:58: socks.users[1].name: a user of this name stands above',
    ],
    [
      'socks: { users: [{ name: a, password: 31337 }] }',
      'c.yaml:7:39: socks.users[0].password: expected a text of 1 to 255 bytes (in quotes if it looks like a number), ' +
        'found a number',
    ],
    [
      'socks: { optimisticReply: sometimes }',
      'c.yaml:7:27: socks.optimisticReply: expected always, never, or a map such as {ports: [80, 443]}, found "sometimes"',
    ],
    [
      'socks: { optimisticReply: { ports: [80, 0] } }',
      'c.yaml:7:41: socks.optimisticReply.ports[1]: expected a whole number from 1 to 65535, found 0 (a number)',
    ],
    [
      'socks: { optimisticReply: { ports: [80], prts: 1 } }',
      'c.yaml:7:42: socks.optimisticReply: unknown key "prts": did you mean "ports"?',
    ],
    [
      'metrics: true',
      'c.yaml:7:10: metrics: expected false, or a map such as {listen: "127.0.0.1:9101"}, found true (a boolean)',
    ],
    [
      'tuning: { receipts.intervalM: 3 }',
      'c.yaml:7:11: tuning: unknown key "receipts.intervalM": did you mean "receipts.intervalMs"?',
    ],
    [
      'tuning: { receipts.intervalMs: often }',
      'c.yaml:7:32: tuning.receipts.intervalMs: expected a number, found "often"',
    ],
    [
      'tuning: { receipts.intervalMs: .inf }',
      'c.yaml:7:32: tuning.receipts.intervalMs: expected a number, found Infinity (a number)',
    ],
    ['metrics: { lisen: x }', 'c.yaml:7:12: metrics: unknown key "lisen": did you mean "listen"?'],
    ['dial: { backoffMin: 10s, backoffMax: 1s }', 'c.yaml:7:38: dial.backoffMax: shorter than backoffMin'],
    [
      '  - { name: wifi, interface: eth0 }',
      'c.yaml:7:13: uplinks[1].name: an uplink of this name stands above',
    ],
    [
      '  - { name: b }',
      'c.yaml:7:5: uplinks[1]: an uplink has one of interface, address and proxy; a proxy may have interface or address beside it',
    ],
    [
      '  - { name: b, interface: eth0, address: 127.0.0.1 }',
      'c.yaml:7:5: uplinks[1]: an uplink has one of interface, address and proxy; a proxy may have interface or address beside it',
    ],
    [
      '  - { name: b, proxy: "socks5://user:hunter2@host" , interfce: x }',
      'c.yaml:7:54: uplinks[1]: unknown key "interfce": did you mean "interface"?',
    ],
    [
      '  - { name: b, proxy: "http://user:hunter2@host:80" }',
      'c.yaml:7:23: uplinks[1].proxy: expected "socks5://HOST:PORT" or "socks5://USER:PASSWORD@HOST:PORT" ' +
        '(percent-encode special characters), found a text that is not shown here',
    ],
    [
      '  - { name: "a b", interface: eth0 }',
      'c.yaml:7:13: uplinks[1].name: expected a name of 1 to 32 letters, digits, "_", "-" or ".", found "a b"',
    ],
    [
      '  - { name: b, address: 10.0.0.300 }',
      'c.yaml:7:25: uplinks[1].address: expected an IP address, found "10.0.0.300"',
    ],
    ['fallback: directly', /^c.yaml:7:11: fallback: expected none, direct, or a map such as/],
    ['fallback: { to: direct, after: 100ms }', /^c.yaml:7:\d+: fallback.after: /],
    ['direct: { sticky: 10 }', /^c.yaml:7:\d+: direct.sticky: expected a duration/],
    ['log: { level: loud }', /^c.yaml:7:15: log.level: expected trace or debug or .*, found "loud"$/],
    ['log: info', 'c.yaml:7:6: log: expected a map of keys and values, found "info"'],
    ['linger: 1s\nlinger: 2s', 'c.yaml:8:1: this key stands here twice'],
    ['socks:\n\tlisten: x', 'c.yaml:8:1: a tab is used as indentation: use blanks'],
    ['socks:\n  listen: [::1]:1080', /^c.yaml:8:\d+: not valid YAML here: .* needs quotes/],
    ['linger: *missing', 'c.yaml:1:1: an alias (*name) has no anchor'],
  ])('%s', async (addition, expected) => {
    const found = await mistakes(`${MINIMAL}${addition}\n`);
    expect(found[0]).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected));
    expect(found.join()).not.toContain('hunter');
    expect(found.join()).not.toContain('31337');
  });

  it('tells all mistakes of a file, in its order', async () => {
    const found = await mistakes(`concentrator:
  addresses: []
  pin: sha256:short
client: { id: "no good", key: ${KEY}x }
uplinks: 7
linger: soon
`);
    expect(found).toEqual([
      'c.yaml:2:14: concentrator.addresses: expected at least 1 entry, found a list',
      'c.yaml:3:8: concentrator.pin: expected a certificate pin: "sha256:" and 43 characters of base64url, found ' +
        '"sha256:short"',
      'c.yaml:4:15: client.id: expected a client name of 1 to 32 letters, digits, "_", "-" or ".", found "no good"',
      'c.yaml:4:31: client.key: expected a key: 32 bytes in base64url without padding (43 characters), found a text ' +
        'that is not shown here',
      'c.yaml:5:10: uplinks: expected auto, a list of uplinks, or a map such as {auto: true, exclude: [eth1]}, found 7 (a ' +
        'number)',
      expect.stringMatching(/^c.yaml:6:9: linger: expected a duration/),
    ]);
  });

  it('says what is missing, at the place where it belongs', async () => {
    expect(await mistakes('client: { id: a }\nuplinks: [{ interface: eth0 }]\nconcentrator:\n')).toEqual([
      expect.stringMatching(/^c.yaml:1:9: client: give the client either its key or a keyFile/),
      expect.stringMatching(/^c.yaml:2:11: uplinks\[0\].name: missing: expected a name/),
      expect.stringMatching(/^c.yaml:3:1: concentrator: missing: expected a map of keys and values /),
    ]);
    expect(await mistakes('')).toHaveLength(3);
    expect(await mistakes('- a list')).toEqual([
      'c.yaml:1:1: expected a map of keys and values, found a list',
    ]);
  });

  it.each([
    // The key under another name, without its blank, in a broken file, as an unknown key, inside a link.
    MINIMAL.replace('id: laptop', `id: "${KEY}"`),
    MINIMAL.replace(`{ id: laptop, key: ${KEY} }`, `key:${KEY}`),
    MINIMAL.replace(`key: ${KEY}`, `key:${KEY}`),
    MINIMAL.replace(`key: ${KEY}`, `key: "${KEY}`),
    MINIMAL.replace(`key: ${KEY}`, `${KEY}: key`),
    MINIMAL.replace(`key: ${KEY}`, `key: ${KEY} : ${KEY}`),
    MINIMAL.replace(`key: ${KEY}`, `key: [${KEY}]`),
    MINIMAL.replace(`key: ${KEY}`, `key: !${KEY} 1`),
    MINIMAL.replace(`key: ${KEY}`, `key: *${KEY}`),
    MINIMAL.replace('"vps.example.org:8443"', `"tributary://laptop:${KEY}@vps.example.org:8443/"`),
    MINIMAL.replace('laptop', 'laptop, keyFile: x'),
  ])('never shows the key: variant %#', async (text) => {
    expect(await mistakes(text)).not.toHaveLength(0);
  });

  it('takes the roles of uplinks, and says what is wrong with one', async () => {
    const withRole = (role: string) => withUplinks(`[{ name: lte, interface: wwan0, ${role} }]`);
    const { uplinks } = await load(withRole('joinAboveUtilization: 80%, standby: break-before-make'));
    expect(uplinks[0]).toMatchObject({ joinAboveUtilization: 0.8, standby: 'break-before-make' });
    const inSettings = '{ settings: [{ match: "w*", backup: true, joinAboveUtilization: 50% }] }';
    const idle = /joinAboveUtilization: a backup carries data only when nothing else works/;
    expect((await mistakes(withUplinks(inSettings))).join()).toMatch(idle);
    expect((await mistakes(withRole('backup: true, joinAboveUtilization: 80%'))).join()).toMatch(idle);
    for (const wrong of ['0.8', '80', '101%', '0%', 'often']) {
      expect((await mistakes(withRole(`joinAboveUtilization: ${wrong}`))).join(), wrong).toContain(
        'expected a percentage from 1% to 100%, for example 80%',
      );
    }
  });

  it('takes what an uplink costs and when it is a backup, in the list and by a pattern', async () => {
    const settings =
      'costPerGB: [{ between: "1:00-7:00 UTC", cost: 0 }, { cost: 2.5 }], backup: { between: "18:00-23:00", aboveCost: 1 }';
    const expected = {
      backup: false,
      backupWhen: { between: [{ text: '18:00-23:00' }], aboveCost: 1 },
      costs: [{ between: [{ timeZone: 'UTC' }], cost: 0 }, { cost: 2.5 }],
    };
    const { uplinks } = await load(withUplinks(`[{ name: lte, interface: wwan0, ${settings} }]`));
    expect(uplinks).toMatchObject([expected]);
    const { autoUplinks } = await load(withUplinks(`{ settings: [{ match: "w*", ${settings} }] }`));
    expect(autoUplinks?.settings).toMatchObject([{ match: 'w*', ...expected }]);
    const plain = await load(withUplinks('[{ name: lte, interface: wwan0, costPerGB: 2, backup: true }]'));
    expect(plain.uplinks).toMatchObject([{ costs: [{ cost: 2 }], backup: true }]);
  });

  it.each([
    ['backup: {}', /backup: says nothing about when: add between, or aboveCost; or write true/],
    ['backup: sometimes', /backup: expected true or false, or when: a map/],
    ['backup: { between: "18:00" }', /backup.between: expected a time of day such as/],
    ['backup: { aboveCost: 1 }', /backup.aboveCost: needs the cost of this uplink: add costPerGB/],
    ['costPerGB: -1', /costPerGB: expected a number from 0/],
    ['costPerGB: []', /costPerGB: expected at least 1 entry/],
    ['costPerGB: [{ between: "1:00-7:00" }]', /costPerGB\[0\].cost: missing: expected a number from 0/],
  ])('a mistake about time or cost: %s', async (settings, expected) => {
    expect((await mistakes(withUplinks(`[{ name: lte, interface: wwan0, ${settings} }]`))).join()).toMatch(
      expected,
    );
    const inSettings = `{ settings: [{ match: "w*", ${settings} }] }`;
    expect((await mistakes(withUplinks(inSettings))).join()).toMatch(expected);
  });

  it('points at a key file that cannot be used', async () => {
    expect(await mistakes(MINIMAL.replace('key:', 'keyFile:'))).toEqual([
      'c.yaml:4:32: client.keyFile: expected the name of a file; this is a key itself, and belongs under client.key',
    ]);
    const absent = await mistakes(MINIMAL.replace(`key: ${KEY}`, 'keyFile: absent.key'));
    expect(absent).toEqual(['c.yaml:4:32: client.keyFile: cannot read absent.key: there is no such file']);
    const wrong = await temporaryFile('k', `${KEY}${KEY}`);
    expect((await mistakes(MINIMAL.replace(`key: ${KEY}`, `keyFile: ${wrong}`)))[0]).toMatch(
      /expected the file to hold/,
    );
  });

  it('says so when the file itself cannot be read', async () => {
    await expect(loadClientConfig('/nonexistent/c.yaml')).rejects.toThrow('there is no such file');
    await expect(loadClientConfig('/dev/zero')).rejects.toThrow('is not a file');
    await expect(load(`#${'x'.repeat(2 * 1024 * 1024)}`)).rejects.toThrow('larger than');
  });
});

describe('a reload', () => {
  it('takes other uplinks over', async () => {
    const before = await load(MINIMAL);
    expect(describeReload(before, await load(withUplinks('auto'))).live).toEqual(['uplinks']);
    expect(describeReload(before, await load(`${MINIMAL}subflowsPerPath: 2\n`)).live).toEqual([
      'subflowsPerPath',
    ]);
  });

  it('takes the log level over, and names what waits for a restart', async () => {
    const before = await load(MINIMAL);
    const tuning = 'tuning: { receipts.intervalMs: 7 }';
    const after = await load(`${MINIMAL}log: { level: debug }\nlinger: 5s\n${tuning}\n`);
    expect(describeReload(before, { ...before })).toEqual({ live: [], restart: [] });
    expect(after.tuning).toEqual({ 'receipts.intervalMs': 7 });
    expect(describeReload(before, after)).toEqual({ live: ['log.level'], restart: ['linger', 'tuning'] });
  });

  it('takes pins and key over, but not those of another client or concentrator', async () => {
    const before = await load(MINIMAL);
    const other = `sha256:${'B'.repeat(42)}E`;
    const rotated = MINIMAL.replace(`"${PIN}"`, `["${PIN}", "${other}"]`).replace(KEY, `b${KEY.slice(1)}`);
    const after = await load(rotated);
    expect(after.concentrator.pins.map(({ text }) => text)).toEqual([PIN, other]);
    expect(describeReload(before, after)).toEqual({ live: ['concentrator.pin', 'client.key'], restart: [] });
    const elsewhere = await load(rotated.replace('vps.example.org', 'other.example.org'));
    expect(describeReload(before, elsewhere)).toEqual({
      live: [],
      restart: ['concentrator.addresses', 'concentrator.pin', 'client.key'],
    });
  });

  it('knows every key', () => {
    const known = RELOAD_RULES.map(({ key }) => key);
    const covered = (path: string) =>
      known.some((key) => path === key || path.startsWith(`${key}.`) || path.startsWith(`${key}[`));
    const isParent = (path: string) => known.some((key) => key.startsWith(`${path}.`));
    expect(schemaKeyPaths(clientSchema).filter((path) => !covered(path) && !isParent(path))).toEqual([]);
  });
});
