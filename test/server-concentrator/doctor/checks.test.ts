import { expect, it } from 'vitest';
import type { ConcentratorConfig } from '../../../server-concentrator/config/concentrator-config.ts';
import type { ConcentratorCase } from '../../../server-concentrator/doctor/case/concentrator-check.ts';
import { closedPortRemedy } from '../../../server-concentrator/doctor/checks/firewall-rules.ts';
import { hasDefaultRoute } from '../../../server-concentrator/doctor/checks/ipv6.ts';
import { CONCENTRATOR_CHECKS } from '../../../server-concentrator/doctor/concentrator-checks.ts';
import { readCertificate } from '../../../shared/runtime/identity/certificate.ts';
import { makeCertificate } from '../../support/certificate.ts';

const identity = await makeCertificate();
const pin = readCertificate(identity.certificate)!.pin.text;
const GIB = 1024 ** 3;
const DROPPING =
  'table inet filter { chain input { type filter hook input priority 0; policy drop;\n tcp dport 22 accept } }';

const FIREWALLD = `table inet firewalld {
\tchain filter_INPUT {
\t\ttype filter hook input priority filter + 10; policy accept;
\t\tct state { established, related } accept
\t\tct state invalid drop
\t\tjump filter_INPUT_ZONES
\t\treject with icmpx admin-prohibited
\t}
\tchain filter_IN_public_allow {
\t\ttcp dport 22 accept
\t}
}`;
/** A chain that accepts what no rule drops. */
const ACCEPTING = (rule: string) =>
  `table inet filter {\n\tchain in {\n\t\ttype filter hook input priority 0; policy accept;\n\t\t${rule}\n\t}\n}`;

/** Rules of ufw that let clients in, or a redirection of Docker's, in a table of its own; another program's table beside it. */
const UFW_ALLOWS =
  'table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy drop;\n\t\tjump ufw-user-input\n\t}\n' +
  '\tchain ufw-user-input {\n\t\tmeta l4proto { tcp, udp } th dport 8443 accept\n\t}\n}\n';
const DOCKER_REDIRECTS =
  'table ip nat {\n\tchain DOCKER {\n\t\tiifname != "docker0" tcp dport 8443 dnat to 172.17.0.2:8443\n\t}\n}\n';

type Changes = Partial<ConcentratorCase> & { readonly keys?: Partial<ConcentratorConfig> };

/** A machine on which all is well. */
function machine({ keys, ...over }: Changes = {}): ConcentratorCase {
  return {
    config: {
      file: 'tributary-concentrator.yaml',
      listen: [
        { host: '0.0.0.0', port: 8443, required: true },
        { host: '::', port: 8443, required: false },
      ],
      public: [{ host: 'vps.test', port: 8443 }],
      tls: { certificate: identity.certificate, key: identity.privateKey },
      tlsCertificateFile: 'certificate.pem',
      tlsKeyFile: 'key.pem',
      clientsFile: 'clients.yaml',
      clients: [{ id: 'laptop', key: new Uint8Array(32) }],
      limits: { memoryTotalBytes: GIB / 2 },
      datagrams: { enabled: true },
      ...keys,
    } as Partial<ConcentratorConfig> as ConcentratorConfig,
    now: () => new Date(),
    ownAddresses: async () => ['203.0.113.7', '2a00::7'],
    lookAtPort: async () => ({ kind: 'tls', pin }),
    readableByOthers: async () => false,
    runTool: async (name) => (name === 'timedatectl' ? 'yes\n' : ''),
    readFile: async (path) => (path === '/proc/net/ipv6_route' ? ROUTES : undefined),
    resolve: async () => ['203.0.113.7'],
    nameServers: ['192.0.2.53'],
    askNameServer: async () => {},
    totalMemoryBytes: 4 * GIB,
    ...over,
  };
}

const ROUTES = [
  '20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0',
  '00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth0',
].join('\n');
const REJECTING =
  '00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo';

function rejecting(code: string): () => Promise<void> {
  return () => Promise.reject(Object.assign(new Error(code), { code }));
}

it.each(CONCENTRATOR_CHECKS)('finds nothing wrong on a good machine: $name', async ({ run }) => {
  expect(['ok', 'skipped']).toContain((await run(machine())).outcome);
});

