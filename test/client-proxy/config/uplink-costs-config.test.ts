import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { load, MINIMAL, mistakes, withUplinks } from './client-config-text.ts';

describe('what uplinks cost, in a client configuration', () => {
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

  it('takes the costs of a plan that is another uplink, or another entry', async () => {
    const cap = (text: string) => `metered: { monthly: ${text}, atCap: stop }`;
    const caps = (entries: readonly { readonly metered?: { readonly monthlyBytes?: number } }[]) =>
      entries.map(({ metered }) => metered?.monthlyBytes);
    const lte = '{ name: lte, interface: wwan0';
    const lte2 = '{ name: lte2, interface: wwan1, plan: lte';
    expect(caps((await load(withUplinks(`[${lte}, ${cap('20MB')} }, ${lte2} }]`))).uplinks)).toEqual([
      2e7, 2e7,
    ]);
    expect(caps((await load(withUplinks(`[${lte} }, ${lte2}, ${cap('20MB')} }]`))).uplinks)).toEqual([
      2e7, 2e7,
    ]);
    expect(await mistakes(withUplinks(`[${lte}, ${cap('20MB')} }, ${lte2}, ${cap('30MB')} }]`))).toEqual([
      expect.stringContaining('uplinks[1].metered: something else is said of plan lte elsewhere'),
    ]);
    const settings = (first: string, second: string) =>
      withUplinks(`{ settings: [{ match: wwan9${first} }, { match: eth5, plan: wwan9${second} }] }`);
    const { autoUplinks } = await load(settings(`, ${cap('20MB')}`, ''));
    expect(caps(autoUplinks!.settings)).toEqual([2e7, 2e7]);
    expect(await mistakes(settings(`, ${cap('20MB')}`, `, ${cap('30MB')}`))).toEqual([
      expect.stringContaining('uplinks.settings[1].metered: something else is said of plan wwan9 elsewhere'),
    ]);
  });

  it('reads what an uplink may cost, with defaults', async () => {
    const config = await load(`${MINIMAL}  - name: lte
    interface: wwan0
    metered:
      rateLimit: {down: 10Mbit/s, up: 2000.001kbit/s}
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
        // In whole bytes.
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
    ['backup: { between: "mo-fr 18:00-23:00" }', /backup.between: no day is called "mo": days are sun, mon/],
    ['costPerGB: [{ between: "1:00-7:00 Mars", cost: 0 }]', /between: no time zone is called "Mars"/],
    ['backup: { between: "18:00" }', /backup.between: expected a time of day such as/],
    ['backup: { aboveCost: 1 }', /backup.aboveCost: needs the cost of this uplink: add costPerGB/],
    ['costPerGB: -1', /costPerGB: expected a number from 0/],
    ['costPerGB: []', /costPerGB: expected at least 1 entry/],
    ['costPerGB: [{ between: "1:00-7:00" }]', /costPerGB\[0\].cost: missing: expected a number from 0/],
    [
      'costPerGB: [{ cost: 2 }, { between: "1:00-7:00", cost: 0 }]',
      /costPerGB\[1\]: never counts, since entry \[0\] does whenever it would: move it up, or take it out/,
    ],
    [
      'costPerGB: [{ between: "1:00-7:00", cost: 1 }, { between: ["1:00-7:00"], cost: 0 }, { cost: 2 }]',
      /costPerGB\[1\]: never counts, since entry \[0\]/,
    ],
  ])('a mistake about time or cost: %s', async (settings, expected) => {
    expect((await mistakes(withUplinks(`[{ name: lte, interface: wwan0, ${settings} }]`))).join()).toMatch(
      expected,
    );
    const inSettings = `{ settings: [{ match: "w*", ${settings} }] }`;
    expect((await mistakes(withUplinks(inSettings))).join()).toMatch(expected);
  });
});
