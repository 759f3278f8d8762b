import { isInNetwork, isSameHost, parseAddress } from '../../../shared/runtime/address/ip-address.ts';
import { canBeBound, type IpLink } from '../ip-output.ts';
import { type AddressFamily, familyOf, usableAddresses } from '../network-view.ts';

/** An interface as a diagnosis looks at it. */
export interface PathDevice {
  readonly name: string;
  readonly index: number;
  readonly isUp: boolean;
  readonly hasCarrier: boolean;
  /** Whether it has neighbours, which are found by ARP or neighbour discovery; a tunnel or a modem may have none. */
  readonly isBroadcast: boolean;
  /** Addresses that packets can come back to. */
  readonly addresses: readonly string[];
  /** The networks that it is part of, by its IPv4 addresses. */
  readonly networks: readonly LocalNetwork[];
}

/** An address and the network around it. */
export interface LocalNetwork {
  readonly address: string;
  readonly prefixLength: number;
}

export function pathDevice(link: IpLink): PathDevice {
  const bound = (link.addr_info ?? []).filter(canBeBound);
  return {
    name: link.ifname,
    index: link.ifindex,
    isUp: link.flags.includes('UP'),
    hasCarrier: link.flags.includes('LOWER_UP'),
    isBroadcast: link.flags.includes('BROADCAST') && !link.flags.includes('NOARP'),
    addresses: usableAddresses(bound.map(({ local = '' }) => local)),
    networks: bound.flatMap(({ local = '', prefixlen }) =>
      familyOf(local) === 4 && prefixlen !== undefined ? [{ address: local, prefixLength: prefixlen }] : [],
    ),
  };
}

export function addressesOf({ addresses }: PathDevice, family: AddressFamily): readonly string[] {
  return addresses.filter((address) => familyOf(address) === family);
}

/** Whether `host` lies in the network. */
export function isNear(host: string, { address, prefixLength }: LocalNetwork): boolean {
  const [one, base] = [parseAddress(host), parseAddress(address)];
  return one !== undefined && base !== undefined && isInNetwork(one, [base, prefixLength]);
}

/** Those of `others` that are up and in the same LAN as `source` on `own`, as far as addresses tell. */
export function inSameLan(
  own: PathDevice,
  source: string,
  others: readonly PathDevice[],
): readonly PathDevice[] {
  const ownNetwork = own.networks.find(({ address }) => isSameHost(address, source));
  if (ownNetwork === undefined) return [];
  return others.filter(
    (other) =>
      other.index !== own.index &&
      other.isUp &&
      other.hasCarrier &&
      other.isBroadcast &&
      other.networks.some(
        (network) =>
          // The same address twice is in two LANs, or nothing would work there.
          !isSameHost(network.address, source) &&
          isNear(network.address, ownNetwork) &&
          isNear(source, network),
      ),
  );
}
