import { isIP } from 'node:net';
import * as z from 'zod';
import { interfaceNameIn, parseIpJson } from './ip-json.ts';
import { type DeviceOf, identity, type NetworkInterface, usableAddresses } from './network-view.ts';

const ipAddress = z.object({
  local: z.string().optional(),
  prefixlen: z.int().optional(),
  tentative: z.boolean().optional(),
  dadfailed: z.boolean().optional(),
});

/** What `ip -json -details address` prints of an interface, in part (iproute2's names). */
const ipLink = z.object({
  ifindex: z.int(),
  ifname: z.string().min(1),
  flags: z.array(z.string()),
  link_type: z.string().optional(),
  address: z.string().optional(),
  permaddr: z.string().optional(),
  parentbus: z.string().optional(),
  parentdev: z.string().optional(),
  linkinfo: z.object({ info_kind: z.string().optional() }).optional(),
  addr_info: z.array(ipAddress).optional(),
});

// Older versions put an empty object where an interface was filtered out.
const ipLinks = z.array(z.union([ipLink, z.strictObject({})]));

export type IpLink = z.output<typeof ipLink>;
export type IpAddress = z.output<typeof ipAddress>;

/**
 * Reads the output of `ip -json -details address`, each interface with its name as text.
 * @throws SyntaxError when it is something else
 */
export function parseIpLinks(output: string): IpLink[] {
  const links = ipLinks.safeParse(parseIpJson(output));
  if (!links.success) throw new SyntaxError('not a list of interfaces');
  return links.data.filter(isLink).map((link) => ({ ...link, ifname: interfaceNameIn(link.ifname) }));
}

/**
 * The interfaces in the output of `ip -json -details address`. Routes are not in it.
 * @throws SyntaxError when it is something else
 */
export function parseIpAddress(text: string, deviceOf: DeviceOf): Omit<NetworkInterface, 'routes'>[] {
  return parseIpLinks(text).map((link) => ({
    name: link.ifname,
    index: link.ifindex,
    kind: kindOf(link, deviceOf),
    ...identity([link.address, link.permaddr], link.parentdev ?? deviceOf(link.ifname)),
    isUp: link.flags.includes('UP'),
    hasCarrier: link.flags.includes('LOWER_UP'),
    addresses: usableAddresses((link.addr_info ?? []).filter(canBeBound).map(({ local = '' }) => local)),
  }));
}

/** Whether a socket can be bound to the address: one that another machine may turn out to have cannot. */
export function canBeBound({ local = '', tentative, dadfailed }: IpAddress): boolean {
  return isIP(local) !== 0 && !tentative && !dadfailed;
}

function isLink(value: IpLink | Record<string, never>): value is IpLink {
  return 'ifname' in value;
}

function kindOf(link: IpLink, deviceOf: DeviceOf): string {
  if (link.link_type === 'loopback') return 'loopback';
  if (link.parentbus !== undefined || deviceOf(link.ifname) !== undefined) return 'hardware';
  return link.linkinfo?.info_kind ?? (link.link_type === 'ppp' ? 'ppp' : 'unknown');
}
