import { isSameHost } from '../../shared/runtime/address/ip-address.ts';
import { deviceBindingOf, type Uplink } from '../uplink/uplink.ts';
import type { NetworkInterface, NetworkView } from './network-view.ts';

/**
 * What of the network an uplink depends on: the interface that it is bound to, or that has its address, with all that is known of
 * it; for a proxy that is bound to nothing, every interface that leads outside. Deeply equal where nothing has changed for it.
 */
export function situationOf({ binding }: Uplink, { interfaces }: NetworkView): readonly NetworkInterface[] {
  const device = deviceBindingOf(binding);
  if (device === undefined) return interfaces.filter(leadsOutside);
  return interfaces.filter(({ name, addresses }) =>
    device.kind === 'interface'
      ? name === device.interface
      : addresses.some((address) => isSameHost(address, device.address)),
  );
}

/** As far as is known. */
function leadsOutside({ isUp, hasCarrier, addresses, routes }: NetworkInterface): boolean {
  return isUp && hasCarrier && addresses.length > 0 && routes?.length !== 0;
}
