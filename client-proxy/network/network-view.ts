import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { canBeAnswered } from '../../shared/runtime/address/own-families.ts';

/** A network interface of this machine, as far as it matters for uplinks. */
export interface NetworkInterface {
  readonly name: string;
  /** The kernel's number: a device that is unplugged and plugged in again gets another. 0 where it is not told. */
  readonly index: number;
  /** `hardware`, `loopback`, `unknown`, or what the kernel calls it (`veth`, `bridge`, `tun`, `ppp`, `vlan`). */
  readonly kind: string;
  /** Its hardware addresses: the one that it has now, and the one that it was made with. Lower case. */
  readonly macs?: readonly string[];
  /** The USB port that it is plugged into, as the kernel counts ports: `1-1.2`. */
  readonly usbPath?: string;
  /** Of the SIM card behind it; only where the configuration asks for it. */
  readonly iccid?: string;
  readonly isUp: boolean;
  readonly hasCarrier: boolean;
  /** Those that packets can come back to (global, private, shared or unique local; not link-local). IPv4 first. */
  readonly addresses: readonly string[];
  /** Address families with a route to the concentrator over this interface; undefined where that cannot be told. */
  readonly routes: readonly AddressFamily[] | undefined;
  /** How the kernel routes over it; absent where that cannot be told. */
  readonly routing?: Routing;
}

/** How the kernel routes over an interface, as its rules and tables are now. */
export interface Routing {
  /** At most one of each family: a socket that is bound to the interface needs this source address, since a rule wants it. */
  readonly sources: readonly string[];
  /** Addresses of the interface whose packets leave over another one, unless the socket is bound to the interface too. */
  readonly strays: readonly string[];
  /** The routes to the concentrator in the kernel's words, for comparison. */
  readonly ways: readonly string[];
}

/** An interface whose routes have not been asked for. */
export type Unrouted = Omit<NetworkInterface, 'routes'>;

/** What whoever looks at the network has to know of it. */
export interface NetworkNeeds {
  /** Whether it matters which SIM card is behind an interface. */
  readonly wantsSimCards: boolean;
  /** The higher, the sooner its routes are asked for, where there are many interfaces. */
  importanceOf(one: Unrouted): number;
}

export type AddressFamily = 4 | 6;

/** All interfaces at one moment, by index. */
export interface NetworkView {
  readonly interfaces: readonly NetworkInterface[];
}

/** The device behind an interface, as its bus calls it (`1-1.2:1.0`, `0000:03:00.0`); undefined where there is none. */
export type DeviceOf = (interfaceName: string) => string | undefined;

/** This machine's interfaces that are up, as `os.networkInterfaces()` tells them. */
export type NetworkInterfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** What Node.js tells on any system: interfaces that are up, with their addresses, and nothing of routes. */
export function portableView(table: NetworkInterfaces, deviceOf: DeviceOf): NetworkView {
  const interfaces = Object.entries(table)
    // An alias (`eth0:1`) is listed under its own name and can not be bound to.
    .filter(([name]) => !name.includes(':'))
    .map(([name, infos = []]) => ({
      name,
      index: 0,
      kind: kindOf(infos, deviceOf(name) !== undefined),
      ...identity(
        infos.map(({ mac }) => mac),
        deviceOf(name),
      ),
      isUp: true,
      hasCarrier: true,
      addresses: usableAddresses(infos.map(({ address }) => address)),
      routes: undefined,
    }));
  return { interfaces };
}

/** The interfaces of this machine that are up; none where it does not tell, as on Android. */
export function knownInterfaces(): NetworkInterfaces {
  try {
    return networkInterfaces();
  } catch {
    return {};
  }
}

/** The addresses of this machine; none where it does not tell. */
export function ownAddresses(): readonly string[] {
  return Object.values(knownInterfaces()).flatMap((infos = []) => infos.map(({ address }) => address));
}

/** As far as Node.js and the file system tell. */
function kindOf(infos: readonly { readonly internal: boolean }[], isHardware: boolean): string {
  if (infos.some(({ internal }) => internal)) return 'loopback';
  return isHardware ? 'hardware' : 'unknown';
}

/** By what a device is known again, whatever the kernel calls its interface. */
export function identity(
  macs: readonly (string | undefined)[],
  device: string | undefined,
): Pick<NetworkInterface, 'macs' | 'usbPath'> {
  const known = new Set(macs.filter((mac) => mac !== undefined && MAC.test(mac)));
  known.delete('00:00:00:00:00:00');
  // An interface of a USB device: bus, ports, then configuration and interface number.
  const usbPath = /^(\d+-\d+(?:\.\d+)*):\d+\.\d+$/.exec(device ?? '')?.[1];
  return {
    ...(known.size === 0 ? {} : { macs: [...known].map((mac) => mac!.toLowerCase()) }),
    ...(usbPath === undefined ? {} : { usbPath }),
  };
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

/** Those of the addresses that packets can come back to, IPv4 first. */
export function usableAddresses(addresses: readonly string[]): string[] {
  const usable = addresses.filter(canBeAnswered);
  return [...usable.filter((address) => familyOf(address) === 4), ...usable.filter((a) => familyOf(a) === 6)];
}

export function familyOf(address: string): AddressFamily {
  return address.includes(':') ? 6 : 4;
}
