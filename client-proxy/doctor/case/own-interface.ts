import { isSameHost } from '../../../shared/runtime/address/ip-address.ts';
import { isLoopback } from '../../../shared/runtime/address/special-ranges.ts';
import type { ConfiguredUplink } from '../../config/client-config.ts';
import type { NetworkInterface, NetworkView } from '../../network/network-view.ts';
import { deviceBindingOf } from '../../uplink/uplink.ts';

/** The interface that has an address. */
export function holderOf(address: string, { interfaces }: NetworkView): NetworkInterface | undefined {
  return interfaces.find(({ addresses }) => addresses.some((own) => isSameHost(own, address)));
}

/** The interface that an uplink uses; undefined where it is not there, or the uplink is a proxy that is bound to none. */
export function interfaceOf({ binding }: ConfiguredUplink, view: NetworkView): NetworkInterface | undefined {
  const device = deviceBindingOf(binding);
  if (device?.kind === 'address') return holderOf(device.address, view);
  return view.interfaces.find(({ name }) => name === device?.interface);
}

/** Whether there is an interface to look at: a proxy may be bound to none, and all of 127.0.0.0/8 is there without being listed. */
export function hasInterface({ binding }: ConfiguredUplink): boolean {
  const device = deviceBindingOf(binding);
  return device !== undefined && !(device.kind === 'address' && isLoopback(device.address));
}
