import { type Finding, failed, ok, skipped } from '../../../shared/runtime/doctor/finding.ts';
import type { NetworkInterface, NetworkView } from '../../network/network-view.ts';
import { deviceWord } from '../../network/remedy-commands.ts';
import { type DeviceBinding, deviceBindingOf } from '../../uplink/uplink.ts';
import { hasInterface, interfaceOf } from '../case/own-interface.ts';
import type { UplinkCheck } from '../case/uplink-check.ts';
import { NETWORK_UNKNOWN } from '../case/words.ts';

/** The interface is there, up, and has a carrier. */
export const interfaceCheck: UplinkCheck = {
  name: 'interface',
  applies: ({ uplink }) => hasInterface(uplink),
  run({ uplink, view, networkProblem }) {
    if (networkProblem !== undefined) return skipped(NETWORK_UNKNOWN);
    const own = interfaceOf(uplink, view);
    return own === undefined ? missing(deviceBindingOf(uplink.binding), view) : stateOf(own);
  },
};

function missing(device: DeviceBinding | undefined, { interfaces }: NetworkView): Finding {
  if (device?.kind === 'address') {
    return failed(`no interface has the address ${device.address} now`, [
      'ip address   # then correct the uplink, or bind it by "interface"',
    ]);
  }
  const names = interfaces.map(({ name }) => name).join(', ');
  return failed(`there is no network interface ${device?.interface} now`, [
    `plug it in, or correct the uplink; there are: ${names}`,
  ]);
}

function stateOf(own: NetworkInterface): Finding {
  const { name, kind, isUp, hasCarrier } = own;
  if (!isUp) return failed(`${name} is down`, [`ip link set dev ${deviceWord(own)} up`]);
  if (!hasCarrier)
    return failed(`${name} has no carrier`, [`plug in the cable of ${name}, or connect it to its network`]);
  return ok(`${name} is up and has a carrier${kind === 'hardware' ? '' : ` (${kind})`}`);
}
