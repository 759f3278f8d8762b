import { Resolver } from 'node:dns';
import { Cancellation } from '../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { DnsResolver } from '../../shared/runtime/dns/resolver.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import type { ConfiguredUplink } from '../config/client-config.ts';
import { dnsRouteOf } from '../dns/uplink-dns-route.ts';

/** Asks name servers, one by one over an uplink, or as the system does. */
export interface NameAsker {
  /** The name servers that can be asked through the uplink. Throws UplinkError, with what to do, where there are none. */
  serversOf(uplink: ConfiguredUplink): readonly string[];
  /** Asks one of them. Rejects with StreamError when it does not answer, or not with addresses. */
  ask(uplink: ConfiguredUplink, server: string, name: string): Promise<readonly string[]>;
  /** By the hosts file, and the name servers of the system over whatever uplink. Rejects as `ask`. */
  askSystem(name: string): Promise<readonly string[]>;
}

/** A name server that is asked in earnest answers sooner, or the next one is asked. */
const PATIENCE_MS = 2_500;

/** The name servers themselves. */
export class DnsNameAsker implements NameAsker {
  readonly #native: NativeSockets | undefined;
  readonly #clock: MonotonicClock;

  constructor(native: NativeSockets | undefined, clock: MonotonicClock) {
    this.#native = native;
    this.#clock = clock;
  }

  serversOf(uplink: ConfiguredUplink): readonly string[] {
    return this.#routeOf(uplink).servers;
  }

  ask(uplink: ConfiguredUplink, server: string, name: string): Promise<readonly string[]> {
    const resolver = new DnsResolver({
      timeoutMs: PATIENCE_MS,
      clock: this.#clock,
      route: () => ({ ...this.#routeOf(uplink), servers: [server] }),
      // What this server says, and not what a file says.
      hostsPath: '/dev/null',
    });
    return resolver.resolve(name, new Cancellation());
  }

  askSystem(name: string): Promise<readonly string[]> {
    // Not getaddrinfo, which nobody can interrupt: with a dead name server it would hold up the end of the program.
    const resolver = new DnsResolver({ timeoutMs: PATIENCE_MS, clock: this.#clock });
    return resolver.resolve(name, new Cancellation());
  }

  #routeOf(uplink: ConfiguredUplink) {
    return dnsRouteOf(uplink, { systemServers: () => new Resolver().getServers(), native: this.#native });
  }
}
