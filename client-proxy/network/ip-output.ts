import { isIP } from 'node:net';
import { z } from 'zod';
import {
  type AddressFamily,
  type DeviceOf,
  familyOf,
  identity,
  type NetworkInterface,
  usableAddresses,
} from './network-view.ts';

/** One route question: is there a route to `target` over the interface `device`? */
export interface RouteQuestion {
  readonly device: string;
  readonly target: string;
}

const ipAddress = z.object({
  local: z.string().optional(),
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

type IpLink = z.output<typeof ipLink>;
type IpAddress = z.output<typeof ipAddress>;

/**
 * Reads the output of `ip -json -details address`. Routes are not in it.
 * @throws SyntaxError when it is something else
 */
export function parseIpAddress(text: string, deviceOf: DeviceOf): Omit<NetworkInterface, 'routes'>[] {
  const links = ipLinks.safeParse(JSON.parse(text));
  if (!links.success) throw new SyntaxError('not a list of interfaces');
  return links.data.filter(isLink).map((link) => ({
    name: link.ifname,
    index: link.ifindex,
    kind: kindOf(link, deviceOf),
    ...identity([link.address, link.permaddr], link.parentdev ?? deviceOf(link.ifname)),
    isUp: link.flags.includes('UP'),
    hasCarrier: link.flags.includes('LOWER_UP'),
    addresses: usableAddresses((link.addr_info ?? []).flatMap(boundAddress)),
  }));
}

/** The input of `ip -force -batch -` for these questions: the kernel answers by its own rules and tables. */
export function routeBatch(questions: readonly RouteQuestion[]): string {
  // Without fibmatch the kernel takes any address for a neighbour when only the interface is given.
  return questions.map(({ device, target }) => `route get fibmatch ${target} oif ${device}\n`).join('');
}

/**
 * Which questions have a route, from what `ip` wrote to stderr; undefined when it did not understand them.
 * Successes are in stdout without their number, failures here with theirs.
 */
export function answeredRoutes(
  questions: readonly RouteQuestion[],
  stderr: string,
): RouteQuestion[] | undefined {
  const failed = new Set<number>();
  let isAboutRoutes = true;
  for (const line of stderr.split('\n')) {
    const number = /^Command failed .*:(\d+)$/.exec(line)?.[1];
    if (number !== undefined) {
      failed.add(Number(number));
      // Anything else is a version that lacks the command, and says nothing of routes.
      if (!isAboutRoutes) return undefined;
      isAboutRoutes = true;
    } else if (line !== '') {
      isAboutRoutes = /^RTNETLINK answers|^Cannot find device/.test(line);
    }
  }
  return questions.filter((_, i) => !failed.has(i + 1));
}

/** The families in which an interface has both an address and a route. */
export function routedFamilies(
  { name, addresses }: Pick<NetworkInterface, 'name' | 'addresses'>,
  routes: readonly RouteQuestion[],
): AddressFamily[] {
  return ([4, 6] as const).filter(
    (family) =>
      addresses.some((address) => familyOf(address) === family) &&
      routes.some(({ device, target }) => device === name && familyOf(target) === family),
  );
}

function isLink(value: IpLink | Record<string, never>): value is IpLink {
  return 'ifname' in value;
}

function boundAddress({ local = '', tentative, dadfailed }: IpAddress): string[] {
  return isIP(local) === 0 || tentative || dadfailed ? [] : [local];
}

function kindOf(link: IpLink, deviceOf: DeviceOf): string {
  if (link.link_type === 'loopback') return 'loopback';
  if (link.parentbus !== undefined || deviceOf(link.ifname) !== undefined) return 'hardware';
  return link.linkinfo?.info_kind ?? (link.link_type === 'ppp' ? 'ppp' : 'unknown');
}
