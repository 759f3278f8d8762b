import { isIP } from 'node:net';
import { isSameHost } from '../../../shared/runtime/address/ip-address.ts';
import { isLoopback } from '../../../shared/runtime/address/special-ranges.ts';
import { type DeviceBinding, deviceBindingOf, type Uplink } from '../../uplink/uplink.ts';
import type { Finding } from '../finding.ts';
import { type IpLink, parseIpLinks } from '../ip-output.ts';
import { type AddressFamily, familyOf } from '../network-view.ts';
import { deviceWord } from '../remedy-commands.ts';
import { arpFlux, gatewaySilence } from './diagnose-lan.ts';
import { reversePathFault, routeFault } from './diagnose-routes.ts';
import { type KernelSource, thisKernel } from './kernel-source.ts';
import type { Path } from './path.ts';
import { addressesOf, type PathDevice, pathDevice } from './path-devices.ts';
import { readPathRoutes } from './path-routes.ts';

/** The way of a connection that is to be looked at. */
export interface PathQuestion {
  readonly uplink: Pick<Uplink, 'binding'>;
  /** The IP address at the other end, and its TCP port; for an uplink that is a proxy: the proxy's. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Whether sockets can be bound to an interface here, as they are where a route needs it. */
  readonly bindsByInterface: boolean;
  /** Nothing is found when it takes longer. */
  readonly limitMs?: number;
}

/** iproute2 answers within milliseconds; a client on a machine that is this slow has other things to do. */
const LIMIT_MS = 2_000;

/**
 * Asks the kernel what it would do with packets between this uplink and that address, and back: what it says is wrong, the most
 * certain first. Nothing is sent. Empty when it sees nothing wrong, or cannot tell: without iproute2, for a proxy that is
 * not bound to an interface or address, or when it takes too long. Never rejects.
 */
export function diagnosePath(
  question: PathQuestion,
  kernel: KernelSource = thisKernel,
): Promise<readonly Finding[]> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve([]), question.limitMs ?? LIMIT_MS);
    findings(question, kernel)
      .catch(() => [])
      .then((found) => {
        clearTimeout(timer);
        resolve(found);
      });
  });
}

async function findings(
  { uplink, remoteAddress: host, remotePort: port, bindsByInterface }: PathQuestion,
  kernel: KernelSource,
): Promise<readonly Finding[]> {
  const binding = deviceBindingOf(uplink.binding);
  if (binding === undefined || isIP(host) === 0) return [];
  const output = await kernel.runIp(['-json', '-details', 'address']);
  if (output === undefined) return [];
  const links: readonly IpLink[] = parseIpLinks(output.stdout);
  const devices = links.map(pathDevice);
  const own = ownDevice(binding, devices);
  const family = familyOf(host);
  const missing = own === undefined ? missingFinding(binding) : deviceFault(own, family);
  if (own === undefined || missing !== undefined) return missing === undefined ? [] : [missing];

  const path: Path = { remote: { host, port }, family, binding, bindsByInterface, own, devices, kernel };
  const routes = await readPathRoutes(path);
  if (routes === undefined) return [];
  const fault = await routeFault(path, routes);
  if (fault !== undefined) return [fault];
  const found = await Promise.all([
    reversePathFault(path, routes),
    arpFlux(path, routes),
    gatewaySilence(path, routes),
  ]);
  return found.filter((finding) => finding !== undefined);
}

function ownDevice(binding: DeviceBinding, devices: readonly PathDevice[]): PathDevice | undefined {
  return binding.kind === 'interface'
    ? devices.find(({ name }) => name === binding.interface)
    : devices.find(({ addresses }) => addresses.some((address) => isSameHost(address, binding.address)));
}

function missingFinding(binding: DeviceBinding): Finding | undefined {
  if (binding.kind === 'interface') {
    return {
      code: 'interface-missing',
      severity: 'fault',
      words: `there is no network interface ${binding.interface}`,
      remedy: 'plug it in, or correct the name: `ip link` lists those that there are',
    };
  }
  // All of 127.0.0.0/8 is there, and only one address of it is listed.
  if (isLoopback(binding.address)) return undefined;
  return {
    code: 'address-missing',
    severity: 'fault',
    words: `no interface has the address ${binding.address}`,
    remedy:
      'bind the uplink to its interface, or correct the address: `ip address` lists those that there are',
  };
}

/** What is wrong with the interface by itself. */
function deviceFault(own: PathDevice, family: AddressFamily): Finding | undefined {
  const { name } = own;
  const dev = deviceWord(own);
  if (!own.isUp) {
    const remedy = `\`ip link set dev ${dev} up\``;
    return { code: 'interface-down', severity: 'fault', words: `${name} is down`, remedy };
  }
  if (!own.hasCarrier) {
    const remedy = 'plug in the cable, or connect the Wi-Fi or the modem';
    return { code: 'no-carrier', severity: 'fault', words: `${name} has no carrier`, remedy };
  }
  if (addressesOf(own, family).length > 0) return undefined;
  return {
    code: 'no-source-address',
    severity: 'fault',
    words: `${name} has no IPv${family} address that packets can come back to`,
    remedy: `have it ask for one (DHCP), or \`ip address add ADDRESS/LENGTH dev ${dev}\``,
  };
}
