import { fileURLToPath } from 'node:url';
import type { Network, Path } from '../support/namespaces.ts';
import type { Changes } from '../support/pair.ts';
import { STRANGER_PORT } from './doctor-bed.ts';

/** Something that goes wrong on one path, or for the whole machine. */
export interface Fault {
  readonly name: string;
  /** The check that finds it, and how. */
  readonly check: string;
  readonly outcome: 'failed' | 'warning';
  /** What its remedy says. */
  readonly remedy: RegExp;
  /** It concerns all uplinks. */
  readonly isGlobal?: boolean;
  /** Makes it so; returns what undoes it. */
  inject?(network: Network, path: Path): Promise<() => Promise<unknown>>;
  /** Keys of the client's configuration, as `ExamineOptions.changes`. */
  readonly changes?: Changes;
  readonly env?: Readonly<Record<string, string>>;
}

/** A certificate and a key that nobody has. */
const OTHER_PIN = 'sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
const OTHER_KEY = 'BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA';
/** The concentrator. */
const BY_NUMBER = '10.78.0.1';
const CLOCK = fileURLToPath(new URL('clock-ahead.mjs', import.meta.url));

/** In the order of the checks that find them. */
export const FAULTS: readonly Fault[] = [
  {
    name: 'no carrier',
    check: 'interface',
    outcome: 'failed',
    remedy: /cable|connect/,
    async inject({ concentrator }, { name, address }) {
      await concentrator.ip(4, [`link set dev ${name} down`]);
      return async () => {
        await concentrator.ip(4, [`link set dev ${name} up`]);
        // The kernel has taken it away.
        const far = address.v6.replace(/:\w+$/, ':1');
        await concentrator.ip(6, [`address replace ${far}/64 dev ${name} nodad`]);
      };
    },
  },
  {
    name: 'no address',
    check: 'address',
    outcome: 'failed',
    remedy: /DHCP|dhclient|ip address/,
    async inject({ client }, path) {
      for (const family of [4, 6] as const) {
        await client.ip(family, [`address flush dev ${path.name} scope global`]);
      }
      return () => path.linkUp();
    },
  },
  {
    name: 'no route',
    check: 'route',
    outcome: 'failed',
    remedy: /ip route add default/,
    async inject({ client }, path) {
      for (const family of [4, 6] as const) {
        const lines = ['main', tableOf(path)].map(
          (table) => `route del default dev ${path.name} table ${table}`,
        );
        await client.ip(family, lines, true);
      }
      return () => path.linkUp();
    },
  },
  {
    name: 'IPv6 alone, and no translator to IPv4',
    check: 'route',
    outcome: 'failed',
    remedy: /^add an IPv6 address of the concentrator/,
    async inject({ client }, path) {
      await client.ip(4, [`address flush dev ${path.name} scope global`]);
      return () => path.linkUp();
    },
    changes: { 'concentrator.addresses': [`${BY_NUMBER}:8443`] },
  },
  {
    name: 'strict reverse path filtering',
    check: 'reverse-path',
    outcome: 'failed',
    remedy: /sysctl -w net\.ipv4\.conf\.\w+\.rp_filter=2/,
    async inject({ client }, path) {
      await client.ip(4, [`rule del lookup ${tableOf(path)}`]);
      await client.sysctl({ [`net.ipv4.conf.${path.name}.rp_filter`]: 1 });
      return async () => {
        await client.sysctl({ [`net.ipv4.conf.${path.name}.rp_filter`]: 0 });
        await path.linkUp();
      };
    },
  },
  {
    name: 'a dead name server',
    check: 'names',
    outcome: 'failed',
    remedy: /nameServers/,
    inject: ({ concentrator }, { name }) =>
      rules(concentrator, `dns-${name}`, `iifname "${name}" udp dport 53 drop`),
  },
  {
    name: 'a port that drops',
    check: 'tcp',
    outcome: 'failed',
    // Other ports of the machine answer: so it is with a login, too.
    remedy: /log in to this network[\s\S]*open TCP port 8443/,
    inject: ({ concentrator }, { name }) =>
      rules(concentrator, `drop-${name}`, `iifname "${name}" tcp dport 8443 drop`),
  },
  {
    name: 'a port that refuses',
    check: 'tcp',
    outcome: 'failed',
    remedy: /systemctl start tributary-concentrator/,
    inject: ({ concentrator }, { name }) =>
      rules(
        concentrator,
        `refuse-${name}`,
        `iifname "${name}" tcp dport 8443 reject with tcp reset`,
        'input',
      ),
  },
  {
    name: "a stranger's certificate",
    check: 'tls-and-pin',
    outcome: 'failed',
    remedy: /tributary-concentrator check/,
    inject: ({ concentrator }, { name }) =>
      rules(
        concentrator,
        `stranger-${name}`,
        `iifname "${name}" tcp dport 8443 redirect to :${STRANGER_PORT}`,
        'nat',
      ),
  },
  {
    name: 'another pin',
    check: 'tls-and-pin',
    outcome: 'failed',
    remedy: /join --update/,
    isGlobal: true,
    changes: { 'concentrator.pin': OTHER_PIN },
  },
  {
    name: 'an unknown key',
    check: 'authentication',
    outcome: 'failed',
    remedy: /tributary-concentrator client list/,
    isGlobal: true,
    changes: { 'client.key': OTHER_KEY },
  },
  {
    name: 'a clock that is wrong',
    check: 'clock',
    outcome: 'warning',
    remedy: /set-ntp/,
    isGlobal: true,
    env: { NODE_OPTIONS: `--import=${CLOCK}` },
  },
  {
    name: 'packets above 1400 that vanish',
    check: 'packet-size',
    outcome: 'warning',
    remedy: /mtu 1400/,
    async inject({ client, concentrator }, path) {
      await path.cutPackets();
      const undo = await Promise.all(
        [client, concentrator].map((end) =>
          rules(end, `hole-${path.name}`, `iifname "${path.name}" meta length > 1400 drop`),
        ),
      );
      return () => Promise.all(undo.map((one) => one()));
    },
  },
  {
    name: 'UDP that is blocked',
    check: 'udp',
    outcome: 'warning',
    remedy: /ufw allow 8443\/udp/,
    inject: ({ concentrator }, { name }) =>
      rules(concentrator, `udp-${name}`, `iifname "${name}" udp dport 8443 drop`),
  },
];

function tableOf({ address }: Path): number {
  return 100 + Number(address.v4.split('.')[2]);
}

/** Adds a table with one rule to the packet filter of a namespace; returns what removes it. */
async function rules(
  namespace: Network['client'],
  name: string,
  rule: string,
  kind: 'raw' | 'input' | 'nat' = 'raw',
): Promise<() => Promise<unknown>> {
  const hook = {
    raw: 'type filter hook prerouting priority raw',
    input: 'type filter hook input priority 0',
    nat: 'type nat hook prerouting priority dstnat',
  }[kind];
  const input = `table inet ${name} { chain faulty { ${hook}; ${rule}; }; }\n`;
  await namespace.exec('nft', ['-f', '-'], { input });
  return () => namespace.exec('nft', ['delete', 'table', 'inet', name]);
}
