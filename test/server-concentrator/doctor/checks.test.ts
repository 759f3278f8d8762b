import { expect, it } from 'vitest';
import type { ConcentratorConfig } from '../../../server-concentrator/config/concentrator-config.ts';
import type { ConcentratorCase } from '../../../server-concentrator/doctor/case/concentrator-check.ts';
import { hasDefaultRoute } from '../../../server-concentrator/doctor/checks/ipv6.ts';
import { CONCENTRATOR_CHECKS } from '../../../server-concentrator/doctor/concentrator-checks.ts';
import { readCertificate } from '../../../shared/runtime/identity/certificate.ts';
import { makeCertificate } from '../../support/certificate.ts';

const identity = await makeCertificate();
const pin = readCertificate(identity.certificate)!.pin.text;
const GIB = 1024 ** 3;
const DROPPING =
  'table inet filter {\n\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n\t\ttcp dport 22 accept\n\t}\n}\n';

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
    secretFileProblems: async () => [],
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

/** A problem of one file, in words of the test's own. */
function unreadableOf(broken: string): ConcentratorCase['secretFileProblems'] {
  return async (files) =>
    [...files].flatMap(([file, secret]) =>
      file === broken
        ? [{ problem: `the service cannot read ${file}, with ${secret}`, remedy: `mend ${file}` }]
        : [],
    );
}

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
    { secretFileProblems: unreadableOf('key.pem') },
    'warning',
    /the service cannot read key.pem, with the key$/,
    /^mend key.pem$/,
  ],
  ['certificate', { now: () => new Date('2100-01-01') }, 'warning', /has expired/, /certificate prepare/],
  ['clients', { keys: { clients: [] } }, 'warning', /nobody may connect/, /client add/],
  [
    'clients',
    { secretFileProblems: unreadableOf('clients.yaml') },
    'warning',
    /the service cannot read clients.yaml, with keys$/,
    /^mend clients.yaml$/,
  ],
  [
    'clients',
    { keys: { clients: [] }, secretFileProblems: unreadableOf('clients.yaml') },
    'warning',
    /^nobody may connect; the service cannot read clients.yaml/,
    /client add NAME\nmend clients.yaml$/,
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
  expect(await check('port').run(it)).toMatchObject({
    outcome: 'ok',
    words: 'the concentrator answers at 0.0.0.0:8443',
  });
});

it.each<[string, Changes, string, RegExp]>([
  // A balancer on this machine passes connections on.
  [
    'what listens for this machine alone',
    { keys: { listen: [{ host: '127.0.0.1', port: 8443, required: true }] } },
    'skipped',
    /^$/,
  ],
  [
    'rules for IPv6 alone',
    { runTool: async (name) => (name === 'ip6tables-save' ? ':INPUT DROP [0:0]\n' : undefined) },
    'warning',
    /^ip6tables -I INPUT -p tcp --dport 8443/,
  ],
  [
    'those of both families',
    { runTool: async (name) => (name.endsWith('tables-save') ? ':INPUT DROP [0:0]\n' : DROPPING) },
    'warning',
    /^iptables .* tcp .*\nip6tables .* tcp .*\niptables .* udp .*\nip6tables .* udp .*$/,
  ],
])('looks at the firewall: %s', async (_, changes, outcome, remedy) => {
  const check = CONCENTRATOR_CHECKS.find(({ name }) => name === 'firewall')!;
  const runTool = async (name: string) => (name === 'nft' ? DROPPING : undefined);
  const finding = await check.run(machine({ runTool, ...changes }));
  expect(finding.outcome).toBe(outcome);
  expect(finding.remedy?.join('\n')).toMatch(remedy);
});

it('tells a default route of IPv6 from one that rejects', () => {
  expect([hasDefaultRoute(ROUTES), hasDefaultRoute(REJECTING), hasDefaultRoute('')]).toEqual([
    true,
    false,
    false,
  ]);
});
