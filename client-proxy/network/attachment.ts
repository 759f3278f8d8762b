import { isSameHost } from '../../shared/runtime/address/ip-address.ts';
import type { DeviceBinding } from '../uplink/uplink.ts';
import type { Attachment } from '../uplink/uplink-device.ts';
import { familyOf, type NetworkView } from './network-view.ts';

/**
 * What a socket to `host` must be bound to so that the kernel sends its packets the uplink's way: also to a source address where a
 * rule wants one, also to the interface that has the address where the routes lead elsewhere.
 */
export function attachmentOf(
  binding: DeviceBinding,
  host: string,
  view: NetworkView | undefined,
): Attachment {
  const interfaces = view?.interfaces ?? [];
  if (binding.kind === 'interface') {
    const own = interfaces.find(({ name }) => name === binding.interface);
    const address = own?.routing?.sources.find((source) => familyOf(source) === familyOf(host));
    return { interface: binding.interface, ...(address === undefined ? {} : { address }) };
  }
  const { address } = binding;
  const has = (addresses: readonly string[] = []) => addresses.some((one) => isSameHost(one, address));
  const holders = interfaces.filter(({ addresses }) => has(addresses));
  const isSameFamily = familyOf(address) === familyOf(host);
  const isAstray = isSameFamily && holders.length > 0 && holders.every(({ routing }) => has(routing?.strays));
  return { address, ...(isAstray ? { interface: holders[0]!.name } : {}) };
}
