import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { Namespace } from '../bed/namespace.ts';
import type { ConfiguredUplink, Pair } from './support/pair.ts';
import { command } from './support/program.ts';
import { describeSystem, report } from './support/system.ts';

/** How often an interface comes and goes, and how long it is there each time, and away. */
const CHURNS = 14;
const CHURN_STEP_MS = 300;
/** When an uplink that refuses is dialled at the earliest, by its back-off alone; and how often from then on. */
const FIRST_DIALS_MS = [0, 250, 500, 750, 1_250, 2_250, 4_250];
const DIAL_EVERY_MS = 4_000;
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
    name: 'the rules of a VPN in front; a table that a rule by source address leads to',
    set: (client) => client.ip(4, ['route del default dev wan1', ...VPN]),
    unset: (client) => client.ip(4, ['link del vpn'], true),
    expected: { wan0: 'up', wan1: 'up' },
  },
  {
    name: 'a host route; a table that a rule by interface leads to',
    set: (client) =>
      client.ip(4, [
        ...METRICS_ALONE,
        'route del default dev wan0',
        'route add 10.78.0.1/32 via 10.78.1.1 dev wan0 metric 7',
        'route del default dev wan1',
        'rule add oif wan1 lookup 102',
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
    name: 'a rule for an address that the interface had once; no route',
    set: (client) =>
      client.ip(4, [
        ...METRICS_ALONE,
        'route del default dev wan0',
        'route del default dev wan1',
        'rule add from 10.78.1.99 lookup 101',
        'route flush table 102',
      ]),
    expected: { wan0: 'rule-needed', wan1: 'no-route' },
    mends: true,
  },
  {
    name: 'a route that says no; an interface that is down',
    set: (client) =>
      client.ip(4, [
        ...METRICS_ALONE,
        'route flush table 101',
        'route del default dev wan0',
        'route add prohibit 10.78.0.1/32',
        'link set dev wan1 down',
      ]),
    unset: (client) => client.ip(4, ['route del prohibit 10.78.0.1/32'], true),
    expected: { wan0: 'route-refused', wan1: 'interface-down' },
  },
  {
    name: 'a route that says that there is no way; a rule that refuses a source address',
    set: (client) =>
      client.ip(4, [
        'route add unreachable 10.78.0.1/32 table 101',
        'rule del lookup 102',
        'rule add from 10.78.2.2 prohibit pref 31998',
      ]),
    unset: (client) => client.ip(4, ['rule del pref 31998', 'route flush table 101'], true),
    expected: { wan0: 'route-refused', wan1: 'route-refused' },
  },
  {
    name: 'a port that is refused; one that is dropped',
    set: (_, concentrator) =>
      filter(concentrator, [
        'iifname wan0 tcp dport 8443 reject with tcp reset',
        'iifname wan1 tcp dport 8443 drop',
      ]),
    expected: { wan0: 'connectionRefused', wan1: 'port-blocked' },
  },
  {
    name: 'a port that a router prohibits; no carrier',
    set: async (_, concentrator) => {
      await filter(concentrator, ['iifname wan0 tcp dport 8443 reject with icmpx admin-prohibited']);
      await concentrator.ip(4, ['link set dev wan1 down']);
    },
    unset: (_, concentrator) => concentrator.ip(4, ['link set dev wan1 up']),
    expected: { wan0: 'prohibited', wan1: 'no-carrier' },
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
  {
    name: 'two interfaces in one LAN',
    set: async (client, concentrator) => {
      await concentrator.ip(4, [
        'link add lan type bridge',
        'address add 10.78.9.1/24 dev lan',
        'link set dev lan up',
        'link set dev wan0 master lan',
        'link set dev wan1 master lan',
      ]);
      await client.ip(4, [
        ...METRICS_ALONE,
        'address flush dev wan0',
        'address flush dev wan1',
        'address add 10.78.9.2/24 dev wan0',
        'address add 10.78.9.3/24 dev wan1',
        'route add default via 10.78.9.1 dev wan0 metric 100',
        'route add default via 10.78.9.1 dev wan1 metric 500',
      ]);
      // As when wan0 has been the first to answer: packets for wan1 come there.
      const [lan, wan0] = [await hardwareAddress(concentrator, 'lan'), await hardwareAddress(client, 'wan0')];
      await client.ip(
        4,
        ['wan0', 'wan1'].map((device) => `neighbour replace 10.78.9.1 lladdr ${lan} dev ${device}`),
      );
      await concentrator.ip(
        4,
        [2, 3].map((host) => `neighbour replace 10.78.9.${host} lladdr ${wan0} dev lan nud reachable`),
      );
    },
    unset: (_, concentrator) => concentrator.ip(4, ['link del lan'], true),
    expected: { wan0: 'up', wan1: 'arp-flux' },
    mends: true,
  },
];

describeSystem('the routing of the client’s machine', { paths, congestionControl: 'cubic' }, (system) => {
  let isRunning = false;
  let undo: (() => Promise<unknown>) | undefined;
  afterEach(async () => {
    const { network, pair } = system();
    const { client, concentrator } = network;
    await pair.stopClient();
    await undo?.();
    undo = undefined;
    await filter(concentrator, []);
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
    // Else it answers for the address of its loopback device over every path, whatever the routes say, and tells it by its own
    // requests, as for what it sends again to the client before.
    await concentrator.sysctl({ 'net.ipv4.conf.all.arp_ignore': 1, 'net.ipv4.conf.all.arp_announce': 2 });
    await set(client, concentrator);
    if (!isRunning) await pair.startConcentrator();
    isRunning = true;
    await pair.withClientChanges('concentrator', { addresses: ['10.78.0.1:8443'] }, async () => {
      await pair.amend(pair.clientFile, { dial: { timeout: '1s', backoffMax: '1s' } });
      await pair.startClient(uplinks ?? pair.byInterface());
      const startedMs = performance.now();
      const found = await untilFound(pair, expected);
      report(`${name}: ${JSON.stringify(found)} after ${(performance.now() - startedMs).toFixed(0)} ms`);
      if (!mends) return;
      const since = pair.client.log.length;
      for (const [uplink, reason] of Object.entries(found)) {
        if (reason !== 'up') await runRemedy(uplink, reason);
      }
      // What the other end has learned by ARP is forgotten.
      await concentrator.exec('ip', ['neighbour', 'flush', 'all']);
      const broken = Object.keys(expected).filter((uplink) => expected[uplink] !== 'up');
      await pair.untilUp(broken, since);
    });
  });

  test('an interface that comes and goes costs an uplink that refuses no further dial', async () => {
    const { network, pair } = system();
    const { client, concentrator } = network;
    await filter(concentrator, ['iifname wan1 tcp dport 8443 counter reject with tcp reset']);
    if (!isRunning) await pair.startConcentrator();
    isRunning = true;
    const startMs = performance.now();
    await pair.withClientChanges('concentrator', { addresses: ['10.78.0.1:8443'] }, () => pair.startClient());
    await pair.untilUp(['wan0']);
    for (let churns = 0; churns < CHURNS; churns++) {
      await client.ip(4, [
        'link add veth9 type veth peer name veth8',
        'link set dev veth9 up',
        'link set dev veth8 up',
        'address add 172.30.0.1/24 dev veth9',
      ]);
      await sleep(CHURN_STEP_MS);
      await client.ip(4, ['link del veth9']);
      await sleep(CHURN_STEP_MS);
    }
    const dials = Number(
      /packets (\d+)/.exec(await concentrator.exec('nft', ['list', 'table', 'inet', 'routing']))?.[1],
    );
    const tookMs = performance.now() - startMs;
    report(
      `${CHURNS} interfaces came and went: ${dials} SYNs in ${Math.round(tookMs)} ms to an uplink that refuses`,
    );
    expect(dials).toBeGreaterThan(0);
    expect(dials).toBeLessThanOrEqual(mostDials(tookMs));
  });

  /** What stands between backticks is run as it is. */
  async function runRemedy(uplink: string, reason: string): Promise<void> {
    const command = /`([^`]+)`$/.exec(reason)?.[1];
    expect(command, reason).toBeDefined();
    const gateway = uplink === 'wan0' ? '10.78.1.1' : '10.78.2.1';
    await system().network.client.exec('sh', ['-ec', command!.replaceAll('GATEWAY', gateway)]);
  }
});

const oddPaths = [
  { name: 'wän0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];
describeSystem(
  'interfaces with names that are no words, or no text',
  { paths: oddPaths, congestionControl: 'cubic' },
  (system) => {
    test('are found and used, by auto and by name', async () => {
      const { network, pair } = system();
      const { client } = network;
      const rename = `
      name=$(printf 'w\\344"\\001')
      ip link set dev wan1 down
      ip link set dev wan1 name "$name"
      ip link set dev "$name" up
      ip route add default via 10.78.2.1 dev "$name" metric 200`;
      await client.exec('sh', ['-ec', rename]);
      await pair.startConcentrator();
      await pair.startClient({ auto: true, include: ['w*'] });
      await untilFound(pair, { 'w-n0': 'up', 'w-E4--01': 'up' });
      await pair.startClient([
        { name: 'one', interface: 'wän0' },
        { name: 'two', interface: 'w%E4"%01' },
      ]);
      await untilFound(pair, { one: 'up', two: 'up' });
      const checked = await command(client, 'client-proxy', ['check', '--config', pair.clientFile]);
      expect(checked).toContain('one: interface wän0, up with 10.78.1.2');
      expect(checked).toContain('two: interface w%E4"%01');
    });
  },
);

/** How often an uplink that refuses is dialled in a time by its back-off alone. */
function mostDials(elapsedMs: number): number {
  const sinceLastMs = Math.max(0, elapsedMs - FIRST_DIALS_MS.at(-1)!);
  return FIRST_DIALS_MS.filter((atMs) => atMs <= elapsedMs).length + Math.floor(sinceLastMs / DIAL_EVERY_MS);
}

/** The reasons of uplinks that are not up, once each is as expected; throws with what there is instead. */
async function untilFound(
  pair: Pair,
  expected: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const look = async () => {
    const { uplinks = [] } = await pair.client.status();
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

function strict(client: Namespace, devices: readonly string[]): Promise<void> {
  return client.sysctl(Object.fromEntries(devices.map((device) => [`net.ipv4.conf.${device}.rp_filter`, 1])));
}

async function hardwareAddress(namespace: Namespace, device: string): Promise<string> {
  return (await namespace.exec('cat', [`/sys/class/net/${device}/address`])).trim();
}

/** These rules, and no others. */
async function filter(namespace: Namespace, rules: readonly string[]): Promise<void> {
  const table = `
    table inet routing
    delete table inet routing
    table inet routing { chain in { type filter hook input priority 0; ${rules.join('; ')}; }; }\n`;
  await namespace.exec('nft', ['-f', '-'], { input: table });
}
