import { isIPv6 } from 'node:net';
import { judgeAddress } from '../../../shared/runtime/address/special-ranges.ts';
import { ok, warning } from '../../../shared/runtime/doctor/finding.ts';
import type { ConcentratorCheck } from '../case/concentrator-check.ts';

/** Whether origins, and clients, can be reached over IPv6; a machine that has an address and no route only looks so. */
export const ipv6Check: ConcentratorCheck = {
  name: 'ipv6',
  async run({ config, ownAddresses, readFile }) {
    const usable = usableV6(await ownAddresses([]));
    if (usable.length === 0) {
      return config.public.some(({ host }) => isIPv6(host))
        ? warning('"public" has an IPv6 address, and this machine has none', [
            'enable IPv6 at the provider, or take the address out of "public"',
          ])
        : ok(NONE);
    }
    const global = usable.filter((address) => scopeOf(address) === undefined);
    if (global.length === 0) return ok(`${usable.join(', ')}, which lead nowhere outside`);
    const routes = await readFile('/proc/net/ipv6_route');
    if (routes !== undefined && !hasDefaultRoute(routes)) {
      return warning(`${global.join(', ')}, but there is no default route`, [
        'ip -6 route add default via GATEWAY dev INTERFACE   # the provider tells the gateway, often fe80::1',
      ]);
    }
    return ok(global.join(', '));
  },
};

/** Those of IPv6 that other machines can come to. */
export function usableV6(own: readonly string[]): string[] {
  return own.filter((address) => isIPv6(address) && !BESIDE.has(scopeOf(address) ?? ''));
}

function scopeOf(address: string) {
  return judgeAddress(address)?.[0]?.special?.scope;
}

/** include/uapi/linux/route.h and ipv6_route.h */
const RTF_UP = 0x1;
const RTF_REJECT = 0x200;
const ANY = '0'.repeat(32);

/** Scopes of addresses that no other network knows. */
const BESIDE: ReadonlySet<string> = new Set(['loopback', 'link']);
const NONE = 'none: clients and origins are reached over IPv4';

/** In the text of /proc/net/ipv6_route: destination, its length, six more columns, flags, interface. */
export function hasDefaultRoute(table: string): boolean {
  return table.split('\n').some((line) => {
    const [destination, length, , , , , , , flags = '0', device] = line.trim().split(/\s+/);
    const bits = Number.parseInt(flags, 16);
    return (
      destination === ANY &&
      length === '00' &&
      device !== 'lo' &&
      (bits & RTF_UP) !== 0 &&
      (bits & RTF_REJECT) === 0
    );
  });
}
