import { isIP } from 'node:net';
import { failed, ok } from '../../../shared/runtime/doctor/finding.ts';
import { familyOf } from '../../network/network-view.ts';
import { interfaceOf } from '../own-interface.ts';
import type { UplinkCheck } from '../uplink-check.ts';

/** It has an address that packets can come back to, of a family that the concentrator has. */
export const addressCheck: UplinkCheck = {
  name: 'address',
  needs: ['interface'],
  run({ uplink, view, config: { concentrator } }) {
    const own = interfaceOf(uplink, view);
    if (own === undefined) return undefined;
    const { binding } = uplink;
    const addresses = binding.kind === 'address' ? [binding.address] : own.addresses;
    if (addresses.length === 0) {
      return failed(`${own.name} has no address that packets can come back to`, [
        `ask for one: networkctl renew ${own.name}, or: dhclient ${own.name}`,
      ]);
    }
    const families = concentrator.addresses.map(({ host }) => isIP(host));
    if (!addresses.some((address) => families.some((one) => one === 0 || one === familyOf(address)))) {
      return failed(`${addresses.join(', ')}, but the concentrator's addresses are of the other family`, [
        'add an address of that family to concentrator.addresses, or its name',
      ]);
    }
    return ok(addresses.join(', '));
  },
};
