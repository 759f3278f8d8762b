import { ok, skipped, warning } from '../../../shared/runtime/doctor/finding.ts';
import type { ConcentratorCheck } from '../case/concentrator-check.ts';

const PROVIDER = 'a firewall of the provider cannot be seen from here';

/** Whether the packet filter of this machine lets clients in, as far as its rules can be read. */
export const firewallCheck: ConcentratorCheck = {
  name: 'firewall',
  async run({ config, runTool }) {
    const ports = [...new Set(config.listen.map(({ port }) => port))];
    const rules = [await runTool('nft', ['list', 'ruleset']), await runTool('iptables-save', [])];
    const readable = rules.filter((text) => text !== undefined);
    if (readable.length === 0) return skipped(`its rules can be read by root alone; ${PROVIDER}`);
    const closed = ports.filter((port) => readable.some((text) => isClosedFor(text, port)));
    if (closed.length === 0)
      return ok(`no rule of this machine closes port ${ports.join(', ')}; ${PROVIDER}`);
    return warning(
      `incoming packets are dropped unless a rule allows them, and no rule names port ${closed.join(', ')}`,
      closed.map(
        (port) =>
          `ufw allow ${port}/tcp   # or: firewall-cmd --add-port=${port}/tcp --permanent; firewall-cmd --reload`,
      ),
    );
  },
};

/** By the text of the rules: what drops by default has to name the port somewhere, be it in a set. */
export function isClosedFor(rules: string, port: number): boolean {
  const dropsByDefault = /hook input[^}]*policy drop|^:INPUT (DROP|REJECT)/ms.test(rules);
  const names = new RegExp(`(?<![\\d.:])${port}(?![\\d.:])`);
  const ranges = [...rules.matchAll(/(?<![\d.])(\d{1,5})[-:](\d{1,5})(?![\d.])/g)];
  const isInRange = ranges.some(([, from, to]) => Number(from) <= port && port <= Number(to));
  return dropsByDefault && !names.test(rules) && !isInRange;
}
