import { isDeepStrictEqual } from 'node:util';
import { isSameHost } from '../../shared/runtime/address/ip-address.ts';
import { deviceBindingOf, type Uplink } from '../uplink/uplink.ts';
import type { FindingCode } from './finding.ts';
import { familyOf, type NetworkInterface, type NetworkView } from './network-view.ts';
import { defaultRouteCommand, deviceWord, ownNumber } from './remedy-commands.ts';

/** Why nothing can get through an uplink now, as the network tells. */
export interface UplinkTrouble {
  readonly code: FindingCode;
  readonly reason: string;
  /** What mends it where the kernel only needs to be told; it stands in the reason, too. */
  readonly command?: string;
  /** Routes are the kernel's business, and may be right where we see none. */
  readonly isCertain: boolean;
}

/** Subflows of an uplink that have lost what they stood on. */
export interface UplinkLoss {
  readonly uplinkName: string;
  /** Only those bound to one of these addresses; absent: all. */
  readonly addresses?: ReadonlySet<string>;
  readonly reason: string;
  /**
   * `interrupted`: they may go on when the interface does; `moved`: they wait for their address, and another is wanted at once;
   * `gone`: they cannot come back.
   */
  readonly kind: 'interrupted' | 'moved' | 'gone';
}

/** Undefined when the interface can be used. */
export function interfaceTrouble(one: NetworkInterface): UplinkTrouble | undefined {
  if (!one.isUp) {
    const reason = `its interface is down; \`ip link set dev ${deviceWord(one)} up\``;
    return { code: 'interface-down', reason, isCertain: true };
  }
  if (!one.hasCarrier) return { code: 'no-carrier', reason: 'its interface has no carrier', isCertain: true };
  if (one.addresses.length === 0) {
    const reason = 'its interface has no address that packets can come back to';
    return { code: 'no-source-address', reason, isCertain: true };
  }
  if (one.routes?.length === 0) {
    const command = `${defaultRouteCommand(one, familyOf(one.addresses[0]!), true)} metric ${ownNumber(one)}`;
    const reason = `no route towards the concentrator; \`${command}\``;
    return { code: 'no-route', reason, command, isCertain: false };
  }
  return undefined;
}

/** Undefined when the network knows of none, or has no say (a proxy that is bound to nothing, an address that no interface lists). */
export function uplinkTrouble({ binding }: Uplink, view: NetworkView): UplinkTrouble | undefined {
  const device = deviceBindingOf(binding);
  if (device === undefined) return undefined;
  const trouble =
    device.kind === 'address' ? holderTrouble(device.address, view) : namedTrouble(device.interface, view);
  // A proxy needs no route beyond its own network.
  return binding.kind === 'proxy' && trouble?.code === 'no-route' ? undefined : trouble;
}

function holderTrouble(bound: string, view: NetworkView): UplinkTrouble | undefined {
  const holder = view.interfaces.find(({ addresses }) =>
    addresses.some((address) => isSameHost(address, bound)),
  );
  return holder && (holder.isUp && holder.hasCarrier ? undefined : interfaceTrouble(holder));
}

function namedTrouble(device: string, view: NetworkView): UplinkTrouble | undefined {
  const own = view.interfaces.find(({ name }) => name === device);
  if (own !== undefined) return interfaceTrouble(own);
  return {
    code: 'interface-missing',
    reason: `there is no network interface ${device} now`,
    isCertain: true,
  };
}

/** What an uplink has lost from one view to the next. */
export function uplinkLosses(uplink: Uplink, before: NetworkView, after: NetworkView): UplinkLoss[] {
  const { name: uplinkName } = uplink;
  const binding = deviceBindingOf(uplink.binding);
  if (binding?.kind !== 'interface') {
    return lostAddresses(uplinkName, allAddresses(before), allAddresses(after));
  }
  const was = before.interfaces.find(({ name }) => name === binding.interface);
  const is = after.interfaces.find(({ name }) => name === binding.interface);
  if (was === undefined) return [];
  if (is === undefined || (is.index !== was.index && is.index !== 0 && was.index !== 0))
    return [{ uplinkName, reason: 'its interface is gone', kind: 'gone' }];
  const losses = lostAddresses(uplinkName, was.addresses, is.addresses);
  const trouble = uplinkTrouble(uplink, after);
  // Without an address it is told above which subflows are concerned.
  if (
    trouble !== undefined &&
    is.addresses.length > 0 &&
    !isDeepStrictEqual(trouble, uplinkTrouble(uplink, before))
  )
    losses.push({ uplinkName, reason: trouble.reason, kind: 'interrupted' });
  return losses;
}

function lostAddresses(
  uplinkName: string,
  before: readonly string[],
  after: readonly string[],
): UplinkLoss[] {
  const addresses = new Set(before.filter((address) => !after.includes(address)));
  if (addresses.size === 0) return [];
  return [
    { uplinkName, addresses, reason: `its address ${[...addresses].join(', ')} is gone`, kind: 'moved' },
  ];
}

function allAddresses({ interfaces }: NetworkView): string[] {
  return interfaces.flatMap(({ addresses }) => addresses);
}
