/*
 * Names, on a network (support/namespaces.ts) where a name server answers behind each path: 10.78.1.1 at the other end of wan0, and
 * 10.78.2.1 at that of wan1. The client's resolv.conf is its own.
 */
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { NameServer } from './support/name-server.ts';
import { type ConfiguredUplink, SOCKS } from './support/pair.ts';
import { fakeResolvectl, resetNameServers, setNameServers } from './support/resolv-conf.ts';
import { describeSystem, report } from './support/system.ts';
import { shownPrefix, startTranslator, translated } from './support/translator.ts';

const VPS = 'vps.test';
const BANK = 'bank.test';
/** From the start of the client to its first subflow; with as much again for a machine that is busy. */
const READY_MS = 3_000;
const BUSY_MS = 3_000;
const FIRST = '10.78.1.1';
const SECOND = '10.78.2.1';
const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 40, upMbps: 40 },
];
const WAN0: ConfiguredUplink = { name: 'wan0', interface: 'wan0' };
const WAN1: ConfiguredUplink = { name: 'wan1', interface: 'wan1' };

describeSystem('a concentrator that is known by name', { paths, congestionControl: 'cubic' }, (system) => {
  const servers = new Map<string, NameServer>();
  const startServers = async () => {
    const { concentrator, origin } = system().network;
    const names = [`${VPS}=${concentrator.address.v4}`, `${BANK}=${origin.address.v4}`];
    for (const address of [FIRST, SECOND]) {
      servers.set(address, await NameServer.start(concentrator, names, address));
    }
  };
  beforeAll(async () => {
    const { network, pair } = system();
    await network.concentrator.sysctl({ 'net.ipv4.ip_forward': 1 });
    const near = network.origin.address.v4.replace(/\d+$/, '1');
    await network.origin.ip(4, [`route add 10.78.1.0/24 via ${near}`, `route add 10.78.2.0/24 via ${near}`]);
    await startServers();
    await pair.startConcentrator();
  });
  afterAll(async () => {
    for (const server of servers.values()) server.stop();
    await resetNameServers(system().network.client);
  });

  test.each<[string, readonly string[], readonly ConfiguredUplink[], Readonly<Record<string, string>>]>([
    ['the second has name servers of its own', [FIRST], [WAN0, { ...WAN1, nameServers: [SECOND] }], {}],
    ['theirs stands second in resolv.conf', [FIRST, SECOND], [WAN0, WAN1], {}],
    [
      'systemd-resolved knows those of the links',
      ['127.0.0.53'],
      [WAN0, WAN1],
      { wan0: FIRST, wan1: SECOND },
    ],
    [
      'they are bound by address',
      ['127.0.0.53'],
      [
        { name: 'wan0', address: '10.78.1.2' },
        { name: 'wan1', address: '10.78.2.2' },
      ],
      { wan0: FIRST, wan1: SECOND },
    ],
  ])('is found though the first uplink is dead: %s', async (how, resolvConf, uplinks, links) => {
    await forget();
    await setNameServers(system().network.client, resolvConf);
    await useResolvectl(links);
    await blackHole('wan0');
    report(`${how}: ready after ${await readyMs(uplinks)} ms`);
  });

  test('is found where it was the last time, when no name server answers', async () => {
    await forget();
    await setNameServers(system().network.client, [FIRST, SECOND]);
    await readyMs([WAN0, WAN1]);
    for (const server of servers.values()) server.stop();
    onTestFinished(startServers);
    await setNameServers(system().network.client, ['10.78.1.77', '10.78.2.77']);
    report(`without name servers: ready after ${await readyMs([WAN0, WAN1])} ms`);
    await blackHole('wan0');
    report(`and with the first uplink dead: ready after ${await readyMs([WAN0, WAN1])} ms`);
  });

  test('says so where nobody knows it', async () => {
    await forget();
    await setNameServers(system().network.client, ['127.0.0.53']);
    await useResolvectl({ wan1: SECOND });
    const { pair } = system();
    await atName('other.test', () => pair.startClient([WAN1]));
    const { reason } = await pair.client.untilLog(({ msg }) => msg === 'uplink not usable');
    expect(reason).toBe(
      'no connection to other.test:8443: other.test could not be resolved: there is no such name',
    );
  });

  test('direct by name, under systemd-resolved: the name servers of the link are asked, over it', async () => {
    const { network, pair } = system();
    await setNameServers(network.client, ['127.0.0.53']);
    await useResolvectl({ wan0: FIRST, wan1: SECOND });
    await pair.amend(pair.clientFile, {
      steering: { rules: [{ host: BANK, direct: 'wan1' }] },
      socks: { listen: SOCKS },
    });
    await pair.startClient([WAN0, WAN1]);
    const { queries } = servers.get(SECOND)!;
    const since = queries.length;
    const args = ['-sS', '--fail', '--max-time', '20', '--socks5-hostname', SOCKS];
    const peer = await network.client.exec('curl', [...args, `http://${BANK}:8080/peer`]);
    const wan1 = network.path('wan1').address.v4;
    expect(peer).toBe(wan1);
    const asked = queries.slice(since).filter((query) => query.includes(BANK));
    expect(asked.sort()).toEqual([`A ${BANK} ${wan1}`, `AAAA ${BANK} ${wan1}`]);
  });

  /** What was remembered of earlier runs. */
  async function forget(): Promise<void> {
    const folder = join(dirname(system().pair.clientFile), 'usage');
    await rm(join(folder, 'concentrator-addresses.json'), { force: true });
  }

  async function blackHole(name: string): Promise<void> {
    const path = system().network.path(name);
    await path.blackHole();
    onTestFinished(() => path.restore());
  }

  function atName(name: string, use: () => Promise<void>): Promise<void> {
    return system().pair.withClientChanges('concentrator', { addresses: [`${name}:8443`] }, use);
  }

  /** How long a client takes to have a subflow on the second uplink; fails where that is too long. */
  async function readyMs(uplinks: readonly ConfiguredUplink[]): Promise<number> {
    const { pair } = system();
    await atName(VPS, () => pair.startClient(uplinks));
    const up = await pair.client.untilLog(({ msg, uplink }) => msg === 'subflow up' && uplink === 'wan1');
    const first = pair.client.log.find(({ time }) => time !== undefined);
    const tookMs = Date.parse(String(up.time)) - Date.parse(String(first?.time));
    expect(tookMs - Math.min(BUSY_MS, await pair.client.waitedForCpuMs())).toBeLessThan(READY_MS);
    return tookMs;
  }
});

