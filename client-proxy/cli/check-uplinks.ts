import { isIPv4, isIPv6 } from 'node:net';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { isSameHost } from '../../shared/runtime/address/ip-address.ts';
import type { ClientConfig, ConfiguredUplink } from '../config/client-config.ts';
import { MAX_UPLINKS } from '../config/client-schema.ts';
import { wantsSimCards } from '../discovery/configured-plans.ts';
import { discoverUplinks } from '../discovery/discover-uplinks.ts';
import type { NetworkInterfaces, NetworkView } from '../network/network-view.ts';
import { uplinkTrouble } from '../network/uplink-trouble.ts';
import { pathsOf } from '../path-manager/paths.ts';
import type { StandbyMode } from '../path-manager/uplink-role.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';

/** What `check` says of uplinks. */
export interface CheckedUplinks {
  readonly lines: readonly string[];
  /** Names of those that are not there now. */
  readonly missing: readonly string[];
  /** All that are listed or found. */
  readonly all: readonly ConfiguredUplink[];
}

/** Which uplinks a client with this configuration would use now, and which interfaces it would leave out. */
export async function uplinksNow(config: ClientConfig, deps: ClientCliDeps): Promise<CheckedUplinks> {
  const view = await deps.readNetwork(config.concentrator.addresses, wantsSimCards(config));
  return checkUplinks(config, deps.networkInterfaces(), view, deps.interfaceBinding().available);
}

function checkUplinks(
  { uplinks: list, autoUplinks: auto, standby, paths, concentrator }: ClientConfig,
  interfaces: NetworkInterfaces,
  view: NetworkView,
  bindsByInterface: boolean,
): CheckedUplinks {
  const { uplinks: found, leftOut } =
    auto === undefined
      ? { uplinks: [], leftOut: [] }
      : discoverUplinks(view, { auto, list, inUse: new Set(), bindsByInterface, maxUplinks: MAX_UPLINKS });
  const missing = list.filter((uplink) => isMissing(uplink, interfaces, view));
  const state = (uplink: ConfiguredUplink) => {
    const trouble = missing.includes(uplink) ? undefined : uplinkTrouble(uplink, view);
    const hasPath = pathsOf(paths, uplink.binding, concentrator.addresses, 1).size > 0;
    const noPath = hasPath
      ? translationOf(uplink, concentrator.addresses)
      : 'cannot reach concentrator.addresses, which are of the other family';
    const parts = [
      bindingState(uplink, interfaces, missing.includes(uplink)),
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
  };
}

/** What `uplinks.settings` can name it by, beside its name. */
function identityOf({ binding }: ConfiguredUplink, view: NetworkView): string | undefined {
  if (binding.kind !== 'interface') return undefined;
  const one = view.interfaces.find(({ name }) => name === binding.interface);
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
    binding.kind === 'address' && isIPv6(binding.address) && addresses.every(({ host }) => isIPv4(host));
  return isTranslated
    ? 'reaches concentrator.addresses through a translator (NAT64) or not at all'
    : undefined;
}

function roleOf(uplink: ConfiguredUplink, standby: StandbyMode): string | undefined {
  const { backup, joinAboveUtilization: above } = uplink;
  if (backup) {
    const isLate = (uplink.standby ?? standby) === 'break-before-make';
    return isLate ? 'backup, dialled when no other works' : 'backup';
  }
  return above === undefined ? undefined : `joined above ${Math.round(above * 100)} % of the others`;
}

function bindingState(uplink: ConfiguredUplink, interfaces: NetworkInterfaces, missing: boolean): string {
  const { binding } = uplink;
  switch (binding.kind) {
    case 'interface': {
      const addresses = interfaces[binding.interface]?.map(({ address }) => address);
      const is = missing ? 'missing' : addresses && `up with ${addresses.join(', ')}`;
      return `interface ${binding.interface}${is === undefined ? '' : `, ${is}`}`;
    }
    case 'address':
      return `address ${binding.address}, ${missing ? 'missing' : `on ${holderOf(binding.address, interfaces)}`}`;
    case 'proxy':
      return `proxy ${formatDestination(binding)}${binding.user === undefined ? '' : ', with user and password'}`;
  }
}

function isMissing({ binding }: ConfiguredUplink, interfaces: NetworkInterfaces, view: NetworkView): boolean {
  // What is down is in the view alone.
  if (binding.kind === 'interface') return view.interfaces.every(({ name }) => name !== binding.interface);
  return binding.kind === 'address' && holderOf(binding.address, interfaces) === undefined;
}

function holderOf(address: string, interfaces: NetworkInterfaces): string | undefined {
  return Object.keys(interfaces).find((name) =>
    interfaces[name]?.some((info) => isSameHost(info.address, address)),
  );
}
