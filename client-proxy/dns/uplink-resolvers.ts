import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { DnsResolver } from '../../shared/runtime/dns/resolver.ts';
import { Translators } from '../../shared/runtime/dns/translators.ts';
import type { UplinkBinding } from '../uplink/uplink.ts';
import { type DnsSurroundings, deviceOf, dnsRouteOf, type ResolvingUplink } from './uplink-dns-route.ts';

/** How one uplink finds addresses: by its name servers, over itself. */
export interface UplinkResolver {
  readonly names: DnsResolver;
  readonly translators: Translators;
}

/** As the concentrator's `egress.resolveTimeout`: nobody waits longer for a name. */
const RESOLVE_TIMEOUT_MS = 5_000;

/** The resolver of each uplink, with what its name servers have said. It is gone with the uplink, since elsewhere others hold. */
export class UplinkResolvers {
  readonly #surroundings: DnsSurroundings;
  readonly #clock: MonotonicClock;
  readonly #resolvers = new WeakMap<ResolvingUplink, UplinkResolver>();

  constructor(surroundings: DnsSurroundings, clock: MonotonicClock) {
    this.#surroundings = surroundings;
    this.#clock = clock;
  }

  of(uplink: ResolvingUplink): UplinkResolver {
    let resolver = this.#resolvers.get(uplink);
    if (resolver === undefined) {
      const names = new DnsResolver({
        timeoutMs: RESOLVE_TIMEOUT_MS,
        clock: this.#clock,
        route: () => dnsRouteOf(uplink, this.#surroundings),
      });
      const own = () => this.#addressesOf(uplink.binding);
      resolver = { names, translators: new Translators(names.nat64, own, this.#clock) };
      this.#resolvers.set(uplink, resolver);
    }
    return resolver;
  }

  /** What connections over an uplink are made from. */
  #addressesOf(binding: UplinkBinding): readonly string[] {
    if (binding.kind === 'address') return [binding.address];
    const interfaces = this.#surroundings.networkInterfaces();
    const infos = interfaces[deviceOf(binding, interfaces) ?? ''] ?? [];
    return infos.map(({ address }) => address);
  }
}
