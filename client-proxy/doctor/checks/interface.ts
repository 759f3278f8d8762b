import { failed, ok } from '../../../shared/runtime/doctor/finding.ts';
import type { NetworkInterface, NetworkView } from '../../network/network-view.ts';
import { holderOf } from '../own-interface.ts';
import type { UplinkCheck } from '../uplink-check.ts';

/** The interface is there, up, and has a carrier. */
export const interfaceCheck: UplinkCheck = {
  name: 'interface',
  applies: ({ uplink: { binding } }) => binding.kind !== 'proxy',
  run({ uplink: { binding }, view }) {
    if (binding.kind === 'proxy') return skipped('');
    if (binding.kind === 'address') {
      const holder = holderOf(binding.address, view);
      return holder === undefined
        ? failed(`no interface has the address ${binding.address} now`, [
            'ip address   # then correct the uplink, or bind it by "interface"',
          ])
        : stateOf(holder);
    }
    const own = view.interfaces.find(({ name }) => name === binding.interface);
    return own === undefined
      ? failed(`there is no network interface ${binding.interface} now`, [
          `plug it in, or correct the uplink; there are: ${namesIn(view)}`,
        ])
      : stateOf(own);
  },
};

function stateOf({ name, kind, isUp, hasCarrier }: NetworkInterface) {
  if (!isUp) return failed(`${name} is down`, [`ip link set dev ${name} up`]);
  if (!hasCarrier)
    return failed(`${name} has no carrier`, [`plug in the cable of ${name}, or connect it to its network`]);
  return ok(`${name} is up and has a carrier${kind === 'hardware' ? '' : ` (${kind})`}`);
}

function namesIn({ interfaces }: NetworkView): string {
  return interfaces.map(({ name }) => name).join(', ');
}
