import { isIP, isIPv4 } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import { StreamError } from '../../shared/protocol/errors.ts';
import { plainAddress } from '../../shared/runtime/address/plain-address.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { OriginResolver } from '../../shared/runtime/dns/resolver.ts';
import type { Translators } from '../../shared/runtime/dns/translators.ts';
import {
  readSocketAddress,
  type SocketAddress,
  socketAddress,
} from '../../shared/runtime/kernel/socket-address.ts';
import type { EgressPolicy, OwnEgressRules } from '../egress/egress-policy.ts';
import { allowedHost, permittedAddresses, policyFor } from '../egress/permitted.ts';
import type { OpenLine } from '../limits/open-line.ts';

/** Where the datagrams of a flow go. */
export interface FlowTarget {
  readonly to: SocketAddress;
  /** The address that the application knows: another one behind a translator (NAT64). */
  readonly shown: string;
}

export interface FlowTargetsOptions {
  readonly policy: EgressPolicy;
  /** Rules of a client's own, if it has any. */
  readonly rulesOf?: ((clientId: string) => OwnEgressRules | undefined) | undefined;
  readonly resolver: OriginResolver;
  /** Where this machine may have no IPv4. */
  readonly translators?: Translators;
  /** Paces the new flows of each client. */
  readonly opens: OpenLine;
  /** The address families in which this machine reaches others. */
  ownFamilies(): ReadonlySet<4 | 6>;
}

/** Finds the one address that a flow's datagrams go to: the client's turn, policy on the host, resolution, policy on each address. */
export class FlowTargets {
  readonly #options: FlowTargetsOptions;
  #policy: EgressPolicy;

  constructor(options: FlowTargetsOptions) {
    this.#options = options;
    this.#policy = options.policy;
  }

  /** The policy from now on; whoever has flows asks `permits` again. */
  setPolicy(policy: EgressPolicy): void {
    this.#policy = policy;
  }

  /** Rejects with StreamError as `OriginDialer.dial`. */
  async find(destination: Destination, signal: CancelSignal, clientId: string): Promise<FlowTarget> {
    const { resolver, opens } = this.#options;
    signal.throwIfAborted();
    await opens.enter(clientId, signal);
    const named = allowedHost(this.#policyOf(clientId), destination);
    const { host } = named;
    const found = isIP(host) === 0 ? await resolver.resolve(host, signal, clientId) : [host];
    const permitted = (addresses: readonly string[]) =>
      permittedAddresses(this.#policyOf(clientId), addresses, named);
    const target = await this.#choose(found, named.port, signal, permitted);
    signal.throwIfAborted();
    return target;
  }

  /** Something has come back in a flow of this client's: its open has been of use. */
  onReached(clientId: string): void {
    this.#options.opens.onReached(clientId);
  }

  /** Whether the policy, as it is now, lets a flow of the client go there that was asked for by this host. */
  permits(host: string, { to, shown }: FlowTarget, clientId: string): boolean {
    const policy = this.#policyOf(clientId);
    try {
      const named = allowedHost(policy, { host, port: to.port });
      permittedAddresses(policy, [shown], named);
      permittedAddresses(policy, [to.host], named);
      return true;
    } catch (error) {
      if (error instanceof StreamError) return false;
      throw error;
    }
  }

  #policyOf(clientId: string): EgressPolicy {
    return policyFor(this.#policy, this.#options.rulesOf?.(clientId));
  }

  async #choose(
    found: readonly string[],
    port: number,
    signal: CancelSignal,
    permitted: (addresses: readonly string[]) => readonly string[],
  ): Promise<FlowTarget> {
    const allowed = permitted(found).map(plainAddress);
    const { translators } = this.#options;
    await translators?.learnFor(allowed, signal);
    // Once more, since now it is known which of them are IPv4 addresses in disguise.
    const shown = this.#firstOf(permitted(allowed));
    const reachable = translators?.reachable([shown]) ?? [shown];
    const [address] = permitted(reachable);
    return flowTarget(address!, port, shown);
  }

  /** There is no race that tells whether a family works. IPv4 does nearly everywhere where there is any. */
  #firstOf(addresses: readonly string[]): string {
    const own = this.#options.ownFamilies();
    const isIpv6First = own.has(6) && !own.has(4);
    return addresses.find((address) => isIPv4(address) !== isIpv6First) ?? addresses[0]!;
  }
}

/** @param address an IP address without a zone @param shown see `FlowTarget` */
export function flowTarget(address: string, port: number, shown: string): FlowTarget {
  const { family, bytes } = socketAddress(address, port)!;
  // As the kernel's are written: so it compares with where datagrams come from.
  return { to: readSocketAddress(family, bytes), shown };
}
