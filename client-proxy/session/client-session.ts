import { FEATURE } from '../../shared/protocol/codec/wire.ts';
import type { Destination } from '../../shared/protocol/destination.ts';
import { type ErrorName, StreamError, TributaryError } from '../../shared/protocol/errors.ts';
import type { ClientIdentity, ClientIntent } from '../../shared/protocol/handshake/client-handshake.ts';
import type { Welcome } from '../../shared/protocol/handshake/messages.ts';
import { MemoryBudget } from '../../shared/protocol/memory-budget.ts';
import type { CoreTuning } from '../../shared/protocol/session/core-tuning.ts';
import { Session } from '../../shared/protocol/session/session.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { DelayRecord } from '../../shared/protocol/stream/stream-delays.ts';
import type { SessionPackets } from '../../shared/runtime/datagram/session-packets.ts';
import { nodeHandshakeCrypto } from '../../shared/runtime/session/handshake-crypto.ts';
import { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { SessionOwner, StreamHandlers } from '../../shared/runtime/session/session-handlers.ts';
import type { TrafficTable } from '../../shared/runtime/session/uplink-traffic.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import type { DatagramPathsOptions } from '../datagram/datagram-paths.ts';
import type { DatagramSide } from '../datagram/datagram-side.ts';
import { SessionDatagrams } from '../datagram/session-datagrams.ts';
import { clientSubflowHandshake } from '../path-manager/client-subflow-handshake.ts';
import { DialledTooEarly } from '../path-manager/dial-attempt.ts';
import type { Candidate } from '../path-manager/managed-subflows.ts';
import { PathManager, type PathManagerOptions } from '../path-manager/path-manager.ts';
import type { ConnectAddress } from '../path-manager/reach.ts';
import type { InboundSide } from '../publish/inbound-side.ts';
import { Greetings } from './greetings.ts';
import { isHeardSince } from './heard-since.ts';

export interface ClientSessionOptions extends PathManagerOptions {
  /** As it is when a subflow introduces itself. */
  identity(): ClientIdentity;
  /** Of all sessions together, and of this one. */
  readonly memory: MemoryBudget;
  readonly memoryBytes: number;
  /** How long the session waits with every uplink gone, if the concentrator allows as much. */
  readonly lingerMs: number;
  readonly handshakeTimeoutMs: number;
  readonly tuning: CoreTuning;
  /** Where all sessions count how long bytes wait. */
  readonly delays: DelayRecord;
  /** Publishes ports, and serves visitors. */
  readonly inbound: InboundSide;
  /** Sends and receives datagrams of applications. */
  readonly datagrams: DatagramSide;
  readonly traffic: TrafficTable;
  /** How paths of datagrams are made; absent: there are none, and datagrams travel on subflows. */
  readonly datagramPaths?: DatagramPathsOptions | undefined;
}

export interface ClientSessionOwner {
  /** A subflow is up, perhaps after there was none. */
  onSubflowUp(): void;
  onGoingAway(): void;
  onClosed(error: ErrorName): void;
}

/** What a program tells a session of its uplinks, and asks. */
export type SessionPaths = Pick<
  PathManager,
  'uplinks' | 'setUplinks' | 'loseUplink' | 'retryUplinks' | 'hurry' | 'renewSubflows' | 'onUseChanged'
>;

/**
 * One session with the concentrator, from its first dial to its end. All uplinks are dialled at once; the first to get
 * through sends HELLO, the others JOIN, or HELLO too where the first waits for its answer.
 */
export class ClientSession {
  readonly #options: ClientSessionOptions;
  readonly #owner: ClientSessionOwner;
  readonly #paths: PathManager;
  #token: Uint8Array | undefined;
  #driver: SessionDriver | undefined;
  #datagrams: SessionDatagrams | undefined;
  #isOver = false;
  readonly #handshaking = new Set<SubflowTransport>();
  readonly #greetings = new Greetings(nodeHandshakeCrypto);
  /** The server name of connections for JOIN, where the concentrator wants one. */
  #joinName: string | undefined;
  /** The transports that were made with it. */
  readonly #named = new WeakSet<SubflowTransport>();

  constructor(options: ClientSessionOptions, owner: ClientSessionOwner) {
    this.#options = options;
    this.#owner = owner;
    const session = this;
    const onReviewed = () => {
      options.onReviewed();
      this.#datagrams?.review();
    };
    const connect: ConnectAddress = async (uplink, address, signal, purpose) => {
      const serverName = this.#joinName;
      const transport = await options.connect(uplink, address, signal, { ...purpose, serverName });
      if (serverName !== undefined) this.#named.add(transport);
      return transport;
    };
    this.#paths = new PathManager(
      { ...options, connect, onReviewed },
      {
        get driver() {
          return session.#driver;
        },
        admit: (candidate, replaced) => this.#admit(candidate, replaced),
      },
    );
  }

  start(): void {
    this.#paths.start();
  }

  /** What it does with its uplinks. */
  get paths(): SessionPaths {
    return this.#paths;
  }

  get isEstablished(): boolean {
    return this.#driver !== undefined && !this.#isOver;
  }

  /** Whether a stream that is opened now has a subflow to go out on, and a session that takes it. */
  get isReady(): boolean {
    if (!this.isEstablished) return false;
    const driver = this.#driver!;
    return driver.hasSubflow && driver.cannotOpen !== 'goingAway';
  }

  /** It carries as many streams as the concentrator takes in one session. */
  get isFull(): boolean {
    return this.#driver?.cannotOpen === 'resourceExceeded';
  }

  get driver(): SessionDriver | undefined {
    return this.#driver;
  }

  /** @throws StreamError when the session takes no stream */
  openStream<Handlers extends StreamHandlers>(
    destination: Destination,
    policy: StreamPolicy,
    handlersOf: (driver: SessionDriver, streamId: number) => Handlers,
  ): Handlers {
    const driver = this.#driver;
    if (driver === undefined) throw new StreamError('uplinksLost', 'no session with the concentrator yet');
    return driver.openStream(destination, policy, (streamId) => handlersOf(driver, streamId));
  }

  /** Ends the session and stops dialling. */
  close(error: ErrorName): void {
    if (this.#driver === undefined) this.#end(error);
    else this.#driver.input((session) => session.close(error));
  }

  async #admit(candidate: Candidate, replaced: number | undefined): Promise<number> {
    while (!this.#isOver) {
      const driver = this.#driver;
      if (driver !== undefined) return this.#join(candidate, driver, replaced);
      if (this.#greetings.isNextDue) return this.#greet(candidate);
      await this.#greetings.change();
    }
    throw this.#ended(candidate.transport);
  }

  /** The first subflow, or one whose HELLO was sent before another was answered. */
  async #greet(candidate: Candidate): Promise<number> {
    const { transport, address } = candidate;
    const { founding, end } = this.#greetings.begin();
    try {
      const outcome = await this.#handshake(candidate, { kind: 'hello', founding });
      // A session that nobody knows of would keep the process alive.
      if (this.#isOver) throw this.#ended(transport);
      const welcome = outcome.result.welcome!;
      const isFirst = this.#driver === undefined;
      const driver = this.#driver ?? this.#establish(welcome);
      if (driver.isClosed) throw this.#ended(transport);
      const id = welcome.subflowId ?? 0;
      if (!isSame(welcome.token, this.#token!)) {
        await this.#discard(welcome, candidate, outcome.takeRest());
        // A balancer had led it to another machine, before there was a name.
        if (this.#isTooEarly(transport)) throw new DialledTooEarly();
        throw new TributaryError('cancelled', `another uplink's session was established before`, 'ours');
      }
      if (!isFirst) this.#mustAllow(address, transport);
      addSubflow(driver, id, candidate, outcome.takeRest());
      this.#owner.onSubflowUp();
      return id;
    } finally {
      end();
    }
  }

  /** Ends a session that was begun twice, and tells the concentrator: an older concentrator cannot tell, nor can another machine. */
  #discard(welcome: Welcome, candidate: Candidate, rest: Uint8Array): Promise<void> {
    const driver = this.#newDriver(this.#newSession(welcome), {});
    addSubflow(driver, welcome.subflowId ?? 0, candidate, rest);
    driver.input((session) => session.close('goingAway'));
    return driver.finished;
  }

  #mustAllow(address: Destination, transport: SubflowTransport): void {
    if (this.#paths.allows(address)) return;
    transport.destroy();
    throw new TributaryError(
      'notAuthorized',
      'the concentrator takes further subflows at the addresses that it announces alone',
      'peer',
    );
  }

  async #join(candidate: Candidate, driver: SessionDriver, replaced: number | undefined): Promise<number> {
    const { transport, address } = candidate;
    this.#mustAllow(address, transport);
    if (this.#isTooEarly(transport)) throw new DialledTooEarly();
    if (replaced !== undefined && isActive(driver, replaced)) {
      // The silent one has come back meanwhile.
      transport.destroy();
      return replaced;
    }
    const subflowId = driver.input(({ subflows }) => subflows.allocateId());
    const sinceMs = this.#options.clock();
    try {
      const token = this.#token!;
      const outcome = await this.#handshake(candidate, { kind: 'join', token, subflowId });
      if (driver.isClosed) throw this.#ended(transport);
      addSubflow(driver, subflowId, candidate, outcome.takeRest());
      if (replaced !== undefined && !isActive(driver, replaced)) driver.removeSubflow(replaced);
      this.#owner.onSubflowUp();
      return subflowId;
    } catch (error) {
      if (error instanceof TributaryError && error.code === 'sessionUnknown') {
        await this.#onUnknown(driver, address, sinceMs);
      }
      throw error;
    }
  }

  /** Whether it was made without the name that JOINs need. */
  #isTooEarly(transport: SubflowTransport): boolean {
    return this.#joinName !== undefined && !this.#named.has(transport);
  }

  /** The concentrator at this address does not know the session; JOIN was sent to it then. */
  async #onUnknown(driver: SessionDriver, address: Destination, sinceMs: number): Promise<void> {
    if (await isHeardSince(driver, sinceMs, this.#options.clock)) {
      // The session lives, so another machine has answered: one that has taken over the name, or a second of several.
      this.#paths.leaveOut(address);
    } else {
      // It has been forgotten (the concentrator was restarted, or waited long enough): so must we.
      driver.input((session) => session.close('sessionUnknown'));
    }
  }

  /** The error for a transport that came too late. */
  #ended(transport: SubflowTransport): TributaryError {
    transport.destroy();
    return new TributaryError('goingAway', 'the session has ended meanwhile', 'ours');
  }

  async #handshake({ uplink, transport, path }: Candidate, intent: ClientIntent) {
    const { identity, handshakeTimeoutMs } = this.#options;
    const { name: uplinkName, backup } = uplink;
    this.#handshaking.add(transport);
    try {
      return await clientSubflowHandshake(
        transport,
        { crypto: nodeHandshakeCrypto, identity: identity(), uplinkName, backup, path, intent },
        handshakeTimeoutMs,
      );
    } finally {
      this.#handshaking.delete(transport);
    }
  }

  #establish(welcome: Welcome): SessionDriver {
    this.#token = welcome.token;
    this.#joinName = welcome.joinName;
    const { inbound, datagrams, datagramPaths, traffic } = this.#options;
    const session = this.#newSession(welcome);
    const own = datagramPaths && new SessionDatagrams(session, datagramPaths, traffic);
    const owner: Partial<SessionOwner> = {
      onSubflowClosed: (id, uplinkName) => this.#paths.onSubflowClosed(id, uplinkName),
      onSubflowReplace: (id, uplinkName, isFailed) => this.#paths.onSubflowDoubted(id, uplinkName, isFailed),
      onSubflowRecovered: (id, uplinkName) => this.#paths.onSubflowRecovered(id, uplinkName),
      onSubflowsWanted: (uplinkName, count) => this.#paths.onSubflowsWanted(uplinkName, count),
      onPathSearch: (uplinkName, extra, surplus) => this.#paths.onPathSearch(uplinkName, extra, surplus),
      onAddressAdded: (id, address) => this.#paths.onAddressAdded(id, address),
      onAddressRemoved: (id) => this.#paths.onAddressRemoved(id),
      onGoingAway: () => this.#owner.onGoingAway(),
      onPublished: (id, outcome) => inbound.onPublished(driver, id, outcome),
      onInbound: (streamId, visit) => inbound.onInbound(driver, streamId, visit),
      onDatagramEvent: (event) => {
        own?.onEvent(event);
        datagrams.onDatagramEvent(driver, event);
      },
      onClosed: (error) => {
        own?.close();
        this.#end(error);
      },
    };
    const driver = this.#newDriver(session, owner, own?.packets);
    own?.attach(driver, () => this.#paths.datagramUplinks);
    this.#datagrams = own;
    this.#driver = driver;
    // The ids of the HELLOs that are under way.
    for (let i = 0; i < this.#greetings.said; i++) driver.input(({ subflows }) => subflows.allocateId());
    inbound.onSession(driver, (welcome.features & FEATURE.inbound) !== 0);
    datagrams.onSession(driver, (welcome.features & FEATURE.datagrams) !== 0);
    const { maxStreams, maxSubflows, joinElsewhere } = welcome;
    this.#options.logger.info({ maxStreams, lingerMs: this.#lingerMs(welcome) }, 'session established');
    this.#paths.onEstablished(maxSubflows, joinElsewhere ?? false);
    return driver;
  }

  #newSession(welcome: Welcome): Session {
    const { clock, memory, memoryBytes, tuning, delays } = this.#options;
    return new Session({
      role: 'client',
      maxStreams: welcome.maxStreams,
      firstWindowBytes: welcome.firstWindowBytes,
      lingerMs: this.#lingerMs(welcome),
      memory: new MemoryBudget(memoryBytes, memory),
      nowMs: clock(),
      tuning,
      delays,
    });
  }

  #newDriver(session: Session, owner: Partial<SessionOwner>, packets?: SessionPackets): SessionDriver {
    const { clock, logger, traffic } = this.#options;
    return new SessionDriver({
      session,
      clock,
      logger,
      trafficOf: (uplinkName) => traffic.of(uplinkName),
      owner: { onSubflowClosed() {}, onClosed() {}, ...owner },
      ...(packets === undefined ? {} : { packets }),
    });
  }

  #lingerMs(welcome: Welcome): number {
    return Math.min(this.#options.lingerMs, welcome.lingerMs);
  }

  #end(error: ErrorName): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#paths.stop();
    this.#greetings.wake();
    // Else a concentrator that does not answer would keep the process alive for the time limit.
    for (const transport of this.#handshaking) transport.destroy();
    this.#owner.onClosed(error);
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.every((byte, i) => byte === other[i]);
}

function isActive(driver: SessionDriver, subflowId: number): boolean {
  return driver.snapshot().subflows.some(({ id, state }) => id === subflowId && state === 'active');
}

function addSubflow(
  driver: SessionDriver,
  id: number,
  { uplink, transport, path }: Candidate,
  rest: Uint8Array,
): void {
  driver.addSubflow({ id, uplinkName: uplink.name, isBackup: uplink.backup, path }, transport, rest);
}