async function useResolvectl(links: Readonly<Record<string, string>>): Promise<void> {
  const { path, remove } = await fakeResolvectl(links);
  vi.stubEnv('PATH', path);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await remove();
  });
}

describeSystem('a network without IPv4', { paths, congestionControl: 'cubic' }, (system) => {
  /** At the other end of wan1. */
  const NAME_SERVER = 'fd78:0:0:2::1';

  test.each<[string, string, string, Partial<ConfiguredUplink>]>([
    ['an address', 'fd78:64::/96', '', { interface: 'wan1' }],
    ['an address, from an address', 'fd78:64:0:ff::/64', '', { address: 'fd78:0:0:2::2' }],
    ['an address, found by itself', 'fd78:64:1::/48', '', {}],
    ['a name', 'fd79:6464::/32', VPS, { interface: 'wan1' }],
  ])('reaches a concentrator with IPv4: %s, behind %s', async (_, prefix, name, binding) => {
    const { network, pair } = system();
    const { client, concentrator } = network;
    const { v4 } = concentrator.address;
    await client.ip(4, ['address flush dev wan1']);
    const names = await NameServer.start(concentrator, [...shownPrefix(prefix), `${VPS}=${v4}`], NAME_SERVER);
    const translator = await startTranslator(concentrator, prefix, 8443, v4);
    await setNameServers(client, [NAME_SERVER]);
    onTestFinished(async () => {
      names.stop();
      await translator.stop();
      await network.path('wan1').linkUp();
      await resetNameServers(client);
    });
    await pair.startConcentrator();
    const uplinks =
      Object.keys(binding).length === 0 ? { auto: false, include: ['wan1'] } : [{ name: 'wan1', ...binding }];
    await pair.withClientChanges('concentrator', { addresses: [`${name || v4}:8443`] }, () =>
      pair.startClient(uplinks),
    );
    const up = await pair.client.untilLog(({ msg }) => msg === 'subflow up');
    expect(up).toMatchObject({ uplink: 'wan1', concentrator: `${v4}:8443` });
  });

  test('reaches origins with IPv4 from a concentrator, within the egress rules', async () => {
    const { network, pair } = system();
    const { concentrator, origin } = network;
    const { v4, v6 } = origin.address;
    const prefix = 'fd78:64::/96';
    const names = await NameServer.start(origin, [...shownPrefix(prefix), `${BANK}=${v4}`], v6);
    const translators = [await startTranslator(origin, prefix, 8080, v4)];
    await concentrator.ip(6, [`route add ${prefix} via ${v6}`]);
    for (const device of ['wan0', 'wan1', 'origin0'])
      await concentrator.ip(4, [`address flush dev ${device}`]);
    await concentrator.ip(4, [`address del ${concentrator.address.v4}/32 dev lo`]);
    await setNameServers(concentrator, [v6]);
    onTestFinished(async () => {
      names.stop();
      for (const translator of translators) await translator.stop();
      await resetNameServers(concentrator);
    });
    await pair.amend(pair.concentratorFile, {
      listen: [`[${concentrator.address.v6}]:8443`],
      egress: { allow: [prefix, `${v4}/32`] },
    });
    await pair.startConcentrator();
    await pair.withClientChanges('concentrator', { addresses: [`[${concentrator.address.v6}]:8443`] }, () =>
      pair.startClient(),
    );
    await pair.untilUp(['wan0', 'wan1']);
    expect(await exitCodeFor(`http://${v4}:8080/peer`)).toBe(0);
    expect(await exitCodeFor(`http://[${translated(prefix, v4)}]:8080/peer`)).toBe(0);
    // A private address that no rule allows, though one allows the whole prefix.
    expect(await exitCodeFor(`http://[${translated(prefix, '10.78.254.1')}]:8080/peer`)).toBe(
      CURL_PROXY_REFUSED,
    );
    expect(await exitCodeFor('http://10.78.254.1:8080/peer')).toBe(CURL_PROXY_REFUSED);
  });

  async function exitCodeFor(url: string): Promise<number> {
    const command = `curl -gsS --fail --max-time 20 -o /dev/null --socks5-hostname ${SOCKS} '${url}'; echo $?`;
    return Number(await system().network.client.exec('sh', ['-c', command]));
  }
});

/** Of curl. */
const CURL_PROXY_REFUSED = 97;
