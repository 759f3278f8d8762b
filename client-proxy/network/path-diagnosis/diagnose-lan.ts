import * as z from 'zod';
import { isSameHost } from '../../../shared/runtime/address/ip-address.ts';
import type { Finding } from '../finding.ts';
import { interfaceNameIn, parseIpJson } from '../ip-json.ts';
import { confKey, deviceWord } from '../remedy-commands.ts';
import { routeOf } from '../route-questions.ts';
import type { KernelSource } from './kernel-source.ts';
import type { Path } from './path.ts';
import { inSameLan, type PathDevice } from './path-devices.ts';
import type { PathRoutes } from './path-routes.ts';

/** More interfaces in one LAN are not looked at. */
const MAX_NEAR = 4;

/**
 * Whether another interface in the same LAN may answer ARP for the address of this one (RFC 826; ip-sysctl: arp_ignore, arp_filter).
 * What comes for it arrives there then, where no socket waits that is bound to this interface.
 */
export async function arpFlux(path: Path, routes: PathRoutes): Promise<Finding | undefined> {
  const { own, family, devices, kernel } = path;
  if (family === 6 || !own.isBroadcast) return undefined;
  const near = inSameLan(own, routes.source, devices).slice(0, MAX_NEAR);
  if (near.length === 0) return undefined;
  const gateway = routeOf(routes.way)?.gateway;
  const known = gateway === undefined ? [] : await neighbours(kernel, gateway);
  const isHome = routeOf(routes.back)?.devices.includes(own.name) ?? false;
  for (const other of near) {
    if (areSeparate(known, own, other)) continue;
    if (!(await mayAnswerWrongly(kernel, own, other, isHome))) continue;
    return {
      code: 'arp-flux',
      severity: 'suspicion',
      words: `${own.name} and ${other.name} are in the same LAN, and one answers ARP for the address of the other`,
      remedy: `\`sysctl -w ${confKey('all', 'arp_filter')}=0 ${confKey('all', 'arp_ignore')}=1 ${confKey('all', 'arp_announce')}=2\``,
    };
  }
  return undefined;
}

/** Whether the gateway, or a neighbour at the other end, does not answer ARP or neighbour discovery. */
export async function gatewaySilence(path: Path, routes: PathRoutes): Promise<Finding | undefined> {
  const { own, remote, kernel } = path;
  if (!own.isBroadcast) return undefined;
  const gateway = routeOf(routes.way)?.gateway;
  const next = gateway ?? remote.host;
  const known = await neighbours(kernel, next);
  const entry = known.find(({ device }) => device === own.name);
  if (entry === undefined || !entry.states.some((state) => SILENT.has(state))) return undefined;
  return {
    code: 'gateway-silent',
    severity: 'suspicion',
    words:
      gateway === undefined
        ? `${own.name} looks for ${next} in its own LAN, and nothing answers there`
        : `the gateway ${next} does not answer on ${own.name}`,
    remedy: `check the cable, the Wi-Fi and the gateway's address: \`ip neighbour show dev ${deviceWord(own)}\``,
  };
}

const SILENT: ReadonlySet<string> = new Set(['FAILED', 'INCOMPLETE']);

interface Neighbour {
  readonly device: string;
  readonly hardwareAddress: string | undefined;
  readonly states: readonly string[];
}

const listedNeighbours = z.array(
  z.object({
    dst: z.string(),
    dev: z.string(),
    lladdr: z.string().optional(),
    state: z.array(z.string()).default([]),
  }),
);

/** What is known of an address, on each interface. */
async function neighbours({ runIp }: KernelSource, address: string): Promise<readonly Neighbour[]> {
  const output = await runIp(['-json', 'neighbour', 'show', 'to', address]);
  const listed = listedNeighbours.safeParse(output && parseIpJson(output.stdout)).data ?? [];
  return listed
    .filter(({ dst }) => isSameHost(dst, address))
    .map(({ dev, lladdr, state }) => {
      return { device: interfaceNameIn(dev), hardwareAddress: lladdr, states: state };
    });
}

/** Whether the gateway is another one on each interface, although the networks have the same numbers. */
function areSeparate(known: readonly Neighbour[], own: PathDevice, other: PathDevice): boolean {
  const [one, two] = [own, other].map(
    ({ name }) => known.find(({ device }) => device === name)?.hardwareAddress,
  );
  return one !== undefined && two !== undefined && one !== two;
}

/** @param isHome whether packets from the address of `own` leave over it by the routes alone */
async function mayAnswerWrongly(
  { readConf }: KernelSource,
  own: PathDevice,
  other: PathDevice,
  isHome: boolean,
): Promise<boolean> {
  // Of each the higher value of `all` and of the interface counts.
  const highest = async (device: string, setting: string) => {
    const values = await Promise.all(['all', device].map((name) => readConf(name, setting)));
    return Math.max(...values.map((value) => value ?? 0));
  };
  const [ignore, filter, ownFilter] = await Promise.all([
    highest(other.name, 'arp_ignore'),
    highest(other.name, 'arp_filter'),
    highest(own.name, 'arp_filter'),
  ]);
  // With arp_filter that interface answers by which the routes would send packets from the address.
  if (ownFilter > 0 && !isHome) return true;
  return ignore === 0 && !(filter > 0 && isHome);
}
