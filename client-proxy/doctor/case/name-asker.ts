import { isIP, isIPv4 } from 'node:net';
import type { Destination } from '../../../shared/protocol/destination.ts';
import { atMost } from '../../../shared/runtime/async/at-most.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import { withTimeLimit } from '../../../shared/runtime/async/time-limit.ts';
import type { MonotonicClock } from '../../../shared/runtime/clock.ts';
import { PlainWay } from '../../../shared/runtime/dns/dns-way.ts';
import { HostsFile } from '../../../shared/runtime/dns/hosts-file.ts';
import { DnsResolver } from '../../../shared/runtime/dns/resolver.ts';
import type { NativeSockets } from '../../../shared/runtime/kernel/native.ts';
import type { ConfiguredUplink } from '../../config/client-config.ts';
import { LinkServers } from '../../dns/link-servers.ts';
import { systemAddresses } from '../../dns/system-addresses.ts';
import { type DnsSurroundings, dnsRouteOf } from '../../dns/uplink-dns-route.ts';
import { UplinkResolvers } from '../../dns/uplink-resolvers.ts';
import { knownInterfaces } from '../../network/network-view.ts';
import type { AttachmentFinder } from '../../uplink/uplink-device.ts';

/** What a name stands for without an uplink being chosen. */
export interface KnownName {
  readonly addresses: readonly string[];
  /** The hosts file has it, so that no name server is asked. */
  readonly isListed: boolean;
}

/** What is known of one of the concentrator's names. */
export interface NameAnswers {
  readonly name: string;
  /** All that were told, each once. */
  readonly addresses: readonly string[];
  /** The hosts file has it, and no name server was asked. */
  readonly isListed: boolean;
  /** Name servers that answered with addresses, over the uplink, */
  readonly good: readonly string[];
  /** and those that did not; one of the system may answer on the way that the system asks it. */
  readonly bad: readonly {
    readonly server: string;
    readonly reason: string;
    readonly isElsewhere: boolean;
  }[];
  /** They are those of the system, and may be in the network of another uplink. */
  readonly areOfSystem: boolean;
  /** Why no name server can be asked over the uplink, where that is so. */
  readonly whyNone: string | undefined;
}

/** Name servers that can be asked through an uplink. */
export interface UplinkServers {
  readonly servers: readonly string[];
  /** Neither the configuration nor the uplink's network names any, so that they are those of the system. */
  readonly areOfSystem: boolean;
}

/** Asks name servers, one by one over an uplink, or as the system does. */
export interface NameAsker {
  /** The name servers that can be asked through the uplink. Rejects with UplinkError, with what to do, where there are none. */
  serversOf(uplink: ConfiguredUplink): Promise<UplinkServers>;
  /** Asks one of them, without an uplink as the system does. Rejects with StreamError when it does not answer, or not with addresses. */
  ask(uplink: ConfiguredUplink | undefined, server: string, name: string): Promise<readonly string[]>;
  /** By the hosts file, and the name servers of the system over whatever uplink; without addresses where that fails. */
  askSystem(name: string): Promise<KnownName>;
  /** What to dial for an address over the uplink: itself, or what a translator (NAT64) makes of it. */
  reachable(uplink: ConfiguredUplink, address: string): Promise<readonly string[]>;
}

/** A name server that is asked in earnest answers sooner, or the next one is asked. */
const PATIENCE_MS = 2_500;
const HOSTS = '/etc/hosts';

/** The name servers themselves. */
export class DnsNameAsker implements NameAsker {
  readonly #surroundings: DnsSurroundings;
  readonly #resolvers: UplinkResolvers;
  readonly #clock: MonotonicClock;
  readonly #hosts: HostsFile;

  constructor(native: NativeSockets | undefined, attachment: AttachmentFinder, clock: MonotonicClock) {
    this.#surroundings = {
      linkServers: new LinkServers(clock),
      networkInterfaces: knownInterfaces,
      native,
      attachment,
    };
    this.#resolvers = new UplinkResolvers(this.#surroundings, clock);
    this.#clock = clock;
    this.#hosts = new HostsFile(HOSTS, clock);
  }

  async serversOf(uplink: ConfiguredUplink): Promise<UplinkServers> {
    const { servers } = await dnsRouteOf(uplink, this.#surroundings);
    const ofSystem = await this.#surroundings.linkServers.ofSystem();
    const areOfSystem = uplink.nameServers === undefined && servers.every((one) => ofSystem.includes(one));
    return { servers, areOfSystem };
  }

  ask(uplink: ConfiguredUplink | undefined, server: string, name: string): Promise<readonly string[]> {
    const resolver = new DnsResolver({
      timeoutMs: PATIENCE_MS,
      clock: this.#clock,
      route: async () => {
        const way =
          uplink === undefined ? new PlainWay() : (await dnsRouteOf(uplink, this.#surroundings)).way;
        return { way, servers: [server] };
      },
      // What this server says, and not what a file says.
      hostsPath: '/dev/null',
    });
    return resolver.resolve(name, new Cancellation());
  }

  async askSystem(name: string): Promise<KnownName> {
    const listed = await this.#hosts.lookup(name.toLowerCase());
    if (listed.length > 0) return { addresses: listed, isListed: true };
    let addresses: readonly string[] = [];
    const asked = systemAddresses(name).then((found) => {
      addresses = found;
    });
    await atMost(PATIENCE_MS, asked).catch(() => {});
    return { addresses, isListed: false };
  }

  async reachable(uplink: ConfiguredUplink, address: string): Promise<readonly string[]> {
    if (!isIPv4(address)) return [address];
    const { translators } = this.#resolvers.of(uplink);
    const limit = { timeoutMs: PATIENCE_MS };
    await withTimeLimit('a translator', limit, async (signal) =>
      translators.learnFor([address], signal),
    ).catch(() => {});
    return translators.reachable([address]);
  }
}

/** All names among these addresses, as the system knows them. */
export async function askSystemForAll(
  addresses: readonly Destination[],
  asker: Pick<NameAsker, 'askSystem'>,
): Promise<ReadonlyMap<string, KnownName>> {
  const names = new Set(addresses.map(({ host }) => host).filter((host) => isIP(host) === 0));
  const known = [...names].map(async (name) => [name, await asker.askSystem(name)] as const);
  return new Map(await Promise.all(known));
}
