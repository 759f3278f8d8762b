import { type AddressFamily, familyOf, type NetworkInterface, usableAddresses } from './network-view.ts';

/** One route question: is there a route to `target` over the interface `device`? */
export interface RouteQuestion {
  readonly device: string;
  readonly target: string;
}

/** What `ip -json -details address` prints of an interface, in part (iproute2's names). */
interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly link_type?: string;
  readonly parentbus?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info?: readonly IpAddress[];
}

interface IpAddress {
  readonly local?: string;
  readonly tentative?: boolean;
  readonly dadfailed?: boolean;
}

/** Reads the output of `ip -json -details address`. Routes are not in it. Throws when it is something else. */
export function parseIpAddress(
  text: string,
  isHardware: (name: string) => boolean,
): Omit<NetworkInterface, 'routes'>[] {
  const links: unknown = JSON.parse(text);
  if (!Array.isArray(links)) throw new SyntaxError('not a list of interfaces');
  // Older versions put an empty object where an interface was filtered out.
  return links.filter(isLink).map((link) => ({
    name: link.ifname,
    index: link.ifindex,
    kind: kindOf(link, isHardware),
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

function isLink(value: unknown): value is IpLink {
  return typeof value === 'object' && value !== null && 'ifname' in value && 'flags' in value;
}

function boundAddress({ local, tentative, dadfailed }: IpAddress): string[] {
  return local === undefined || tentative || dadfailed ? [] : [local];
}

function kindOf(link: IpLink, isHardware: (name: string) => boolean): string {
  if (link.link_type === 'loopback') return 'loopback';
  if (link.parentbus !== undefined || isHardware(link.ifname)) return 'hardware';
  return link.linkinfo?.info_kind ?? (link.link_type === 'ppp' ? 'ppp' : 'unknown');
}
