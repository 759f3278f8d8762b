import { isIP, isIPv6 } from 'node:net';
import { failed, ok, skipped } from '../../../shared/runtime/doctor/finding.ts';
import { routeDestinations } from '../../config/route-destinations.ts';
import { familyOf } from '../../network/network-view.ts';
import { deviceBindingOf } from '../../uplink/uplink.ts';
import { hasInterface, interfaceOf } from '../case/own-interface.ts';
import type { UplinkCheck } from '../case/uplink-check.ts';
import { askForAddress, NETWORK_UNKNOWN } from '../case/words.ts';

/** It has an address that packets can come back to, of a family that the other end has. */
export const addressCheck: UplinkCheck = {
  name: 'address',
  needs: ['interface'],
  applies: ({ uplink }) => hasInterface(uplink),
  run({ uplink, view, networkProblem, config }) {
    if (networkProblem !== undefined) return skipped(NETWORK_UNKNOWN);
    const own = interfaceOf(uplink, view)!;
    const device = deviceBindingOf(uplink.binding);
    const addresses = device?.kind === 'address' ? [device.address] : own.addresses;
    if (addresses.length === 0) {
      return failed(`${own.name} has no address that packets can come back to`, [askForAddress(own.name)]);
    }
    const { binding } = uplink;
    const others = binding.kind === 'proxy' ? [binding] : routeDestinations(config);
    const families = others.map(({ host }) => isIP(host));
    const text = addresses.join(', ');
    if (addresses.some((address) => families.some((one) => one === 0 || one === familyOf(address))))
      return ok(text);
    // A network without IPv4 may have a translator, which is seen when it is used.
    if (addresses.every(isIPv6) && binding.kind !== 'proxy')
      return ok(`${text}: to the concentrator's IPv4 it takes a translator (NAT64)`);
    return failed(`${text}, but the addresses of the other end are of the other family`, [
      'add an address of that family to concentrator.addresses, or a name',
    ]);
  },
};