it.each<[string, Changes, string, RegExp, RegExp]>([
  ['port', { lookAtPort: async () => ({ kind: 'nothing' }) }, 'failed', /does not run/, /systemctl start/],
  ['port', { lookAtPort: async () => ({ kind: 'other-program' }) }, 'failed', /another program/, /ss -ltnp/],
  ['port', { lookAtPort: async () => ({ kind: 'silent' }) }, 'failed', /does not answer/, /restart/],
  [
    'port',
    { lookAtPort: async () => ({ kind: 'tls', pin: 'sha256:x' }) },
    'warning',
    /another certificate/,
    /reload/,
  ],
  [
    'port',
    {
      lookAtPort: async () => ({ kind: 'no-address' }),
      keys: { listen: [{ host: '192.0.2.9', port: 443, required: true }] },
    },
    'failed',
    /no address for 192.0.2.9:443/,
    /ip address/,
  ],
  [
    'firewall',
    { runTool: async (name) => (name === 'nft' ? DROPPING : undefined) },
    'warning',
    /closes TCP port 8443, UDP port 8443/,
    /nft insert rule inet filter input tcp dport 8443 accept[\s\S]*udp dport 8443 accept/,
  ],
  [
    'certificate',
    { readableByOthers: async (file) => file === 'key.pem' },
    'warning',
    /others can read/,
    /chmod 600/,
  ],
  ['certificate', { now: () => new Date('2100-01-01') }, 'warning', /has expired/, /certificate prepare/],
  ['clients', { keys: { clients: [] } }, 'warning', /nobody may connect/, /client add/],
  [
    'clients',
    { readableByOthers: async (file) => file === 'clients.yaml' },
    'warning',
    /others can read/,
    /chmod 600/,
  ],
  ['public-addresses', { keys: { public: [] } }, 'warning', /not configured/, /public: \[HOST:PORT\]/],
  [
    'public-addresses',
    { resolve: () => Promise.reject(new Error()) },
    'warning',
    /vps.test does not resolve/,
    /DNS provider/,
  ],
  ['name-servers', { nameServers: [] }, 'failed', /no name server/, /resolv/],
  [
    'name-servers',
    { askNameServer: rejecting('ETIMEOUT') },
    'failed',
    /192.0.2.53 does not answer/,
    /resolv.conf/,
  ],
  [
    'name-servers',
    {
      nameServers: ['a', 'b'],
      askNameServer: (server) => (server === 'a' ? rejecting('ESERVFAIL')() : Promise.resolve()),
    },
    'warning',
    /^a answers that it cannot resolve/,
    /take a out/,
  ],
  ['ipv6', { readFile: async () => REJECTING }, 'warning', /no default route/, /ip -6 route add/],
  [
    'ipv6',
    { ownAddresses: async () => ['203.0.113.7'], keys: { public: [{ host: '2a00::7', port: 1 }] } },
    'warning',
    /this machine has none/,
    /enable IPv6/,
  ],
  ['clock', { runTool: async () => 'no\n' }, 'warning', /does not follow/, /set-ntp/],
  ['memory', { totalMemoryBytes: GIB }, 'warning', /there are 1024 MiB/, /limits.memoryTotal: \d+MiB/],
  ['memory', { readFile: async () => `${GIB / 2}\n` }, 'warning', /there are 512 MiB/, /limits.memoryTotal/],
])('finds what is wrong with %s: %j', async (name, changes, outcome, words, remedy) => {
  const check = CONCENTRATOR_CHECKS.find((one) => one.name === name)!;
  const finding = await check.run(machine(changes));
  expect(finding).toMatchObject({ outcome, words: expect.stringMatching(words) });
  expect(finding.remedy?.join('\n')).toMatch(remedy);
});

