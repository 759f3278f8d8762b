import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  diagnosePath,
  type PathQuestion,
} from '../../../../client-proxy/network/path-diagnosis/diagnose-path.ts';
import type { UplinkBinding } from '../../../../client-proxy/uplink/uplink.ts';
import { type Kernel, kernelOf, link, via } from './kernel.ts';

const WAN1: UplinkBinding = { kind: 'interface', interface: 'wan1' };
const FROM_WAN1: UplinkBinding = { kind: 'address', address: '10.78.2.2' };
const LINKS = [link('wan0', 2, '10.78.1.2'), link('wan1', 3, '10.78.2.2')];

function ask(kernel: Kernel, binding = WAN1, over: Partial<PathQuestion> = {}) {
  const question = { remoteAddress: '10.78.0.1', remotePort: 8443, bindsByInterface: true, ...over };
  return diagnosePath({ uplink: { binding }, ...question }, kernelOf(kernel));
}

/** Default routes by metric: what is bound to wan1 goes there, everything else goes to wan0. */
const METRICS: Kernel['routes'] = [
  [/ oif wan1/, via('10.78.2.1', 'wan1')],
  [/./, via('10.78.1.1', 'wan0')],
];
const SOURCE_RULES: Kernel['routes'] = [
  [/ from 10\.78\.2\.2/, via('10.78.2.1', 'wan1')],
  [/ oif wan1/, 'Network is unreachable'],
  [/./, via('10.78.1.1', 'wan0')],
];
const ECMP =
  '[{"dst":"default","metric":50,"flags":[],"nexthops":[{"gateway":"10.78.1.1","dev":"wan0","weight":1,"flags":[]},{"gateway":"10.78.2.1","dev":"wan1","weight":1,"flags":[]}]}]';
const ONE_LAN = [link('wan0', 2, '10.78.2.9'), link('wan1', 3, '10.78.2.2')];

/** The uplink's table has its route, its rule is missing, and all that no rule leads elsewhere is refused. */
const CATCH_ALL: Kernel = {
  links: LINKS,
  routes: [[/./, 'No route to host']],
  tables: [{ dst: 'default', gateway: '10.78.2.1', table: '102' }],
  rules: [
    { priority: 0, src: 'all', table: 'local' },
    { priority: 32765, src: '10.78.1.2', table: '101' },
    { priority: 32766, src: 'all', table: 'main' },
  ],
  refusals: { unreachable: [{ type: 'unreachable', dst: 'default', metric: 4278198272 }] },
};
const KILLED: Kernel['routes'] = [
  [/ oif /, 'No route to host'],
  [/./, 'Permission denied'],
];

