import { afterEach, expect, test } from 'vitest';
import type { Namespace } from '../bed/namespace.ts';
import type { ConfiguredUplink } from './support/pair.ts';
import { describeSystem, report } from './support/system.ts';

/** Until an uplink that carries does, or one that does not is explained. */
const KNOWN_WITHIN_MS = 12_000;

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];

/** How the client's machine or the network is set up, and what the client makes of it. */
interface Bed {
  readonly name: string;
  /** The client's addresses and routes are as `Network` makes them, and can be changed. */
  set(client: Namespace, concentrator: Namespace): Promise<unknown>;
  /** Undone by hand: what is not in the client's routes, rules and settings of wan1. */
  unset?(client: Namespace, concentrator: Namespace): Promise<unknown>;
  readonly uplinks?: readonly ConfiguredUplink[];
  /** For each uplink the finding, or `up`. */
  readonly expected: Readonly<Record<string, string>>;
  /** Whether the uplinks are up after the commands of their reasons. */
  readonly mends?: boolean;
}

/** Default routes by metric alone, as DHCP clients make them. */
const METRICS_ALONE = ['rule del lookup 101', 'rule del lookup 102'];
const VPN = [
  'link add vpn type veth peer name vpn-far',
  'link set dev vpn up',
  'link set dev vpn-far up',
  'address add 10.9.0.2/32 dev vpn',
  'route add default dev vpn table 51820',
  'rule add not fwmark 51820 lookup 51820 pref 32000',
  'rule add lookup main suppress_prefixlength 0 pref 31999',
];

const BEDS: readonly Bed[] = [
  {
    name: 'default routes with metrics',
    set: (client) => client.ip(4, METRICS_ALONE),
    expected: { wan0: 'up', wan1: 'up' },
  },
  {
    name: 'default routes with metrics, and strict rp_filter',
    set: async (client) => {
      await client.ip(4, METRICS_ALONE);
      await strict(client, ['all', 'wan0', 'wan1']);
    },
    expected: { wan0: 'up', wan1: 'rp-filter' },
    mends: true,
  },
  {
    name: 'the rules of a VPN in front, and strict rp_filter',
    set: async (client) => {
      await client.ip(4, [...METRICS_ALONE, ...VPN]);
      await strict(client, ['wan0', 'wan1']);
    },
    unset: (client) => client.ip(4, ['link del vpn'], true),
    expected: { wan0: 'rp-filter', wan1: 'rp-filter' },
    mends: true,
  },
  {
    name: 'the rules of a VPN in front',
    set: (client) => client.ip(4, [...METRICS_ALONE, ...VPN]),
    unset: (client) => client.ip(4, ['link del vpn'], true),
    expected: { wan0: 'up', wan1: 'up' },
  },
  {
    name: 'a route in a table that a rule by source address leads to',
    set: (client) => client.ip(4, ['route del default dev wan1']),
    expected: { wan0: 'up', wan1: 'up' },
  },
  {
    name: 'a route in a table that a rule by interface leads to',
    set: (client) =>
      client.ip(4, ['route del default dev wan1', ...METRICS_ALONE, 'rule add oif wan1 lookup 102']),
    expected: { wan0: 'up', wan1: 'up' },
  },
  {
    name: 'a host route to the concentrator',
    set: (client) =>
      client.ip(4, [
        'route del default dev wan1',
        ...METRICS_ALONE,
        'route add 10.78.0.1/32 via 10.78.2.1 dev wan1 metric 7',
      ]),
    expected: { wan0: 'up', wan1: 'up' },
  },
  {
    name: 'addresses without rules for them',
    set: (client) => client.ip(4, METRICS_ALONE),
    uplinks: [
      { name: 'wan0', address: '10.78.1.2' },
      { name: 'wan1', address: '10.78.2.2' },
    ],
    expected: { wan0: 'up', wan1: 'up' },
  },
  {
    name: 'a rule for an address that the interface had once',
    set: (client) =>
      client.ip(4, [
        'route del default dev wan1',
        'rule del lookup 102',
        'rule add from 10.78.2.99 lookup 102',
      ]),
    expected: { wan0: 'up', wan1: 'rule-needed' },
    mends: true,
  },
  {
    name: 'no route',
    set: (client) => client.ip(4, ['route del default dev wan1', ...METRICS_ALONE, 'route flush table 102']),
    expected: { wan0: 'up', wan1: 'no-route' },
    mends: true,
  },
  {
    name: 'a route that says no',
    set: (client) =>
      client.ip(4, [
        'route del default dev wan1',
        ...METRICS_ALONE,
        'route flush table 102',
        'route add prohibit 10.78.0.1/32 metric 900',
        'rule add from 10.78.2.2 prohibit',
      ]),
    unset: (client) =>
      client.ip(4, ['route del prohibit 10.78.0.1/32', 'rule del from 10.78.2.2 prohibit'], true),
    expected: { wan1: 'route-refused' },
    uplinks: [{ name: 'wan1', interface: 'wan1' }],
  },
  {
    name: 'no carrier',
    set: (_, concentrator) => concentrator.ip(4, ['link set dev wan1 down']),
    unset: (_, concentrator) => concentrator.ip(4, ['link set dev wan1 up']),
    expected: { wan0: 'up', wan1: 'no-carrier' },
  },
  {
    name: 'an interface that is down',
    set: (client) => client.ip(4, ['link set dev wan1 down']),
    expected: { wan0: 'up', wan1: 'interface-down' },
  },
  {
    name: 'a port that is refused',
    set: (_, concentrator) => filter(concentrator, 'iifname wan1 tcp dport 8443 reject with tcp reset'),
    unset: (_, concentrator) => filter(concentrator, ''),
    expected: { wan0: 'up', wan1: 'port-refused' },
  },
  {
    name: 'a port that is dropped',
    set: (_, concentrator) => filter(concentrator, 'iifname wan1 tcp dport 8443 drop'),
    unset: (_, concentrator) => filter(concentrator, ''),
    expected: { wan0: 'up', wan1: 'port-blocked' },
  },
  {
    name: 'a port that a router prohibits',
    set: (_, concentrator) =>
      filter(concentrator, 'iifname wan1 tcp dport 8443 reject with icmpx admin-prohibited'),
    unset: (_, concentrator) => filter(concentrator, ''),
    expected: { wan0: 'up', wan1: 'prohibited' },
  },
  {
    name: 'a gateway that does not answer ARP',
    set: async (client, concentrator) => {
      await concentrator.ip(4, ['link set dev wan1 arp off']);
      await client.ip(4, ['neighbour flush dev wan1']);
    },
    unset: (_, concentrator) => concentrator.ip(4, ['link set dev wan1 arp on']),
    expected: { wan0: 'up', wan1: 'gateway-silent' },
  },
];

