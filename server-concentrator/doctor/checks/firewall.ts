import { isIPv6 } from 'node:net';
import { isLoopback } from '../../../shared/runtime/address/special-ranges.ts';
import { ok, skipped, warning } from '../../../shared/runtime/doctor/finding.ts';
import { datagramPorts } from '../../config/datagram-ports.ts';
import type { ConcentratorCheck } from '../case/concentrator-check.ts';
import { closedPortRemedy } from '../firewall/closed-port.ts';
import type { Arrival } from '../firewall/rule.ts';
import { usableV6 } from './ipv6.ts';

const TOOLS = ['iptables', 'ip6tables', 'nft'] as const;
const PROVIDER = 'a firewall of the provider cannot be seen from here';

/** Whether the packet filter of this machine lets clients in, as far as its rules can be read. */
export const firewallCheck: ConcentratorCheck = {
  name: 'firewall',
  async run({ config, runTool, ownAddresses }) {
    // What connects from this machine itself comes over `lo`.
    const listen = config.listen.filter(({ host }) => !isLoopback(host));
    if (listen.length === 0) return skipped('it listens for this machine alone');
    const isV6Used = listen.some(({ host }) => isIPv6(host)) && usableV6(await ownAddresses([])).length > 0;
    const tcp = [...new Set(listen.map(({ port }) => port))];
    const arrivals: Arrival[] = [
      ...tcp.map((port) => ({ port, protocol: 'tcp' as const })),
      ...datagramPorts({ ...config, listen }).map((port) => ({ port, protocol: 'udp' as const })),
    ];
    const rules = {
      iptables: await runTool('iptables-save', []),
      ip6tables: isV6Used ? await runTool('ip6tables-save', []) : undefined,
      nft: await runTool('nft', ['list', 'ruleset']),
    };
    if (Object.values(rules).every((text) => text === undefined))
      return skipped(`its rules can be read by root alone; ${PROVIDER}`);
    const closed = arrivals.flatMap((arrival) => {
      const [byIptables, byIp6tables, byNft] = TOOLS.map((tool) => {
        const text = rules[tool];
        return text === undefined ? undefined : closedPortRemedy(text, arrival, { tool, isV6Used });
      });
      // The newer iptables shows in nft, too; the user knows it by its own name.
      const remedies = [byIptables, byIp6tables].flatMap((line) => line ?? []);
      const remedy = remedies.length > 0 || byNft === undefined ? remedies : [byNft];
      return remedy.length === 0 ? [] : { ...arrival, remedy };
    });
    if (closed.length === 0) return ok(`no rule of this machine closes ${portsText(arrivals)}; ${PROVIDER}`);
    return warning(`the packet filter of this machine closes ${portsText(closed)}`, [
      ...new Set(closed.flatMap(({ remedy }) => remedy)),
    ]);
  },
};

function portsText(ports: readonly Arrival[]): string {
  return ports.map(({ port, protocol }) => `${protocol === 'tcp' ? 'TCP' : 'UDP'} port ${port}`).join(', ');
}