const CASES: readonly [string, Kernel, UplinkBinding, string | undefined, string?][] = [
  ['default routes by metric', { links: LINKS, routes: METRICS }, WAN1, undefined],
  [
    'the same with strict rp_filter',
    { links: LINKS, routes: METRICS, conf: { 'all.rp_filter': 1, 'wan1.rp_filter': 0 } },
    WAN1,
    'rp-filter',
    '`sysctl -w net.ipv4.conf.wan1.rp_filter=2`',
  ],
  [
    'the higher of two values counts',
    { links: LINKS, routes: METRICS, conf: { 'all.rp_filter': 2, 'wan1.rp_filter': 1 } },
    WAN1,
    undefined,
  ],
  [
    'strict rp_filter, with a rule by source address',
    { links: LINKS, routes: SOURCE_RULES, conf: { 'all.rp_filter': 1 } },
    WAN1,
    undefined,
  ],
  [
    'strict rp_filter, with a route over both',
    { links: LINKS, routes: [[/./, ECMP]], conf: { 'wan1.rp_filter': 1 } },
    WAN1,
    undefined,
  ],
  [
    'loose rp_filter, with a rule by interface alone',
    { links: LINKS, routes: [[/ oif wan1/, via('10.78.2.1', 'wan1')]], conf: { 'all.rp_filter': 2 } },
    WAN1,
    'rp-filter',
    '`sysctl -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.wan1.rp_filter=0`',
  ],
  ['an address, with a rule for it', { links: LINKS, routes: SOURCE_RULES }, FROM_WAN1, undefined],
  [
    'an address without a rule, bound to its interface too',
    { links: LINKS, routes: METRICS },
    FROM_WAN1,
    undefined,
  ],
  [
    'no route',
    { links: LINKS, routes: [] },
    WAN1,
    'no-route',
    '`ip route add default via GATEWAY dev wan1 metric 1003`',
  ],
  [
    'no route over a tunnel, whose name is no word',
    { links: [link('ün 1', 3, '10.78.2.2/32', { flags: ['UP', 'LOWER_UP', 'POINTOPOINT'] })], routes: [] },
    { kind: 'interface', interface: 'ün 1' },
    'no-route',
    '`ip route add default dev if3 metric 1003`',
  ],
  [
    'a table that no rule names',
    { links: LINKS, routes: [], tables: [{ dst: 'default', gateway: '10.78.2.1', table: '102' }] },
    WAN1,
    'rule-needed',
    '`ip rule add from 10.78.2.2 lookup 102`',
  ],
  [
    'a table with a route to elsewhere',
    {
      links: LINKS,
      routes: [],
      tables: [
        { dst: '10.99.0.0/16', table: 'lan' },
        { dst: 'default', table: 'local' },
      ],
    },
    WAN1,
    'no-route',
  ],
  [
    'a route that says no',
    {
      links: LINKS,
      routes: [
        [/ oif /, 'No route to host'],
        [/./, 'Permission denied'],
      ],
    },
    WAN1,
    'route-refused',
  ],
  [
    'a route that says that there is no way',
    { links: LINKS, routes: [[/./, 'No route to host']] },
    WAN1,
    'route-refused',
  ],
  [
    'the same, for an address',
    { links: LINKS, routes: [[/./, 'No route to host']] },
    FROM_WAN1,
    'route-refused',
  ],
  [
    'a rule that refuses the source address alone',
    {
      links: LINKS,
      routes: [
        [/ from 10\.78\.2\.2 oif /, 'No route to host'],
        [/ from 10\.78\.2\.2/, 'Permission denied'],
        ...METRICS,
      ],
    },
    WAN1,
    'route-refused',
  ],
  [
    'a table that no rule names, and a last route that refuses the rest',
    CATCH_ALL,
    WAN1,
    'rule-needed',
    '`ip rule add from 10.78.2.2 lookup 102`',
  ],
  [
    'the same with a kill switch',
    {
      ...CATCH_ALL,
      routes: KILLED,
      rules: [
        ...CATCH_ALL.rules!,
        { priority: 32768, not: null, src: '10.78.2.0', srclen: 24, action: 'unreachable' },
        { priority: 32768, src: '10.78.1.0', srclen: 24, dst: '10.99.0.0', dstlen: 16, action: 'blackhole' },
        { priority: 32769, src: 'all', action: 'prohibit' },
      ],
      refusals: { prohibit: [{ type: 'prohibit', dst: '10.99.0.0/16' }] },
    },
    WAN1,
    'rule-needed',
    '`ip rule add from 10.78.2.2 lookup 102`',
  ],
  [
    'the same for an address',
    { ...CATCH_ALL, routes: KILLED },
    FROM_WAN1,
    'rule-needed',
    '`ip rule add from 10.78.2.2 lookup 102`',
  ],
  ...[
    { src: '10.78.2.0', srclen: 24, action: 'prohibit' },
    { src: 'all', dst: '10.78.0.0', dstlen: 24, action: 'prohibit' },
    { src: 'all', oif: 'wan1', action: 'prohibit' },
    { src: '10.78.2.2', table: '102' },
  ].map((rule): (typeof CASES)[number] => [
    `a table, and a rule for these packets: ${JSON.stringify(rule)}`,
    { ...CATCH_ALL, routes: KILLED, rules: [...CATCH_ALL.rules!, rule] },
    WAN1,
    'route-refused',
  ]),
  ...['10.78.0.1', '10.78.0.0/16'].map((dst): (typeof CASES)[number] => [
    `a table that no rule names, and a route that refuses ${dst}`,
    { ...CATCH_ALL, routes: KILLED, refusals: { prohibit: [{ type: 'prohibit', dst }] } },
    WAN1,
    'route-refused',
  ]),
  [
    'no such interface',
    { links: LINKS, routes: [] },
    { kind: 'interface', interface: 'wan7' },
    'interface-missing',
  ],
  [
    'no such address',
    { links: LINKS, routes: [] },
    { kind: 'address', address: '10.1.1.1' },
    'address-missing',
  ],
  [
    'an address of loopback',
    { links: LINKS, routes: [] },
    { kind: 'address', address: '127.0.0.9' },
    undefined,
  ],
  [
    'down',
    { links: [link('wan1', 3, '10.78.2.2', { flags: ['BROADCAST'] })], routes: [] },
    WAN1,
    'interface-down',
    '`ip link set dev wan1 up`',
  ],
  [
    'no carrier',
    { links: [link('wan1', 3, '10.78.2.2', { flags: ['UP', 'NO-CARRIER'] })], routes: [] },
    WAN1,
    'no-carrier',
  ],
  ['link-local alone', { links: [link('wan1', 3, '169.254.3.3')], routes: [] }, WAN1, 'no-source-address'],
  [
    'a gateway that does not answer',
    {
      links: LINKS,
      routes: METRICS,
      neighbours: [
        { dst: '10.78.2.1', dev: 'wan1', state: ['FAILED'] },
        { dst: '10.78.2.1', dev: 'wan0', lladdr: '02:00:00:00:00:01', state: ['REACHABLE'] },
      ],
    },
    WAN1,
    'gateway-silent',
  ],
  [
    'two in one LAN',
    { links: ONE_LAN, routes: METRICS },
    WAN1,
    'arp-flux',
    '`sysctl -w net.ipv4.conf.all.arp_filter=0 net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2`',
  ],
  [
    'two in one LAN, each for itself',
    { links: ONE_LAN, routes: METRICS, conf: { 'all.arp_ignore': 1 } },
    WAN1,
    undefined,
  ],
  [
    'two in one LAN, by the routes',
    { links: ONE_LAN, routes: SOURCE_RULES, conf: { 'all.arp_filter': 1 } },
    WAN1,
    undefined,
  ],
  [
    'two in one LAN, by routes that lead elsewhere',
    { links: ONE_LAN, routes: METRICS, conf: { 'wan1.arp_filter': 1, 'wan0.arp_ignore': 2 } },
    WAN1,
    'arp-flux',
  ],
  [
    'two LANs with the same numbers, by their gateways',
    {
      links: ONE_LAN,
      routes: METRICS,
      neighbours: [
        { dst: '10.78.2.1', dev: 'wan0', lladdr: '02:00:00:00:00:01', state: ['STALE'] },
        { dst: '10.78.2.1', dev: 'wan1', lladdr: '02:00:00:00:00:02', state: ['REACHABLE'] },
      ],
    },
    WAN1,
    undefined,
  ],
  [
    'two modems that give the same address',
    { links: [link('wan0', 2, '192.168.8.100'), link('wan1', 3, '192.168.8.100')], routes: METRICS },
    WAN1,
    undefined,
  ],
];

