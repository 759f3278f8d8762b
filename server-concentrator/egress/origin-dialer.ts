import { isIP } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import { type ConnectAddress, OriginConnector } from '../../shared/runtime/app/origin-connector.ts';
import { dialFailure } from '../../shared/runtime/app/origin-failure.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { SharedPlaces } from '../../shared/runtime/async/shared-places.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { OriginResolver } from '../../shared/runtime/dns/resolver.ts';
import type { Translators } from '../../shared/runtime/dns/translators.ts';
import type { OpenLine } from '../limits/open-line.ts';
import type { EgressPolicy, OwnEgressRules } from './egress-policy.ts';
import { allowedHost, checkHost, permittedAddresses, policyFor } from './permitted.ts';

/** How one dial ended, for the metrics. */
export type DialOutcome = 'connected' | ErrorName;

export interface OriginDialerOptions<T> {
  readonly policy: EgressPolicy;
  /** Rules of a client's own, if it has any. */
  readonly rulesOf?: (clientId: string) => OwnEgressRules | undefined;
  readonly resolver: OriginResolver;
  /** Where this machine may have no IPv4. */
  readonly translators?: Translators;
  readonly connect: ConnectAddress<T>;
  /** For all addresses of an origin together, after resolution. */
  readonly connectTimeoutMs: number;
  /** Paces the dials of each client. */
  readonly opens?: OpenLine;
  /** Places for connection attempts under way, shared by the clients. */
  readonly places?: SharedPlaces;
  readonly clock: MonotonicClock;
  /** What the concentrator answers itself, by the host of a stream (SPEC.md section 6): what such a stream is joined with. */
  readonly services?: Readonly<Record<string, (clientId: string, policy: EgressPolicy) => T>>;
  /** Called once for each dial, before its promise settles. */
  readonly onOutcome?: (outcome: DialOutcome) => void;
}

/**
 * Connects streams to their origins: the client's turn, policy on the host, resolution, policy on each address, then Happy Eyeballs over exactly
 * the addresses that passed.
 */
export class OriginDialer<T extends { destroy(): void }> {
  readonly #options: OriginDialerOptions<T>;
  readonly #connector: OriginConnector<T>;
  #policy: EgressPolicy;

  constructor(options: OriginDialerOptions<T>) {
    this.#options = options;
    this.#policy = options.policy;
    this.#connector = new OriginConnector({
      ...options,
      permitted: (addresses, destination, clientId) =>
        permittedAddresses(this.#policyOf(clientId), addresses, destination),
    });
  }

  /** The policy for dials from now on; connections that are open stay. */
  setPolicy(policy: EgressPolicy): void {
    this.#policy = policy;
  }

  /**
   * Connects to the destination for a client. Rejects with StreamError: notAuthorized, nameNotFound, connectionRefused,
   * connectionReset, timedOut, destinationUnreachable, networkFailure, resourceExceeded, or cancelled after `signal`.
   */
  async dial(destination: Destination, signal: CancelSignal, clientId: string): Promise<T> {
    const { opens } = this.#options;
    try {
      signal.throwIfAborted();
      await opens?.enter(clientId, signal);
      const service = this.#serviceOf(destination);
      const connection = service
        ? service(clientId, this.#policyOf(clientId))
        : await this.#connect(destination, signal, clientId);
      // A question costs what an open does that reaches nothing.
      if (service === undefined) opens?.onReached(clientId);
      this.#options.onOutcome?.('connected');
      return connection;
    } catch (cause) {
      const error = dialFailure(destination, cause, signal);
      this.#options.onOutcome?.(error.code);
      throw error;
    }
  }

  /**
   * The addresses of a host at which the client may connect to this port, for connections that come from there instead; it takes a turn
   * of the client's, as a dial. Rejects with StreamError: notAuthorized, or as `OriginResolver.resolve`; with the signal's reason after it.
   */
  async addressesOf(
    destination: Destination,
    signal: CancelSignal,
    clientId: string,
  ): Promise<readonly string[]> {
    signal.throwIfAborted();
    await this.#options.opens?.enter(clientId, signal);
    const named = allowedHost(this.#policyOf(clientId), destination);
    const { host } = named;
    const found = isIP(host) === 0 ? await this.#options.resolver.resolve(host, signal, clientId) : [host];
    return permittedAddresses(this.#policyOf(clientId), found, named);
  }

  /** Whether the concentrator answers this itself: there is no origin then. */
  isService({ host }: Destination): boolean {
    return Object.hasOwn(this.#options.services ?? {}, host);
  }

  /** Throws StreamError where the policy forbids it. */
  #serviceOf(destination: Destination) {
    if (!this.isService(destination)) return undefined;
    checkHost(this.#policy, destination);
    return this.#options.services?.[destination.host];
  }

  #connect(destination: Destination, signal: CancelSignal, clientId: string): Promise<T> {
    return this.#connector.connect(allowedHost(this.#policyOf(clientId), destination), signal, clientId);
  }

  #policyOf(clientId: string): EgressPolicy {
    return policyFor(this.#policy, this.#options.rulesOf?.(clientId));
  }
}
