import {
  embeddedIpv4,
  isInNetwork,
  parseAddress,
  specialRange,
} from '../../shared/runtime/address/special-ranges.ts';

/** Special ranges that lie behind an uplink as well as anywhere else; the others are this machine, or nobody's. */
const REACHABLE: ReadonlySet<string> = new Set([
  'private',
  'carrier-grade NAT',
  'unique local',
  'site-local',
  'benchmarking',
  'documentation',
  '6to4 relay anycast',
  'IETF protocol assignments',
]);

/**
 * Why no direct connection may be made to an address, in words; undefined where one may.
 *
 * Private networks are open, since a rule sends them there on purpose (a printer, a router's pages). Closed is what leads to
 * this machine, link-local and metadata addresses included: whoever uses the proxy from elsewhere, or controls a name that
 * a rule lets pass, must not get at what listens for this machine alone.
 */
export function directRefusal(text: string, ownAddresses: readonly string[]): string | undefined {
  const address = parseAddress(text);
  if (address === undefined) return `"${text}" is not an IP address without a zone`;
  for (const form of [address, ...embeddedIpv4(address)]) {
    const special = specialRange(form);
    if (special !== undefined && !REACHABLE.has(special.name)) {
      return `${text} is a special address (${special.name}, ${special.cidr}), which is not dialled directly`;
    }
    const isOwn = ownAddresses.some((own) => {
      const parsed = parseAddress(own);
      return parsed !== undefined && isInNetwork(form, [parsed, parsed.kind() === 'ipv4' ? 32 : 128]);
    });
    if (isOwn) return `${text} is this machine itself`;
  }
  return undefined;
}
