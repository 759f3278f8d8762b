import { ok, skipped, warning } from '../../../shared/runtime/doctor/finding.ts';
import { datagramPorts } from '../../config/datagram-ports.ts';
import type { ConcentratorCheck } from '../case/concentrator-check.ts';

const PROVIDER = 'a firewall of the provider cannot be seen from here';

type Protocol = 'tcp' | 'udp';

/** Whether the packet filter of this machine lets clients in, as far as its rules can be read. */
export const firewallCheck: ConcentratorCheck = {
  name: 'firewall',
  async run({ config, runTool }) {
    const tcp = [...new Set(config.listen.map(({ port }) => port))];
    const ports = [
      ...tcp.map((port) => ({ port, protocol: 'tcp' as const })),
      ...datagramPorts(config).map((port) => ({ port, protocol: 'udp' as const })),
    ];
    const rules = [await runTool('nft', ['list', 'ruleset']), await runTool('iptables-save', [])];
    const readable = rules.filter((text) => text !== undefined);
    if (readable.length === 0) return skipped(`its rules can be read by root alone; ${PROVIDER}`);
    const closed = ports.filter(({ port, protocol }) =>
      readable.some((text) => isClosedFor(text, port, protocol)),
    );
    if (closed.length === 0) return ok(`no rule of this machine closes ${portsText(ports)}; ${PROVIDER}`);
    return warning(
      `incoming packets are dropped unless a rule allows them, and no rule names ${portsText(closed)}`,
      closed.map(
        ({ port, protocol }) =>
          `ufw allow ${port}/${protocol}   # or: firewall-cmd --add-port=${port}/${protocol} --permanent; firewall-cmd --reload`,
      ),
    );
  },
};

function portsText(ports: readonly { readonly port: number; readonly protocol: Protocol }[]): string {
  return ports.map(({ port, protocol }) => `${protocol === 'tcp' ? 'TCP' : 'UDP'} port ${port}`).join(', ');
}

/** By the text of the rules: what drops by default has to name the port somewhere, be it in a set. */
export function isClosedFor(rules: string, port: number, protocol: Protocol): boolean {
  const dropsByDefault = /hook input[^}]*policy drop|^:INPUT (DROP|REJECT)/ms.test(rules);
  return dropsByDefault && !rules.split('\n').some((line) => isFor(line, protocol) && namesPort(line, port));
}

/** Whether a rule may be about the protocol: it names that one, or none. */
function isFor(line: string, protocol: Protocol): boolean {
  const other = protocol === 'tcp' ? 'udp' : 'tcp';
  return !new RegExp(`\\b${other}\\b`).test(line) || new RegExp(`\\b${protocol}\\b`).test(line);
}

function namesPort(line: string, port: number): boolean {
  if (new RegExp(`(?<![\\d.:])${port}(?![\\d.:])`).test(line)) return true;
  const ranges = [...line.matchAll(/(?<![\d.])(\d{1,5})[-:](\d{1,5})(?![\d.])/g)];
  return ranges.some(([, from, to]) => Number(from) <= port && port <= Number(to));
}
