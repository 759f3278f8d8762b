import type { Logger } from 'pino';
import { type Destination, formatDestination } from '../shared/protocol/destination.ts';
import type { Nat64Prefix } from '../shared/runtime/address/nat64.ts';
import { isLoopback } from '../shared/runtime/address/special-ranges.ts';
import type { AppSocket } from '../shared/runtime/app/app-socket.ts';
import { announcedNow } from './addresses/announced-addresses.ts';
import {
  lacksPublicAddress,
  type OwnAddresses,
  OwnAddressWatch,
  PUBLIC_ADDRESS_HINT,
} from './addresses/own-addresses.ts';
import type { ConcentratorConfig } from './config/concentrator-config.ts';
import type { DatagramPort } from './datagram/datagram-port.ts';
import type { OriginDatagrams } from './datagram/origin-datagrams.ts';
import { createEgressPolicy } from './egress/egress-policy.ts';
import type { OriginDialer } from './egress/origin-dialer.ts';
import type { SessionRegistry } from './session/session-registry.ts';

export type AddressConfig = Pick<ConcentratorConfig, 'public' | 'announce' | 'egress'>;

export interface AddressKeeperOptions {
  readonly config: AddressConfig;
  readonly ownAddresses: OwnAddresses;
  /** What it found just now. */
  readonly own: readonly string[];
  /** The ports on which this concentrator listens, whatever a later configuration says: that waits for a restart. */
  readonly listenPorts: readonly number[];
  /** As the egress policy wants them. */
  nat64(): readonly Nat64Prefix[];
  /** Dials origins by the policy. */
  readonly dialer: Pick<OriginDialer<AppSocket>, 'setPolicy'>;
  /** Sends datagrams to them by it. */
  readonly datagrams: Pick<OriginDatagrams, 'setPolicy'>;
  /** Receives packets of clients at them. */
  readonly port: Pick<DatagramPort, 'review'>;
  /** Tell clients of the addresses. */
  readonly sessions: Pick<SessionRegistry, 'announce'>;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
}

/**
 * Follows the addresses of this machine and the configuration: origins at its own addresses are not dialled, and clients are
 * told where it can be reached.
 */
export class AddressKeeper {
  readonly #options: AddressKeeperOptions;
  #config: AddressConfig;
  #own: readonly string[];
  #listen: readonly Destination[] = [];
  #watch: OwnAddressWatch | undefined;

  constructor(options: AddressKeeperOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#own = options.own;
  }

  /** Tells clients of the addresses from now on. @param listen where the concentrator listens, with the real ports */
  start(listen: readonly Destination[]): void {
    this.#listen = listen;
    this.prepare(this.#config)();
    const isForOthers = listen.some(({ host }) => !isLoopback(host));
    if (isForOthers && lacksPublicAddress(this.#own)) this.#options.logger.warn({}, PUBLIC_ADDRESS_HINT);
    const find = () => this.#options.ownAddresses.find(this.#config.public);
    this.#watch = new OwnAddressWatch(this.#own, find, (own) => this.#setOwn(own));
  }

  stop(): void {
    this.#watch?.stop();
  }

  /** Makes another configuration ready. @returns takes it over, with the addresses that are known now */
  prepare(config: AddressConfig): () => void {
    const { listenPorts, nat64, dialer, datagrams, sessions, logger } = this.#options;
    const policy = createEgressPolicy({ ...config.egress, ownAddresses: this.#own, listenPorts, nat64 });
    const reachable = { own: this.#own, listen: this.#listen, public: config.public };
    const announced = announcedNow(config.announce, reachable);
    return () => {
      this.#config = config;
      dialer.setPolicy(policy);
      datagrams.setPolicy(policy);
      sessions.announce(announced);
      logger.debug({ ...announced, addresses: announced.addresses.map(formatDestination) }, 'announced');
    };
  }

  /** Looks for the addresses of this machine now; where that fails, those of before stay. */
  async refresh(): Promise<void> {
    const { ownAddresses } = this.#options;
    this.#setOwn(await ownAddresses.find(this.#config.public).catch(() => this.#own));
  }

  #setOwn(own: readonly string[]): void {
    this.#own = own;
    void this.#options.port.review();
    this.prepare(this.#config)();
  }
}