describeSystem('the routing of the client’s machine', { paths, congestionControl: 'cubic' }, (system) => {
  let undo: (() => Promise<unknown>) | undefined;
  afterEach(async () => {
    const { network, pair } = system();
    await pair.stopClient();
    await undo?.();
    undo = undefined;
    const { client } = network;
    await client.sysctl({ 'net.ipv4.conf.all.rp_filter': 0, 'net.ipv4.conf.all.arp_ignore': 0 });
    for (const path of network.paths) {
      await client.sysctl({ [`net.ipv4.conf.${path.name}.rp_filter`]: 0 });
      await client.ip(4, [`rule del lookup ${path.name === 'wan0' ? 101 : 102}`], true);
      await client.ip(4, ['rule del lookup 51820', 'rule del pref 31999'], true);
      await client.ip(4, [`link set dev ${path.name} down`], true);
      await path.linkUp();
    }
  });

  test.each(BEDS)('$name', async ({ name, set, unset, uplinks, expected, mends }) => {
    const { network, pair } = system();
    const { client, concentrator } = network;
    undo = async () => unset?.(client, concentrator);
    await set(client, concentrator);
    await pair.startConcentrator();
    await pair.withClientChanges('concentrator', { addresses: ['10.78.0.1:8443'] }, async () => {
      await pair.amend(pair.clientFile, { dial: { timeout: '1s', backoffMax: '1s' } });
      await pair.startClient(uplinks ?? pair.byInterface());
      const startedMs = performance.now();
      const found = await untilFound(expected);
      report(`${name}: ${JSON.stringify(found)} after ${(performance.now() - startedMs).toFixed(0)} ms`);
      if (!mends) return;
      const since = pair.client.log.length;
      for (const [uplink, reason] of Object.entries(found)) {
        if (reason !== 'up') await runRemedy(uplink, reason);
      }
      const broken = Object.keys(expected).filter((uplink) => expected[uplink] !== 'up');
      await pair.untilUp(broken, since);
    });
  });

  /** The reasons of uplinks that are not up, once each is as expected; throws with what there is instead. */
  async function untilFound(expected: Readonly<Record<string, string>>): Promise<Record<string, string>> {
    const look = async () => {
      const { uplinks = [] } = await system().pair.client.status();
      return uplinks as unknown as {
        name: string;
        isUp: boolean;
        state: string;
        cause: string;
        reason: string;
      }[];
    };
    await expect
      .poll(
        async () =>
          Object.fromEntries(
            (await look()).map(({ name, state, cause }) => [name, state === 'in-use' ? 'up' : cause]),
          ),
        { timeout: KNOWN_WITHIN_MS },
      )
      .toEqual(expected);
    return Object.fromEntries(
      (await look()).map(({ name, state, reason }) => [name, state === 'in-use' ? 'up' : reason]),
    );
  }

  /** What stands between backticks is run as it is. */
  async function runRemedy(uplink: string, reason: string): Promise<void> {
    const command = /`([^`]+)`$/.exec(reason)?.[1];
    expect(command, reason).toBeDefined();
    const gateway = uplink === 'wan0' ? '10.78.1.1' : '10.78.2.1';
    await system().network.client.exec('sh', ['-ec', command!.replaceAll('GATEWAY', gateway)]);
  }
});

function strict(client: Namespace, devices: readonly string[]): Promise<void> {
  return client.sysctl(Object.fromEntries(devices.map((device) => [`net.ipv4.conf.${device}.rp_filter`, 1])));
}

/** The one rule of a packet filter; none where it is empty. */
async function filter(namespace: Namespace, rule: string): Promise<void> {
  const table = `
    table inet routing
    delete table inet routing
    table inet routing { chain in { type filter hook input priority 0; ${rule}; }; }\n`;
  await namespace.exec('nft', ['-f', '-'], { input: table });
}
