import { isIPv4, isIPv6 } from 'node:net';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { isSameHost } from '../../shared/runtime/address/ip-address.ts';
import type { ClientConfig, ConfiguredUplink } from '../config/client-config.ts';
import { routeDestinations } from '../config/route-destinations.ts';
import { discoverNow } from '../discovery/discover-now.ts';
import { networkNeeds } from '../discovery/network-needs.ts';
import type { NetworkInterfaces, NetworkView } from '../network/network-view.ts';
import { uplinkTrouble } from '../network/uplink-trouble.ts';
import { pathsOf } from '../path-manager/paths.ts';
import type { StandbyMode } from '../path-manager/uplink-role.ts';
import { describeCondition } from '../schedule/backup-condition.ts';
import { type DeviceBinding, deviceBindingOf } from '../uplink/uplink.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';
import { type KnownNetwork, knownNetwork } from './known-network.ts';

/** What `check` says of uplinks. */
export interface CheckedUplinks {
  readonly lines: readonly string[];
  /** Names of those that are not there now. */
  readonly missing: readonly string[];
  /** All that are listed or found. */
  readonly all: readonly ConfiguredUplink[];
  /** The network that they were looked for in, where it is known. */
  readonly view: NetworkView | undefined;
  /** Why the network is not known. */
  readonly problem?: string;
}

/** Which uplinks a client with this configuration would use now, and which interfaces it would leave out. */
export async function uplinksNow(config: ClientConfig, deps: ClientCliDeps): Promise<CheckedUplinks> {
  const network = await knownNetwork(deps, routeDestinations(config), networkNeeds(config));
  const uplinks = checkUplinks(config, network, deps.interfaceBinding().available);
  return network.problem === undefined ? uplinks : { ...uplinks, problem: network.problem };
}

function checkUplinks(
  config: ClientConfig,
  network: KnownNetwork,
  bindsByInterface: boolean,
): CheckedUplinks {
  const { mode, uplinks: list, standby, paths } = config;
  const addresses = config.concentrators.flatMap(({ concentrator }) => concentrator.addresses);
  const { view, interfaces } = network;
  const { uplinks: found, leftOut } = discoverNow(config, view, bindsByInterface);
  const missing = list.filter((uplink) => isMissing(uplink, network));
  const state = (uplink: ConfiguredUplink) => {
    const trouble = missing.includes(uplink) ? undefined : view && uplinkTrouble(uplink, view);
    const hasPath = mode === 'direct' || pathsOf(paths, uplink.binding, addresses, 1).size > 0;
    const noPath = hasPath
      ? translationOf(uplink, addresses)
      : 'cannot reach concentrator.addresses, which are of the other family';
    const parts = [
      bindingState(uplink, interfaces, missing.includes(uplink)),
      uplink.isOff === true ? 'turned off' : undefined,
      trouble?.reason,
      noPath,
      roleOf(uplink, standby),
      identityOf(uplink, view),
    ];
    return `${uplink.name}: ${parts.filter((part) => part !== undefined).join(', ')}`;
  };
  return {
    lines: [
      ...list.map((uplink) => `uplink        ${state(uplink)}`),
      ...found.map((uplink) => `found         ${state(uplink)}`),
      ...leftOut.map((one) => `left out      ${one.interface}: ${one.reason}`),
    ],
    missing: missing.map(({ name }) => name),
    all: [...list, ...found],
    view,
  };
}

/** What `uplinks.settings` can name it by, beside its name. */
function identityOf({ binding }: ConfiguredUplink, view: KnownNetwork['view']): string | undefined {
  if (binding.kind !== 'interface') return undefined;
  const one = view?.interfaces.find(({ name }) => name === binding.interface);
  const parts = [
    ...(one?.macs ?? []).map((mac) => `mac ${mac}`),
    one?.usbPath && `usb ${one.usbPath}`,
    one?.iccid && `iccid ${one.iccid}`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join(', ');
}

/** What must be there for an uplink with IPv6 alone to reach addresses that are all of IPv4. */
function translationOf({ binding }: ConfiguredUplink, addresses: readonly Destination[]): string | undefined {
  const isTranslated =
    binding.kind === 'address' &&
    isIPv6(binding.address) &&
    addresses.length > 0 &&
    addresses.every(({ host }) => isIPv4(host));
  return isTranslated
    ? 'reaches concentrator.addresses through a translator (NAT64) or not at all'
    : undefined;
}

function roleOf(uplink: ConfiguredUplink, standby: StandbyMode): string | undefined {
  const { backup, backupWhen, joinAboveUtilization: above } = uplink;
  if (backup) {
    const isLate = (uplink.standby ?? standby) === 'break-before-make';
    return isLate ? 'backup, dialled when no other works' : 'backup';
  }
  if (backupWhen !== undefined) return `backup ${describeCondition(backupWhen)}`;
  return above === undefined ? undefined : `joined above ${Math.round(above * 100)} % of the others`;
}

function bindingState(
  { binding }: ConfiguredUplink,
  interfaces: NetworkInterfaces | undefined,
  missing: boolean,
): string {
  const device = deviceBindingOf(binding);
  const state = device && deviceState(device, interfaces, missing);
  if (binding.kind !== 'proxy') return state!;
  const login = binding.user === undefined ? '' : ', with user and password';
  return `proxy ${formatDestination(binding)}${login}${state === undefined ? '' : `, over ${state}`}`;
}

function deviceState(
  binding: DeviceBinding,
  interfaces: NetworkInterfaces | undefined,
  missing: boolean,
): string {
  switch (binding.kind) {
    case 'interface': {
      const addresses = interfaces?.[binding.interface]?.map(({ address }) => address);
      const is = missing ? 'missing' : addresses && `up with ${addresses.join(', ')}`;
      return `interface ${binding.interface}${is === undefined ? '' : `, ${is}`}`;
    }
    case 'address': {
      const holder = interfaces && holderOf(binding.address, interfaces);
      const is = missing ? 'missing' : holder && `on ${holder}`;
      return `address ${binding.address}${is === undefined ? '' : `, ${is}`}`;
    }
  }
}

function isMissing({ binding }: ConfiguredUplink, { view, interfaces }: KnownNetwork): boolean {
  const device = deviceBindingOf(binding);
  // What is down is in the view alone.
  if (device?.kind === 'interface')
    return view?.interfaces.every(({ name }) => name !== device.interface) ?? false;
  return (
    device !== undefined && interfaces !== undefined && holderOf(device.address, interfaces) === undefined
  );
}

function holderOf(address: string, interfaces: NetworkInterfaces): string | undefined {
  return Object.keys(interfaces).find((name) =>
    interfaces[name]?.some((info) => isSameHost(info.address, address)),
  );
}
