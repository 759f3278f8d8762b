import { isSameHost } from '../../shared/runtime/address/ip-address.ts';
import type { ConfiguredUplink } from '../config/client-config.ts';
import type { NetworkInterface, NetworkView } from '../network/network-view.ts';

/** The interface that has an address. */
export function holderOf(address: string, { interfaces }: NetworkView): NetworkInterface | undefined {
  return interfaces.find(({ addresses }) => addresses.some((own) => isSameHost(own, address)));
}

/** The interface that an uplink uses; undefined where it is not there, or the uplink is a proxy. */
export function interfaceOf({ binding }: ConfiguredUplink, view: NetworkView): NetworkInterface | undefined {
  if (binding.kind === 'address') return holderOf(binding.address, view);
  if (binding.kind === 'proxy') return undefined;
  return view.interfaces.find(({ name }) => name === binding.interface);
}
