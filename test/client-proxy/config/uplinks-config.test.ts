import { describe, expect, it } from 'vitest';
import { load, MINIMAL, mistakes, withUplinks } from './client-config-text.ts';

describe('the uplinks of a client configuration', () => {
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

  it.each([
    ['nameServers: [9.9.9.9, "2620:fe::fe", "[2620:fe::fe]:53"], interface: eth0', undefined],
    [
      'nameServers: [dns.example.org], interface: eth0',
      /^c.yaml:7:\d+: uplinks\[1\].nameServers\[0\]: expected the address of/,
    ],
    [
      'nameServers: [9.9.9.9], proxy: "socks5://127.0.0.1:1"',
      /^c.yaml:7:\d+: uplinks\[1\].nameServers: has no use here: the proxy/,
    ],
  ])('reads an uplink with %s, or says what is wrong', async (keys, expected) => {
    const text = `${MINIMAL}  - { name: extra, ${keys} }\n`;
    if (expected === undefined) expect((await load(text)).uplinks[1]?.nameServers).toHaveLength(3);
    else expect((await mistakes(text))[0]).toMatch(expected);
  });
});
