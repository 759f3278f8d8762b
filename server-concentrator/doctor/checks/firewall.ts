import { isIPv6 } from 'node:net';
import { ok, skipped, warning } from '../../../shared/runtime/doctor/finding.ts';
import { datagramPorts } from '../../config/datagram-ports.ts';
import type { ConcentratorCheck } from '../case/concentrator-check.ts';
import { closedPortRemedy, type Protocol } from './firewall-rules.ts';
import { usableV6 } from './ipv6.ts';

const PROVIDER = 'a firewall of the provider cannot be seen from here';

/** Whether the packet filter of this machine lets clients in, as far as its rules can be read. */
export const firewallCheck: ConcentratorCheck = {
  name: 'firewall',
  async run({ config, runTool, ownAddresses }) {
    const tcp = [...new Set(config.listen.map(({ port }) => port))];
    const ports = [
      ...tcp.map((port) => ({ port, protocol: 'tcp' as const })),
      ...datagramPorts(config).map((port) => ({ port, protocol: 'udp' as const })),
    ];
    // The newer iptables shows in both; the user knows it by its own name.
    const rules = [await runTool('iptables-save', []), await runTool('nft', ['list', 'ruleset'])];
    const readable = rules.filter((text) => text !== undefined);
    if (readable.length === 0) return skipped(`its rules can be read by root alone; ${PROVIDER}`);
    const isV6Used =
      config.listen.some(({ host }) => isIPv6(host)) && usableV6(await ownAddresses([])).length > 0;
    const closed = ports.flatMap(({ port, protocol }) => {
      const remedy = readable
        .map((text) => closedPortRemedy(text, port, protocol, isV6Used))
        .find((one) => one !== undefined);
      return remedy === undefined ? [] : { port, protocol, remedy };
    });
    if (closed.length === 0) return ok(`no rule of this machine closes ${portsText(ports)}; ${PROVIDER}`);
    return warning(
      `the packet filter of this machine closes ${portsText(closed)}`,
      closed.map(({ remedy }) => remedy),
    );
  },
};

function portsText(ports: readonly { readonly port: number; readonly protocol: Protocol }[]): string {
  return ports.map(({ port, protocol }) => `${protocol === 'tcp' ? 'TCP' : 'UDP'} port ${port}`).join(', ');
}
