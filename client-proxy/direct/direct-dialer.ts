import { isIP, isIPv4 } from 'node:net';
import type { NameQuestion } from '../../shared/protocol/codec/name-question.ts';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { StreamError, TributaryError } from '../../shared/protocol/errors.ts';
import type { Nat64Prefix } from '../../shared/runtime/address/nat64.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import { OriginConnector } from '../../shared/runtime/app/origin-connector.ts';
import { dialFailure } from '../../shared/runtime/app/origin-failure.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { withTimeLimit } from '../../shared/runtime/async/time-limit.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { isLocalhost, LOCALHOST_ADDRESSES } from '../../shared/runtime/dns/resolver.ts';
import type { ConfiguredUplink } from '../config/client-config.ts';
import type { UplinkResolvers } from '../dns/uplink-resolvers.ts';
import type { UplinkUseWithReason } from '../path-manager/uplink-use.ts';
import { UplinkError } from '../uplink/uplink-error.ts';
import { directRefusal } from './direct-destination.ts';
import { isStillBound } from './still-bound.ts';

export interface DirectDialerOptions {
  /** The uplinks that there are now. */
  readonly uplinks: () => readonly ConfiguredUplink[];
  /** What an uplink may be used for now. */
  useOf(uplinkName: string): UplinkUseWithReason;
  /** Opens a connection over an uplink; `target.host` is an address, or for a proxy also a name. */
  connect(
    uplink: ConfiguredUplink,
    target: Destination,
    signal: CancelSignal,
    timeoutMs: number,
  ): Promise<AppSocket>;
  readonly resolvers: UplinkResolvers;
  /** The addresses of this machine. */
  ownAddresses(): readonly string[];
  readonly clock: MonotonicClock;
}

/** As the concentrator's `egress.connectTimeout`: what is direct is not more patient. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Connects to destinations through one uplink, past the concentrator; their names are resolved through the same uplink. */
export class DirectDialer {
  readonly #options: DirectDialerOptions;
  /** Each uplink's; gone with it. */
  readonly #connectors = new WeakMap<ConfiguredUplink, OriginConnector<AppSocket>>();

  constructor(options: DirectDialerOptions) {
    this.#options = options;
  }

  /**
   * Rejects with StreamError or UplinkError: notAuthorized, nameNotFound, connectionRefused, connectionReset, timedOut,
   * destinationUnreachable, networkFailure, resourceExceeded, or cancelled after `signal`.
   */
  async dial(uplinkName: string, { host, port }: Destination, signal: CancelSignal): Promise<AppSocket> {
    const destination = { host: host.toLowerCase().replace(/\.$/, ''), port };
    try {
      signal.throwIfAborted();
      const uplink = this.#uplink(uplinkName);
      const origin =
        uplink.binding.kind === 'proxy'
          ? await this.#throughProxy(uplink, destination, signal)
          : await this.#connectorOf(uplink).connect(destination, signal);
      const changed = this.#whyChanged(uplink);
      if (changed === undefined) return origin;
      origin.destroy('reset');
      throw changed;
    } catch (cause) {
      throw dialFailure(destination, cause, signal);
    }
  }

  /**
   * What the uplink's name servers know of a name or an address, without the addresses that are not dialled. Rejects as `dial`, with
   * unsupportedMessage where a proxy resolves names.
   */
  async resolve(
    uplinkName: string,
    { wants, of }: NameQuestion,
    signal: CancelSignal,
  ): Promise<readonly string[]> {
    const uplink = this.#uplink(uplinkName);
    if (uplink.binding.kind === 'proxy') {
      throw new UplinkError(
        uplinkName,
        'unsupportedMessage',
        'its proxy resolves names, and tells no addresses',
      );
    }
    const { names, translators } = this.#options.resolvers.of(uplink);
    const host = of.toLowerCase().replace(/\.$/, '');
    if (wants === 'names') {
      const [address] = this.#permitted([host], translators.known);
      return names.namesOf(address!, signal);
    }
    const found = isIP(host) === 0 ? await names.resolve(host, signal) : [host];
    return this.#permitted(found, translators.known);
  }