it('takes rules of IPv6 for no fault where nobody comes over IPv6', async () => {
  const rules = DROPPING.replace('inet', 'ip6');
  const check = CONCENTRATOR_CHECKS.find(({ name }) => name === 'firewall')!;
  const it = machine({ runTool: async (name) => (name === 'nft' ? rules : undefined) });
  const listen = [{ host: '0.0.0.0', port: 8443, required: true }];
  const alone = { ...it, ownAddresses: async () => ['203.0.113.7', 'fe80::1'] };
  const unasked = { ...it, config: { ...it.config, listen } };
  const outcomes = [it, alone, unasked].map(async (one) => (await check.run(one)).outcome);
  expect(await Promise.all(outcomes)).toEqual(['warning', 'ok', 'ok']);
});

it('takes a private network for no fault', async () => {
  const check = CONCENTRATOR_CHECKS.find(({ name }) => name === 'public-addresses')!;
  const it = machine({ ownAddresses: async () => ['10.0.0.5'], resolve: async () => ['10.0.0.5'] });
  expect(await check.run(it)).toMatchObject({ outcome: 'ok', remedy: [expect.stringMatching(/NAT/)] });
});

it('takes no IPv6 for no fault, nor a machine that has no such address where none is required', async () => {
  const check = (name: string) => CONCENTRATOR_CHECKS.find((one) => one.name === name)!;
  const it = machine({
    ownAddresses: async () => ['203.0.113.7', 'fe80::1', 'fd00::1'],
    lookAtPort: async ({ host }) => (host === '::' ? { kind: 'no-address' } : { kind: 'tls', pin }),
  });
  expect(await check('ipv6').run(it)).toMatchObject({ outcome: 'ok' });
  expect(await check('port').run(it)).toMatchObject({ outcome: 'ok' });
});

it.each([
  [DROPPING, ['tcp', 'udp']],
  [DROPPING.replace('22', '{ 22, 8443 }'), ['udp']],
  [DROPPING.replace('22', '8000-9000'), ['udp']],
  [DROPPING.replace('22', '18443'), ['tcp', 'udp']],
  [DROPPING.replace('tcp dport 22', 'udp dport 8443'), ['tcp']],
  [DROPPING.replace('tcp dport 22', 'meta l4proto { tcp, udp } th dport 8443'), []],
  [DROPPING.replace('tcp dport 22', 'th dport @ports').replace('chain', 'set ports { 8443 }\nchain'), []],
  [DROPPING.replace('policy drop', 'policy accept'), []],
  [':INPUT DROP [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\n', ['tcp', 'udp']],
  // The counters of a chain and of rules are no ports, nor is what a comment says.
  [':INPUT DROP [15:9000]\n-A INPUT -p tcp --dport 8443 -j ACCEPT\n', ['udp']],
  [':INPUT ACCEPT [15:9000]\n-A INPUT -j DROP\n', ['tcp', 'udp']],
  [
    ':INPUT DROP [0:0]\n[15:9000] -A INPUT -p tcp --dport 22 -m comment --comment "not 8443" -j ACCEPT\n',
    ['tcp', 'udp'],
  ],
  [':INPUT DROP [0:0]\n-A INPUT -p tcp --dport 8443 -j ACCEPT\n', ['udp']],
  [':INPUT DROP [0:0]\n-A INPUT -p tcp --dport 8443 -j ACCEPT\n-A INPUT -p udp --dport 8443 -j ACCEPT\n', []],
  [':INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n', []],
  // As the images of some providers have it, and firewalld: all are accepted whom the last rule does not refuse.
  [
    ':INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-host-prohibited\n',
    ['tcp', 'udp'],
  ],
  [
    ':INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 8443 -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-host-prohibited\n',
    ['udp'],
  ],
  [':INPUT ACCEPT [0:0]\n-A INPUT -p tcp -j REJECT --reject-with tcp-reset\n', ['tcp']],
  [':INPUT ACCEPT [0:0]\n-A FORWARD -j REJECT --reject-with icmp-host-prohibited\n-A LOGDROP -j DROP\n', []],
  [FIREWALLD, ['tcp', 'udp']],
  [FIREWALLD.replace('22', '8443'), ['udp']],
  // A rule that closes the port itself; not for some, or beyond a rate.
  [ACCEPTING('tcp dport 8443 counter packets 5 bytes 300 drop'), ['tcp']],
  [
    ACCEPTING('meta l4proto { tcp, udp } th dport { 80, 8443 } reject with icmpx port-unreachable'),
    ['tcp', 'udp'],
  ],
  [ACCEPTING('tcp dport 8443 accept\n\t\ttcp dport 8443 drop'), []],
  [ACCEPTING('ip saddr 192.0.2.0/24 tcp dport 8443 drop'), []],
  [ACCEPTING('tcp dport 8443 limit rate over 10/second drop'), []],
  [ACCEPTING('ct state invalid drop'), []],
  [ACCEPTING('tcp dport 8443 drop').replace('hook input', 'hook forward'), []],
  [':INPUT ACCEPT [0:0]\n-A ufw-user-input -p udp -m udp --dport 8443 -j DROP\n', ['udp']],
  // Pings are no matter of ours.
  [ACCEPTING('ip protocol icmp drop'), []],
  [ACCEPTING('meta l4proto icmp drop'), []],
  [ACCEPTING('meta l4proto { icmp, ipv6-icmp } counter packets 0 bytes 0 drop'), []],
  [':INPUT ACCEPT [0:0]\n-A INPUT -p icmp -j DROP\n', []],
  [ACCEPTING('meta l4proto { icmp, tcp } drop'), ['tcp']],
  [ACCEPTING('ip protocol udp drop'), ['udp']],
  // A packet passes the chains of all tables: what one lets in, another may drop.
  [UFW_ALLOWS, []],
  [`${UFW_ALLOWS}${DROPPING}`, ['tcp', 'udp']],
  [`${UFW_ALLOWS}${DROPPING.replace('tcp dport 22', 'tcp dport 8443')}`, ['udp']],
  [`${DOCKER_REDIRECTS}${DROPPING}`, ['tcp', 'udp']],
  [
    `${ACCEPTING('tcp dport 8443 accept')}\n${ACCEPTING('tcp dport 8443 drop').replace('filter', 'raw')}`,
    ['tcp'],
  ],
  [
    ACCEPTING(
      'tcp dport 8443 accept\n\t}\n\tchain late {\n\t\ttype filter hook input priority 9; policy drop;',
    ),
    ['tcp', 'udp'],
  ],
  [
    '*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 8443 -j REDIRECT --to-ports 8443\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n-A INPUT -p udp --dport 8443 -j ACCEPT\nCOMMIT\n',
    ['tcp'],
  ],
  ['', []],
])('reads rules of a packet filter: %s', (rules, closed) => {
  const isClosed = (protocol: 'tcp' | 'udp') => closedPortRemedy(rules, 8443, protocol) !== undefined;
  expect((['tcp', 'udp'] as const).filter(isClosed)).toEqual(closed);
});

