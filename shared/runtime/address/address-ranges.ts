import ipaddr from 'ipaddr.js';
import { isInNetwork, type Network, parseAddress } from './ip-address.ts';

/** Ranges of addresses, asked where connections come from. */
export class AddressRanges {
  readonly #networks: readonly Network[];

  /** @param networks as `parseNetwork` gives them */
  constructor(networks: readonly string[]) {
    this.#networks = networks.flatMap(networkForms);
  }

  get isEmpty(): boolean {
    return this.#networks.length === 0;
  }

  /**
   * Whether an address lies in one of them. An IPv4 address in IPv6 spelling (`::ffff:192.0.2.1`) counts as the IPv4 address, since
   * a dual-stack socket spells it so. The zone of a link-local address is left out.
   */
  has(text: string): boolean {
    const parsed = parseAddress(text.split('%', 1)[0]!);
    if (parsed === undefined) return false;
    const isMapped = parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress();
    const address = isMapped ? (parsed as ipaddr.IPv6).toIPv4Address() : parsed;
    return this.#networks.some((network) => isInNetwork(address, network));
  }
}

/** The network of a text; one of IPv4-mapped addresses is a network of IPv4 addresses, too. */
export function networkForms(text: string): readonly Network[] {
  const network: Network = ipaddr.parseCIDR(text);
  const [address, bits] = network;
  const isMapped = bits >= IPV4_MAPPED[1] && isInNetwork(address, IPV4_MAPPED);
  return isMapped
    ? [network, [new ipaddr.IPv4(address.toByteArray().slice(12)), bits - IPV4_MAPPED[1]]]
    : [network];
}

const IPV4_MAPPED: Network = ipaddr.parseCIDR('::ffff:0:0/96');
