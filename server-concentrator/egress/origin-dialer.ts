import { isIP, isIPv4 } from 'node:net';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { type ErrorName, StreamError, TributaryError } from '../../shared/protocol/errors.ts';
import { originFailure } from '../../shared/runtime/app/origin-failure.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { OriginResolver } from '../../shared/runtime/dns/resolver.ts';
import {
  CONNECTION_ATTEMPT_DELAY_MS,
  interleaveFamilies,
  raceConnections,
} from '../../shared/runtime/tcp/happy-eyeballs.ts';
import type { EgressPolicy } from './egress-policy.ts';
import { normalizeHost } from './host-name.ts';

/** Opens one connection to an IP address; rejects when it fails or `signal` aborts. */
export type ConnectAddress<T> = (address: string, port: number, signal: CancelSignal) => Promise<T>;

/** How one dial ended, for the metrics. */
export type DialOutcome = 'connected' | ErrorName;

export interface OriginDialerOptions<T> {
  readonly policy: EgressPolicy;
  readonly resolver: OriginResolver;
  readonly connect: ConnectAddress<T>;
  /** For all addresses of an origin together, after resolution. */
  readonly connectTimeoutMs: number;
  readonly clock: MonotonicClock;
  /** Called once for each dial, before its promise settles. */
  readonly onOutcome?: (outcome: DialOutcome) => void;
}

/**
 * Connects streams to their origins: policy on the host, resolution, policy on each address, then
 * Happy Eyeballs over exactly the addresses that passed. Nothing is resolved a second time, so what was checked
 * is what is dialled.
 */
export class OriginDialer<T extends { destroy(): void }> {
  readonly #options: OriginDialerOptions<T>;
  #policy: EgressPolicy;
  #ipv4FirstUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: OriginDialerOptions<T>) {
    this.#options = options;
    this.#policy = options.policy;
  }

  /** The policy for dials from now on; connections that are open stay. */
  setPolicy(policy: EgressPolicy): void {
    this.#policy = policy;
  }

  /**
   * Connects to the destination. Rejects with StreamError: notAuthorized, nameNotFound, connectionRefused,
   * connectionReset, timedOut, destinationUnreachable, networkFailure, resourceExceeded, or cancelled after `signal`.
   */
  async dial(destination: Destination, signal: CancelSignal): Promise<T> {
    try {
      const connection = await this.#connect(destination, signal);
      this.#options.onOutcome?.('connected');
      return connection;
    } catch (cause) {
      const error = streamError(destination, cause, signal);
      this.#options.onOutcome?.(error.code);
      throw error;
    }
  }

  async #connect(destination: Destination, signal: CancelSignal): Promise<T> {
    signal.throwIfAborted();
    const { port } = destination;
    const host = normalizeHost(destination.host);
    if (host === undefined) {
      throw new StreamError(
        'nameNotFound',
        `${JSON.stringify(destination.host)} is neither a domain name nor an IP address`,
      );
    }
    const hostVerdict = this.#policy.checkHost(host, port);
    if (!hostVerdict.allowed) throw notAuthorized([hostVerdict.reason]);

    const addresses = isIP(host) ? [host] : await this.#options.resolver.resolve(host, signal);
    return this.#race(this.#permitted(addresses, port), port, signal);
  }

  /** The addresses that the policy lets pass; throws notAuthorized when there are none. */
  #permitted(addresses: readonly string[], port: number): string[] {
    const permitted: string[] = [];
    const reasons: string[] = [];
    for (const address of addresses) {
      const verdict = this.#policy.checkAddress(address, port);
      if (verdict.allowed) permitted.push(address);
      else reasons.push(verdict.reason);
    }
    if (permitted.length === 0) throw notAuthorized(reasons);
    return permitted;
  }

  async #race(addresses: readonly string[], port: number, signal: CancelSignal): Promise<T> {
    const { connect, connectTimeoutMs, clock } = this.#options;
    const ordered = interleaveFamilies(
      addresses,
      clock() < this.#ipv4FirstUntilMs ? 4 : 6,
      (address) => address,
    );
    const { connection, address } = await raceConnections({
      addresses: ordered,
      connect: (address, attempt) => connect(address, port, attempt),
      attemptDelayMs: CONNECTION_ATTEMPT_DELAY_MS,
      timeoutMs: connectTimeoutMs,
      signal,
    });
    const ipv6Lost = !isIPv4(ordered[0] ?? '') && isIPv4(address);
    if (ipv6Lost) this.#ipv4FirstUntilMs = clock() + IPV4_FIRST_MS;
    return connection;
  }
}

/**
 * After IPv6 came first and IPv4 won, IPv4 comes first for this long, so that broken IPv6 does not cost every open
 * the attempt delay (RFC 6555 section 4.2, which names 10 minutes; RFC 8305 section 4 on history).
 */
const IPV4_FIRST_MS = 10 * 60 * 1000;

function notAuthorized(reasons: readonly string[]): StreamError {
  return new StreamError('notAuthorized', `not permitted by the egress policy: ${reasons.join('; ')}`);
}

function streamError(destination: Destination, cause: unknown, signal: CancelSignal): TributaryError {
  if (signal.aborted) {
    return new StreamError('cancelled', `the dial of ${formatDestination(destination)} was given up`);
  }
  if (cause instanceof TributaryError) return cause;
  return originFailure(
    formatDestination(destination),
    cause instanceof AggregateError ? cause.errors : [cause],
  );
}