it.each([
  [':INPUT ACCEPT [0:0]\n-A INPUT -j DROP\n', /^iptables -I INPUT -p tcp --dport 8443 -j ACCEPT /],
  [':INPUT DROP [0:0]\n-A INPUT -j ufw-before-input\n', /^ufw allow 8443\/tcp$/],
  [FIREWALLD, /^firewall-cmd --permanent --add-port=8443\/tcp && firewall-cmd --reload$/],
  [ACCEPTING('tcp dport 8443 drop'), /^nft insert rule inet filter in tcp dport 8443 accept /],
  [`${UFW_ALLOWS}${DROPPING}`, /^nft insert rule inet filter input tcp dport 8443 accept /],
  [UFW_ALLOWS.replace('8443', '22'), /^ufw allow 8443\/tcp$/],
  [
    ':INPUT DROP [0:0]\n-A INPUT -p tcp --dport 8443 -j DROP\n-A INPUT -j ufw-before-input\n',
    /^iptables -I INPUT -p tcp --dport 8443 -j ACCEPT /,
  ],
  [
    '*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 8443 -j DROP\n',
    /^iptables -t raw -I PREROUTING /,
  ],
])('opens a port by the program that closes it: %s', (rules, remedy) => {
  expect(closedPortRemedy(rules, 8443, 'tcp')).toMatch(remedy);
});

it('tells a default route of IPv6 from one that rejects', () => {
  expect([hasDefaultRoute(ROUTES), hasDefaultRoute(REJECTING), hasDefaultRoute('')]).toEqual([
    true,
    false,
    false,
  ]);
});