  #whyStopped(uplinkName: string): TributaryError | undefined {
    const { use, reason } = this.#options.useOf(uplinkName);
    if (use !== 'stopped') return undefined;
    return new TributaryError('notAuthorized', `uplink ${uplinkName}: stopped: ${reason}`, 'ours');
  }

  /** Why a connection that has just been made may not be used: nobody would end it. */
  #whyChanged(uplink: ConfiguredUplink): TributaryError | undefined {
    if (isStillBound(uplink, this.#options.uplinks())) return this.#whyStopped(uplink.name);
    return new UplinkError(uplink.name, 'networkFailure', 'it was taken out or changed meanwhile');
  }

  #uplink(uplinkName: string): ConfiguredUplink {
    const stopped = this.#whyStopped(uplinkName);
    if (stopped !== undefined) throw stopped;
    const uplink = this.#options.uplinks().find(({ name }) => name === uplinkName);
    if (uplink !== undefined) return uplink;
    throw new UplinkError(uplinkName, 'networkFailure', 'a steering rule names it, and it is not there now');
  }

  #throughProxy(uplink: ConfiguredUplink, target: Destination, signal: CancelSignal): Promise<AppSocket> {
    if (isIP(target.host) !== 0) this.#permitted([target.host]);
    // The proxy may run on this machine. What other names lead to, it alone knows.
    if (isLocalhost(target.host)) this.#permitted(LOCALHOST_ADDRESSES);
    const limit = { timeoutMs: CONNECT_TIMEOUT_MS, signal };
    return withTimeLimit(`connecting to ${formatDestination(target)}`, limit, (limited) =>
      this.#options.connect(uplink, target, limited, CONNECT_TIMEOUT_MS),
    );
  }

  /** The addresses that may be dialled; throws when there are none. */
  #permitted(addresses: readonly string[], nat64: readonly Nat64Prefix[] = []): readonly string[] {
    const own = this.#options.ownAddresses();
    const refusals = addresses.map((address) => directRefusal(address, own, nat64));
    const permitted = addresses.filter((_, index) => refusals[index] === undefined);
    if (permitted.length === 0) throw new StreamError('notAuthorized', refusals.join('; '));
    return permitted;
  }

  #connectorOf(uplink: ConfiguredUplink): OriginConnector<AppSocket> {
    const { connect, resolvers, clock } = this.#options;
    let connector = this.#connectors.get(uplink);
    if (connector === undefined) {
      const { names, translators } = resolvers.of(uplink);
      connector = new OriginConnector({
        resolver: names,
        translators,
        permitted: (addresses) => ofItsFamily(uplink, this.#permitted(addresses, translators.known)),
        connect: async (host, port, attempt) => {
          refuseOtherFamily(uplink, host);
          return connect(uplink, { host, port }, attempt, CONNECT_TIMEOUT_MS);
        },
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        clock,
      });
      this.#connectors.set(uplink, connector);
    }
    return connector;
  }
}

/** Those that the uplink can reach, where it can reach any: a translator may make others of the rest. */
function ofItsFamily({ binding }: ConfiguredUplink, addresses: readonly string[]): readonly string[] {
  if (binding.kind !== 'address') return addresses;
  const reachable = addresses.filter((address) => isIPv4(address) === isIPv4(binding.address));
  return reachable.length > 0 ? reachable : addresses;
}

function refuseOtherFamily({ name, binding }: ConfiguredUplink, host: string): void {
  if (binding.kind !== 'address' || isIPv4(host) === isIPv4(binding.address)) return;
  const message = `bound to ${binding.address}, which cannot reach the other address family`;
  throw new UplinkError(name, 'networkFailure', message);
}
