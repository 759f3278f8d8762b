import { describe, expect, it } from 'vitest';
import { clientSchema } from '../../../client-proxy/config/client-schema.ts';
import { describeReload, RELOAD_RULES, takenOver } from '../../../client-proxy/config/describe-reload.ts';
import { loadClientConfig } from '../../../client-proxy/config/load-client-config.ts';
import { schemaKeyPaths } from '../../../shared/runtime/config/schema-keys.ts';
import { changedConfig } from '../../config/changed-config.ts';
import { temporaryFile } from '../../config/temporary-directory.ts';
import { KEY, load, MINIMAL, mistakes, PIN, withUplinks } from './client-config-text.ts';

describe('a client configuration', () => {
  it('has documented defaults, in milliseconds and bytes, and is frozen', async () => {
    const config = await load(MINIMAL);
    expect(config).toMatchObject({
      concentrator: { addresses: [{ host: 'vps.example.org', port: 8443 }], pins: [{ text: PIN }] },
      client: { id: 'laptop', key: Buffer.from(KEY, 'base64url') },
      socks: {
        listen: [{ host: '127.0.0.1', port: 1080 }],
        users: [],
        allow: [],
        optimisticReply: { ports: [80, 443] },
        bindFromAnyone: false,
        negotiationTimeoutMs: 10_000,
        maxConnections: 4096,
        udp: true,
      },
      datagrams: true,
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

  it.each([
    ['"[::1]:1080"', [{ host: '::1', port: 1080 }]],
    ['systemd', [{ systemd: 'all' }]],
    [
      '["127.0.0.1:0", "unix:/run/a b", "systemd:tls-1"]',
      [{ host: '127.0.0.1', port: 0 }, { path: '/run/a b', mode: 0o640 }, { systemd: 'tls-1' }],
    ],
  ])('listens at %s', async (listen, points) => {
    const { socks } = await load(`${MINIMAL}socks: { listen: ${listen}, socketMode: "640" }`);
    expect(socks.listen).toEqual(points);
  });

  it.each([
    ['192.168.9.0/24', ['192.168.9.0/24']],
    ['[10.0.0.7, "2001:DB8::/32"]', ['10.0.0.7/32', '2001:db8::/32']],
  ])('lets in %s in place of users', async (allow, networks) => {
    const { socks } = await load(`${MINIMAL}socks: { listen: "0.0.0.0:1080", allow: ${allow} }`);
    expect([socks.allow, socks.users]).toEqual([networks, []]);
  });

  it('takes sections without a value as absent', async () => {
    expect((await load(`${MINIMAL}socks:\nlog:\n  level:\n`)).log.level).toBe('info');
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
      'c.yaml:7:1: unknown key "zzzz": known here are mode, concentrator, concentrators, client, socks, transparent, datagrams, uplinks, subflowsPerPath, paths, standby, steering, publish, fallback, direct, linger, ' +
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
        'or "unix:/PATH", or systemd, found "localhost:1080"',
    ],
    [
      'socks:\n  listen: "0.0.0.0:1080"',
      'c.yaml:8:11: socks.listen: other machines can reach this address and anyone could use the proxy: add "users: ' +
        '[{name: ..., password: ...}]" or "allow: [192.168.9.0/24]" under socks, or listen at 127.0.0.1',
    ],
    [
      'socks:\n  listen: ["127.0.0.1:1080", "192.168.9.1:1080"]',
      'c.yaml:8:30: socks.listen[1]: other machines can reach this address and anyone could use the proxy: add "users: ' +
        '[{name: ..., password: ...}]" or "allow: [192.168.9.0/24]" under socks, or listen at 127.0.0.1',
    ],
    [
      'socks:\n  listen: ["127.0.0.1:1080", "unix:socks"]',
      'c.yaml:8:30: socks.listen[1]: expected ADDRESS:PORT to listen at, for example "127.0.0.1:1080" or "[::1]:1080", ' +
        'or "unix:/PATH", or systemd, found "unix:socks"',
    ],
    [
      'socks:\n  listen: ["unix:/run/socks", "[::1]:1080", "unix:/run/socks"]',
      'c.yaml:8:45: socks.listen[2]: stands above already',
    ],
    [
      `socks:\n  listen: "unix:/${'\u00e4'.repeat(54)}"`,
      'c.yaml:8:11: socks.listen: the path of a Unix socket has at most 107 bytes',
    ],
    [
      'socks: { socketMode: 0660 }',
      'c.yaml:7:22: socks.socketMode: expected permissions in octal and in quotes, for example "0660", found 660 (a number)',
    ],
    [
      'socks: { allow: [192.168.9.1/24] }',
      'c.yaml:7:18: socks.allow[0]: expected a network or address such as "10.0.0.0/8", "192.0.2.7" or "2001:db8::/32" ' +
        '(with its host bits zero), found "192.168.9.1/24"',
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

  it('takes over who may connect by address, and no other key of the port', async () => {
    const before = await load(MINIMAL);
    const after = await load(`${MINIMAL}socks: { allow: 10.0.0.0/8, listen: "[::1]:1080" }\n`);
    expect(describeReload(before, after)).toEqual({ live: ['socks.allow'], restart: ['socks'] });
  });

  it('takes pins and key over, and another concentrator', async () => {
    const before = await load(MINIMAL);
    const other = `sha256:${'B'.repeat(42)}E`;
    const rotated = MINIMAL.replace(`"${PIN}"`, `["${PIN}", "${other}"]`).replace(KEY, `b${KEY.slice(1)}`);
    const after = await load(rotated);
    expect(after.concentrator.pins.map(({ text }) => text)).toEqual([PIN, other]);
    expect(describeReload(before, after)).toEqual({ live: ['concentrator.pin', 'client.key'], restart: [] });
    const elsewhere = await load(rotated.replace('vps.example.org', 'other.example.org'));
    expect(describeReload(before, elsewhere)).toEqual({
      live: ['concentrator.addresses', 'concentrator.pin', 'client.key'],
      restart: [],
    });
  });

  it('takes nothing of another mode over: it needs a restart', async () => {
    const before = await load(`${MINIMAL}fallback: direct\n`);
    const after = await load(`${MINIMAL}mode: direct\nlog: { level: debug }\n`);
    const { live, restart } = describeReload(before, after);
    expect(live).toEqual(['log.level']);
    expect(restart).toEqual(expect.arrayContaining(['mode', 'concentrators', 'client.key', 'fallback']));
    expect(describeReload(after, before).live).toEqual(['log.level']);
  });

  it('that takes back what waits for a restart says that nothing does', async () => {
    const before = await load(`${MINIMAL}fallback: direct\n`);
    const direct = await load(
      `${MINIMAL}mode: direct\nlinger: 5s\nlog: { level: debug }\nsocks: { allow: 10.0.0.0/8 }\n`,
    );
    const holds = takenOver(before, direct);
    expect(describeReload(holds, direct).live).toEqual([]);
    expect(describeReload(holds, before)).toEqual({ live: ['socks.allow', 'log.level'], restart: [] });
    const without = await load(MINIMAL);
    expect(describeReload(takenOver(before, without), without)).toEqual({ live: [], restart: [] });
  });

  it('leaves what waits for a restart as it was, in all that is told of what holds', async () => {
    const before = await load(MINIMAL);
    const unsaid = { transparent: 1, autoUplinks: 1, fallback: 1, stateDirectory: 1, metrics: 1 };
    const other = changedConfig({ ...unsaid, ...before }) as typeof before;
    const concentrators = before.concentrators.map(
      (one) => changedConfig({ keyFile: 'key', ...one }) as typeof one,
    );
    const after = { ...other, concentrators };
    const inSameMode = { ...after, mode: before.mode };
    const elsewhere = takenOver(before, after);
    const holds = takenOver(before, inSameMode);
    for (const { key, value, applies } of RELOAD_RULES) {
      expect(value(after), key).not.toEqual(value(before));
      expect(value(holds), key).toEqual(value(applies === 'live' ? after : before));
      const isKept = applies === 'restart' || /^(concentrator|client|publish|fallback)/.test(key);
      expect(value(elsewhere), key).toEqual(value(isKept ? before : after));
    }
    expect([holds.concentrator, holds.client]).toEqual([after.concentrator, after.client]);
    // What is not said any more is gone.
    const [gone, kept] = [Object.keys(takenOver(inSameMode, before)), Object.keys(inSameMode)];
    expect(kept.filter((name) => !gone.includes(name))).toEqual(['autoUplinks', 'fallback']);
  });

  it('knows every key', () => {
    const known = RELOAD_RULES.map(({ key }) => key);
    const covered = (path: string) =>
      known.some((key) => path === key || path.startsWith(`${key}.`) || path.startsWith(`${key}[`));
    const isParent = (path: string) => known.some((key) => key.startsWith(`${path}.`));
    expect(schemaKeyPaths(clientSchema).filter((path) => !covered(path) && !isParent(path))).toEqual([]);
  });
});