describe('the diagnosis of a path', () => {
  it.each(CASES)('%s', async (_, kernel, binding, code, remedy) => {
    const found = await ask(kernel, binding);
    expect(found.map((finding) => finding.code)).toEqual(code === undefined ? [] : [code]);
    if (remedy !== undefined) expect(found[0]?.remedy).toBe(remedy);
    for (const { words } of found) expect(words).not.toContain('\n');
  });

  it('says that packets leave elsewhere, where sockets cannot be bound to the interface', async () => {
    const found = await ask({ links: LINKS, routes: METRICS }, FROM_WAN1, { bindsByInterface: false });
    expect(found).toMatchObject([
      {
        code: 'leaves-elsewhere',
        remedy:
          '`ip rule add from 10.78.2.2 lookup 1003 && ip route add default via GATEWAY dev wan1 table 1003`',
      },
    ]);
  });

  it('looks at IPv6 as such, where nothing is filtered by the way back', async () => {
    const links = [link('wan1', 3, '2001:db8::2/64')];
    const six = { remoteAddress: '2001:db8:1::1' };
    expect(await ask({ links, routes: METRICS, conf: { 'all.rp_filter': 1 } }, WAN1, six)).toEqual([]);
    expect(await ask({ links, routes: [] }, WAN1, six)).toMatchObject([
      { code: 'no-route', remedy: '`ip -6 route add default via GATEWAY dev wan1 metric 1003`' },
    ]);
    expect(await ask({ links: LINKS, routes: [] }, WAN1, six)).toMatchObject([{ code: 'no-source-address' }]);
  });

  it('looks at what a proxy is bound to', async () => {
    const proxy = { kind: 'proxy', host: '192.168.43.1', port: 1080 } as const;
    expect(await ask({ links: [], routes: [] }, proxy)).toEqual([]);
    expect(await ask({ links: [], routes: [] }, { ...proxy, over: WAN1 })).toMatchObject([
      { code: 'interface-missing' },
    ]);
  });

  it.each([
    ['none', async () => undefined],
    ['one that prints nonsense', async () => ({ stdout: '{', stderr: '' })],
    ['one that fails', () => Promise.reject(new Error('EAGAIN'))],
  ])('says nothing without iproute2: %s', async (_, runIp) => {
    const question = { remoteAddress: '10.78.0.1', remotePort: 1, bindsByInterface: true };
    const kernel = { ...kernelOf({ links: [], routes: [] }), runIp };
    expect(await diagnosePath({ uplink: { binding: WAN1 }, ...question }, kernel)).toEqual([]);
  });

  it.each([
    [undefined, undefined],
    [15_000, 'rp-filter'],
  ])('waits for a machine that is slow as long as it is told: %s ms', async (limitMs, code) => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const quick = kernelOf({ links: LINKS, routes: METRICS, conf: { 'wan1.rp_filter': 1 } });
    const slow: typeof quick = {
      ...quick,
      async runIp(args, input) {
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        return quick.runIp(args, input);
      },
    };
    const question = { remoteAddress: '10.78.0.1', remotePort: 1, bindsByInterface: true };
    const found = diagnosePath({ uplink: { binding: WAN1 }, ...question, ...(limitMs && { limitMs }) }, slow);
    await vi.advanceTimersByTimeAsync(15_000);
    expect((await found)[0]?.code).toBe(code);
  });
});
