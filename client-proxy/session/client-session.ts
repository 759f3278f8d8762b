import type { Logger } from 'pino';
import type { Destination } from '../../shared/protocol/destination.ts';
import { type ErrorName, StreamError, TributaryError } from '../../shared/protocol/errors.ts';
import type { ClientIdentity } from '../../shared/protocol/handshake/client-handshake.ts';
import type { Welcome } from '../../shared/protocol/handshake/messages.ts';
import { MemoryBudget } from '../../shared/protocol/memory-budget.ts';
import { Session } from '../../shared/protocol/session/session.ts';
import type { SteeringPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import { nodeHandshakeCrypto } from '../../shared/runtime/handshake-crypto.ts';
import type { SubflowTransport } from '../../shared/runtime/net/subflow-transport.ts';
import type { Uplink } from '../../shared/runtime/net/uplink.ts';
import type { MonotonicClock } from '../../shared/runtime/session/clock.ts';
import { SessionDriver, type StreamHandlers } from '../../shared/runtime/session/session-driver.ts';
import type { TrafficTable } from '../../shared/runtime/session/uplink-traffic.ts';
import { Backoff, type BackoffBounds } from '../path-manager/backoff.ts';
import { clientSubflowHandshake } from '../path-manager/client-subflow-handshake.ts';
import { type SubflowsPerPath, subflowBound } from '../path-manager/subflow-bound.ts';
import { UplinkDialer, type UplinkStatus } from '../path-manager/uplink-dialer.ts';

/** An uplink, and how many subflows it is to have; by default `auto`. */
export interface DialledUplink extends Uplink {
  readonly subflowsPerPath?: SubflowsPerPath;
}

export interface ClientSessionOptions {
  readonly identity: ClientIdentity;
  readonly uplinks: readonly DialledUplink[];
  readonly addresses: readonly Destination[];
  readonly memoryBytes: number;
  /** How long the session waits with every uplink gone, if the concentrator allows as much. */
  readonly lingerMs: number;
  readonly backoff: BackoffBounds;
  readonly handshakeTimeoutMs: number;
  readonly clock: MonotonicClock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly traffic: TrafficTable;
  connect(uplink: Uplink, address: Destination, signal: AbortSignal): Promise<SubflowTransport>;
  onDial(uplinkName: string, result: 'ok' | 'failed'): void;
}

export interface ClientSessionOwner {
  /** A subflow is up, perhaps after there was none. */
  onSubflowUp(): void;
  onGoingAway(): void;
  onClosed(error: ErrorName): void;
}

/**
 * One session with the concentrator, from its first dial to its end. All uplinks are dialled at once; the first to get
 * through sends HELLO, the others JOIN.
 */
export class ClientSession {
  readonly #options: ClientSessionOptions;
  readonly #owner: ClientSessionOwner;
  readonly #dialers: readonly UplinkDialer[];
  #token: Uint8Array | undefined;
  #driver: SessionDriver | undefined;
  #isOver = false;
  readonly #handshaking = new Set<SubflowTransport>();
  #mostPerUplink = 1;
  /** Whether a HELLO is under way; others that are ready wait for it. */
  #hello: Promise<void> | undefined;

  constructor(options: ClientSessionOptions, owner: ClientSessionOwner) {
    this.#options = options;
    this.#owner = owner;
    const { addresses, connect, onDial } = options;
    this.#dialers = options.uplinks.map(
      (uplink) =>
        new UplinkDialer({
          uplink,
          addresses,
          backoff: new Backoff(options.backoff, options.random),
          logger: options.logger,
          connect,
          onDial,
          admit: (transport, replaced) => this.#admit(uplink, transport, replaced),
          retire: (subflowId) => this.#driver?.retireSubflow(subflowId),
        }),
    );
  }

  start(): void {
    for (const dialer of this.#dialers) dialer.start();
  }

  /** Something about the network has changed. */
  retryUplinks(): void {
    for (const dialer of this.#dialers) dialer.retryNow();
  }

  get isEstablished(): boolean {
    return this.#driver !== undefined && !this.#isOver;
  }

  /** Whether a stream that is opened now has a subflow to go out on, and a session that takes it. */
  get isReady(): boolean {
    if (!this.isEstablished) return false;
    const { session } = this.#driver!;
    return session.subflows.length > 0 && session.cannotOpen !== 'goingAway';
  }

  get driver(): SessionDriver | undefined {
    return this.#driver;
  }

  get uplinks(): readonly UplinkStatus[] {
    return this.#dialers.map(({ status }) => status);
  }

  /** @throws StreamError when the session takes no stream */
  openStream<Handlers extends StreamHandlers>(
    destination: Destination,
    policy: SteeringPolicy,
    handlersOf: (driver: SessionDriver, streamId: number) => Handlers,
  ): Handlers {
    const driver = this.#driver;
    if (driver === undefined) throw new StreamError('uplinksLost', 'no session with the concentrator yet');
    return driver.openStream(destination, policy, (streamId) => handlersOf(driver, streamId));
  }

  /** Ends the session and stops dialling. */
  close(error: ErrorName): void {
    if (this.#driver === undefined) this.#end(error);
    else this.#driver.close(error);
  }

  async #admit(uplink: Uplink, transport: SubflowTransport, replaced: number | undefined): Promise<number> {
    while (!this.#isOver) {
      const driver = this.#driver;
      if (driver !== undefined) return this.#join(uplink, transport, driver, replaced);
      if (this.#hello === undefined) return this.#greet(uplink, transport);
      await this.#hello;
    }
    throw this.#ended(transport);
  }

  /** The first subflow. */
  async #greet(uplink: Uplink, transport: SubflowTransport): Promise<number> {
    let release = () => {};
    this.#hello = new Promise((resolve) => {
      release = resolve;
    });
    try {
      const outcome = await this.#handshake(uplink, transport, { kind: 'hello' });
      // A session that nobody knows of would keep the process alive.
      if (this.#isOver) throw this.#ended(transport);
      const welcome = outcome.result.welcome!;
      const driver = this.#establish(welcome);
      const id = driver.session.allocateSubflowId();
      driver.addSubflow(
        { id, uplinkName: uplink.name, isBackup: uplink.backup },
        transport,
        outcome.takeRest(),
      );
      this.#owner.onSubflowUp();
      return id;
    } finally {
      this.#hello = undefined;
      release();
    }
  }

  async #join(
    uplink: Uplink,
    transport: SubflowTransport,
    driver: SessionDriver,
    replaced: number | undefined,
  ): Promise<number> {
    if (replaced !== undefined && isActive(driver, replaced)) {
      // The silent one has come back meanwhile.
      transport.destroy();
      return replaced;
    }
    const subflowId = driver.session.allocateSubflowId();
    try {
      const token = this.#token!;
      const outcome = await this.#handshake(uplink, transport, { kind: 'join', token, subflowId });
      if (driver.session.isClosed) throw this.#ended(transport);
      const { name: uplinkName, backup: isBackup } = uplink;
      driver.addSubflow({ id: subflowId, uplinkName, isBackup }, transport, outcome.takeRest());
      if (replaced !== undefined && !isActive(driver, replaced)) driver.removeSubflow(replaced);
      this.#owner.onSubflowUp();
      return subflowId;
    } catch (error) {
      // The concentrator has forgotten the session (it was restarted, or waited long enough): so must we.
      if (error instanceof TributaryError && error.code === 'sessionUnknown') driver.close('sessionUnknown');
      throw error;
    }
  }

  /** The error for a transport that came too late. */
  #ended(transport: SubflowTransport): TributaryError {
    transport.destroy();
    return new TributaryError('goingAway', 'the session has ended meanwhile', 'ours');
  }

  async #handshake(
    uplink: Uplink,
    transport: SubflowTransport,
    intent: { kind: 'hello' } | { kind: 'join'; token: Uint8Array; subflowId: number },
  ) {
    const { identity, handshakeTimeoutMs } = this.#options;
    const { name: uplinkName, backup } = uplink;
    this.#handshaking.add(transport);
    try {
      return await clientSubflowHandshake(
        transport,
        { crypto: nodeHandshakeCrypto, identity, uplinkName, backup, intent },
        handshakeTimeoutMs,
      );
    } finally {
      this.#handshaking.delete(transport);
    }
  }

  #establish(welcome: Welcome): SessionDriver {
    const { clock, logger, memoryBytes, traffic } = this.#options;
    this.#token = welcome.token;
    const lingerMs = Math.min(this.#options.lingerMs, welcome.lingerMs);
    const session = new Session({
      role: 'client',
      maxStreams: welcome.maxStreams,
      firstWindowBytes: welcome.firstWindowBytes,
      lingerMs,
      memory: new MemoryBudget(memoryBytes),
      nowMs: clock(),
    });
    this.#driver = new SessionDriver({
      session,
      clock,
      logger,
      trafficOf: (uplinkName) => traffic.of(uplinkName),
      owner: {
        onSubflowClosed: (id) => {
          for (const dialer of this.#dialers) dialer.onSubflowClosed(id);
        },
        onSubflowReplace: (id) => {
          for (const dialer of this.#dialers) dialer.onSubflowDoubted(id);
        },
        onSubflowRecovered: (id) => {
          for (const dialer of this.#dialers) dialer.onSubflowRecovered(id);
        },
        onSubflowsWanted: (uplinkName, count) => this.#want(uplinkName, count),
        onGoingAway: () => this.#owner.onGoingAway(),
        onClosed: (error) => this.#end(error),
      },
    });
    logger.info({ maxStreams: welcome.maxStreams, lingerMs }, 'session established');
    this.#mostPerUplink = subflowBound(welcome.maxSubflows, this.#dialers.length);
    for (const { name, subflowsPerPath = 'auto' } of this.#options.uplinks) {
      if (subflowsPerPath !== 'auto') this.#setSubflows(name, subflowsPerPath);
    }
    return this.#driver;
  }

  /** A wish of either end, of no effect on an uplink whose number is configured. */
  #want(uplinkName: string, count: number): void {
    const uplink = this.#options.uplinks.find(({ name }) => name === uplinkName);
    if ((uplink?.subflowsPerPath ?? 'auto') === 'auto') this.#setSubflows(uplinkName, count);
  }

  #setSubflows(uplinkName: string, count: number): void {
    const dialer = this.#dialers.find(({ status }) => status.name === uplinkName);
    dialer?.setWanted(Math.min(count, this.#mostPerUplink));
  }

  #end(error: ErrorName): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const dialer of this.#dialers) dialer.stop();
    // Else a concentrator that does not answer would keep the process alive for the time limit.
    for (const transport of this.#handshaking) transport.destroy();
    this.#owner.onClosed(error);
  }
}

function isActive(driver: SessionDriver, subflowId: number): boolean {
  return driver.session.subflows.some(({ id, state }) => id === subflowId && state === 'active');
}
