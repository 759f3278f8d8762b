import { isSameHost } from '../../shared/runtime/address/ip-address.ts';
import type { AutoUplinks, ConfiguredUplink, UplinkSettings } from '../config/client-config.ts';
import { whyVirtual } from '../network/interface-kind.ts';
import { matchesInterface, matchText } from '../network/interface-match.ts';
import { matchesPattern } from '../network/name-pattern.ts';
import { familyOf, type NetworkInterface, type NetworkView, type Unrouted } from '../network/network-view.ts';
import { interfaceTrouble } from '../network/uplink-trouble.ts';
import { deviceBindingOf } from '../uplink/uplink.ts';

export interface DiscoveryOptions {
  readonly auto: AutoUplinks;
  /** Uplinks of the list: what they use is not taken a second time. */
  readonly list: readonly ConfiguredUplink[];
  /** Interfaces that are uplinks already, with the uplinks' names: they stay, whatever trouble they are in, and keep their names. */
  readonly inUse: ReadonlyMap<string, string>;
  /** Whether sockets can be bound to an interface here; to its address otherwise. */
  readonly bindsByInterface: boolean;
  /** Most uplinks, those of the list included. */
  readonly maxUplinks: number;
}

/** An interface that is no uplink. */
export interface LeftOut {
  readonly interface: string;
  readonly reason: string;
  /** It would be one by its kind and by the configuration. */
  readonly isCandidate: boolean;
}

export interface Discovery {
  /** By age of the interface, oldest first. */
  readonly uplinks: readonly DiscoveredUplink[];
  readonly leftOut: readonly LeftOut[];
}

export interface DiscoveredUplink extends ConfiguredUplink {
  readonly interface: string;
}

/** The uplinks that the interfaces make, and why the others are none. */
export function discoverUplinks(view: NetworkView, options: DiscoveryOptions): Discovery {
  const uplinks: DiscoveredUplink[] = [];
  const leftOut: LeftOut[] = [];
  const taken = new Set(options.list.map(({ name }) => name));
  // Those in use first: a new one takes nobody's place.
  const { inUse } = options;
  const inOrder = [...view.interfaces].sort((a, b) => Number(inUse.has(b.name)) - Number(inUse.has(a.name)));
  for (const one of inOrder) {
    const unwanted = whyUnwanted(one, options);
    const reason = unwanted ?? whyUnusable(one, uplinks.length, options);
    if (reason !== undefined) {
      leftOut.push({ interface: one.name, reason, isCandidate: unwanted === undefined });
      continue;
    }
    const name = freeName(one.name, taken, inUse.get(one.name));
    taken.add(name);
    uplinks.push({
      name,
      interface: one.name,
      binding: bindingOf(one, options.bindsByInterface),
      backup: false,
      ...settingsOf(one, options.auto),
    });
  }
  return { uplinks, leftOut };
}

/** The configuration does not want it. */
function whyUnwanted(
  one: Unrouted,
  { auto, list }: Pick<DiscoveryOptions, 'auto' | 'list'>,
): string | undefined {
  const listed = listedOn(one, list);
  if (listed !== undefined) return `uplink ${listed.name} of the list uses it`;
  const excluding = auto.exclude.find((pattern) => matchesPattern(one.name, pattern));
  if (excluding !== undefined) return `excluded by "${excluding}"`;
  if (auto.include.some((pattern) => matchesPattern(one.name, pattern))) return undefined;
  return auto.all ? whyVirtual(one) : 'not included';
}

/** The uplink of the list that uses it. */
function listedOn(one: Unrouted, list: readonly ConfiguredUplink[]): ConfiguredUplink | undefined {
  return list.find(({ binding }) => {
    const device = deviceBindingOf(binding);
    if (device?.kind === 'interface') return device.interface === one.name;
    return device !== undefined && one.addresses.some((own) => isSameHost(own, device.address));
  });
}

/** How much it matters what is known of an interface, where not all can be looked at: the higher, the more. */
export function importanceOf(
  one: Unrouted,
  { auto, list }: { readonly auto: AutoUplinks | undefined; readonly list: readonly ConfiguredUplink[] },
): number {
  if (listedOn(one, list) !== undefined) return 3;
  if (auto === undefined || whyUnwanted(one, { auto, list }) !== undefined) return 0;
  // A pattern may include all containers.
  return whyVirtual(one) === undefined ? 2 : 1;
}

/** It cannot be used now. */
function whyUnusable(
  one: NetworkInterface,
  found: number,
  { list, inUse, bindsByInterface, maxUplinks }: DiscoveryOptions,
): string | undefined {
  const trouble = interfaceTrouble(one);
  // Bound by address, it needs one.
  const mayStay = inUse.has(one.name) && (bindsByInterface || one.addresses.length > 0);
  if (trouble !== undefined && !mayStay) return trouble.reason;
  return list.length + found >= maxUplinks ? `there are ${maxUplinks} uplinks without it` : undefined;
}

function bindingOf(one: NetworkInterface, bindsByInterface: boolean): ConfiguredUplink['binding'] {
  if (bindsByInterface) return { kind: 'interface', interface: one.name };
  const routed = one.addresses.find((address) => one.routes?.includes(familyOf(address)) ?? true);
  return { kind: 'address', address: routed ?? one.addresses[0]! };
}

/** Those of the first entry that matches. What it says of costs it says once, for all that it matches. */
function settingsOf(one: NetworkInterface, { settings }: AutoUplinks): UplinkSettings {
  const found = settings.find((entry) => matchesInterface(one, entry));
  if (found === undefined) return {};
  const { match: _match, mac: _mac, usbPath: _usbPath, iccid: _iccid, ...own } = found;
  return own.metered === undefined ? own : { plan: matchText(found), ...own };
}

/** The name that it has; else the interface's name as a label, with a number when it is taken. */
function freeName(device: string, taken: ReadonlySet<string>, known: string | undefined): string {
  if (known !== undefined && !taken.has(known)) return known;
  const plain = device.replace(/[^A-Za-z0-9_.-]/g, '-').slice(0, 28);
  let name = plain;
  for (let count = 2; taken.has(name); count++) name = `${plain}-${count}`;
  return name;
}
