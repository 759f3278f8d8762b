import { FEATURE, FEATURES, TOKEN_BYTES } from '../../shared/protocol/codec/wire.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import { speaksOurVersion } from '../../shared/protocol/handshake/concentrator-handshake.ts';
import type { Hello, Join } from '../../shared/protocol/handshake/messages.ts';
import type { MemoryBudget } from '../../shared/protocol/memory-budget.ts';
import type { CoreTuning } from '../../shared/protocol/session/core-tuning.ts';
import { FIRST_UPLOAD_WINDOW_BYTES, Session } from '../../shared/protocol/session/session.ts';
import type { DelayRecord } from '../../shared/protocol/stream/stream-delays.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { FairShare } from '../../shared/runtime/session/fair-share.ts';
import { nodeHandshakeCrypto } from '../../shared/runtime/session/handshake-crypto.ts';
import { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { TrafficTable } from '../../shared/runtime/session/uplink-traffic.ts';
import { type Announced, addressBytes } from '../addresses/announced-addresses.ts';
import type { ConcentratorLimits } from '../config/concentrator-config.ts';
import type { ClientDatagrams } from '../datagram/client-datagrams.ts';
import type { OriginDialer } from '../egress/origin-dialer.ts';
import type { ClientLogs } from '../limits/client-logs.ts';
import type { LimitHits } from '../limits/limit-hits.ts';
import type { TokenBuckets } from '../limits/token-buckets.ts';
import type { PublishingSession } from '../publish/published-port.ts';
import type { PublishedPorts } from '../publish/published-ports.ts';
import type { UsageMeters } from '../usage/usage-meters.ts';
import { type Applicant, refuse } from './applicant.ts';
import type { KernelHolder } from './kernel-memory-watch.ts';
import { type MemoryLevels, SubflowMemory } from './memory-levels.ts';
import { OriginStreams, type OriginStreamsOptions } from './origin-streams.ts';
import { ProvenKeys } from './proven-keys.ts';
import { SessionTable } from './session-table.ts';
import { sessionTraffic } from './session-traffic.ts';
import type { MemoryHolder } from './shortage-watch.ts';

export interface SessionRegistryOptions {
  readonly limits: ConcentratorLimits;
  readonly memory: MemoryLevels;
  readonly lingerMs: number;
  /** The server name of connections for JOIN; undefined: no other than that for HELLO. */
  readonly joinName?: string | undefined;
  readonly tuning: CoreTuning;
  readonly dialer: OriginDialer<AppSocket>;
  readonly clock: MonotonicClock;
  readonly logs: ClientLogs;
  /** How often a client may say HELLO or JOIN. */
  readonly joins: TokenBuckets;
  readonly limitHits: Pick<LimitHits, 'note'>;
  /** What each client carries, and may carry. */
  readonly usage: Pick<UsageMeters, 'of'>;
  readonly allowances: OriginStreamsOptions['allowances'];
  /** What all sessions have carried. */
  readonly traffic: TrafficTable;
  /** Absent: no datagrams are carried. */
  readonly datagrams?: ClientDatagrams | undefined;
  readonly published: Pick<PublishedPorts, 'request' | 'withdraw' | 'onSessionEnded'>;
  /** What a visitor that is gone had sent may make no progress for so long. */
  readonly stallTimeoutMs: number;
  /** Where all sessions count how long bytes wait. */
  readonly delays: DelayRecord;
  onStreamRequested(): void;
  /** A stream was opened, so long after its client asked for it. */
  readonly onOpened: (ms: number) => void;
  onSessionEnded(driver: SessionDriver): void;
  /** Of a session that begins; random where absent. */
  newToken?(): Uint8Array;
  /** A client has a session more or less. */
  onCount?(clientId: string, change: 1 | -1): void;
}

interface LiveSession {
  readonly clientId: string;
  /** What logs call it. */
  readonly id: string;
  readonly token: Uint8Array;
  /** What the HELLOs that begin it have in common, where they say so. */
  readonly founder: string | undefined;
  readonly driver: SessionDriver;
  /** What it has carried, by uplink. */
  readonly traffic: TrafficTable;
  readonly memory: MemoryBudget;
  readonly streams: OriginStreams;
  readonly subflowMemory: SubflowMemory;
  /** As its WELCOME said. */
  readonly joinHere: boolean;
  readonly keys: ProvenKeys;
}

/** The sessions of all clients: made by HELLO, joined by JOIN, found by token. */
export class SessionRegistry {
  readonly #options: SessionRegistryOptions;
  /** By token. */
  readonly #sessions = new SessionTable<LiveSession>();
  readonly #share: FairShare;
  #isDraining = false;
  #isNarrow = false;
  #announced: Announced = { addresses: [], joinHere: true };

  constructor(options: SessionRegistryOptions) {
    this.#options = options;
    const { clock, limitHits } = options;
    this.#share = new FairShare(clock, (clientId) => limitHits.note('processorShare', clientId));
  }

  get drivers(): readonly SessionDriver[] {
    return [...this.#sessions.values()].map(({ driver }) => driver);
  }

  get all(): readonly Pick<LiveSession, 'clientId' | 'id' | 'driver' | 'traffic'>[] {
    return [...this.#sessions.values()];
  }

  /** What holds memory. */
  get holders(): readonly MemoryHolder[] {
    return [...this.#sessions.values()].map(({ clientId, id, memory, driver }) => ({
      clientId,
      id,
      memory,
      isLingering: !driver.hasSubflow && !driver.isClosed,
      end: () => driver.input((session) => session.close('resourceExceeded')),
    }));
  }

  get hasStreams(): boolean {
    return [...this.#sessions.values()].some(({ driver }) => driver.streamCount > 0);
  }

  /** What the kernel keeps for origins. */
  *kernelHolders(): Generator<KernelHolder> {
    for (const { clientId, streams } of this.#sessions.values()) {
      for (const holder of streams.kernelHolders()) yield { clientId, ...holder };
    }
  }

  /** Whether the kernel is to keep little for each origin, from now on. */
  narrowOrigins(isNarrow: boolean): void {
    this.#isNarrow = isNarrow;
    for (const { streams } of this.#sessions.values()) streams.narrow(isNarrow);
  }

  /** Whether there are no new sessions and streams any more. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** The addresses that clients are told of, those of live sessions too; `joinHere` is for sessions to come. */
  announce(announced: Announced): void {
    this.#announced = announced;
    for (const live of this.#sessions.values()) this.#announceTo(live);
  }

  /** Answers an authenticated client. @param others sessions that other processes have @returns how it went, for the metrics */
  admit(applicant: Applicant, others = 0): 'hello' | 'join' | ErrorName {
    const { request } = applicant;
    const refusal =
      request.kind === 'hello' ? this.#whyNoHello(request.hello, others) : this.#whyNoJoin(request.join);
    if (refusal !== undefined) {
      refuse(applicant, refusal);
      return refusal;
    }
    if (request.kind === 'hello') this.#welcome(applicant, request.hello);
    else this.#join(applicant, request.join);
    return request.kind;
  }

  /** No new sessions and streams. Resolves when all streams are done. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    for (const { driver } of this.#sessions.values()) driver.input((session) => session.goAway('goingAway'));
    while (this.hasStreams) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_CHECK_MS));
    }
  }

  /** Ends all sessions; resolves when the clients have been told. */
  async close(): Promise<void> {
    this.#isDraining = true;
    const drivers = this.drivers;
    for (const driver of drivers) driver.input((session) => session.close('goingAway'));
    await Promise.all(drivers.map(({ finished }) => finished));
  }

  /** Ends the sessions whose clients have proven none of the keys that they have now. */
  closeRevoked(keysOf: (clientId: string) => readonly Uint8Array[]): void {
    for (const { clientId, driver, keys } of this.#sessions.values()) {
      if (!keys.keepAny(keysOf(clientId))) driver.input((session) => session.close('notAuthorized'));
    }
  }

  #whyNoHello(hello: Hello, others: number): ErrorName | undefined {
    if (!speaksOurVersion(hello)) return 'unsupportedVersion';
    if (this.#isDraining) return 'goingAway';
    const { clientId } = hello;
    if (!this.#mayJoin(clientId)) return 'resourceExceeded';
    const founded = this.#foundedBy(hello);
    if (founded !== undefined) return this.#whyNoSubflow(founded, hello.founding!.subflowId);
    const { sessions, sessionsPerClient } = this.#options.limits;
    const own = this.#sessions.liveOf(clientId);
    const isFullForClient = own.length >= sessionsPerClient;
    if (!isFullForClient && !this.#sessions.hasLive(sessions - others)) return undefined;
    // A client that lost its sessions without a word (a crash, a power cut) must get in again: those without any
    // subflow give way.
    const lost = own.find(({ driver }) => !driver.hasSubflow);
    if (lost === undefined) {
      this.#options.limitHits.note(isFullForClient ? 'sessionsPerClient' : 'sessions', clientId);
      return 'resourceExceeded';
    }
    lost.driver.input((session) => session.close('uplinksLost'));
    return undefined;
  }

  #mayJoin(clientId: string): boolean {
    const { joins, limitHits } = this.#options;
    if (joins.of(clientId).tryTake()) return true;
    limitHits.note('joinsPerSecond', clientId);
    return false;
  }

  #whyNoJoin(join: Join): ErrorName | undefined {
    if (!speaksOurVersion(join)) return 'unsupportedVersion';
    if (!this.#mayJoin(join.clientId)) return 'resourceExceeded';
    const live = this.#sessions.get(hexText(join.token));
    if (live === undefined || live.clientId !== join.clientId || live.driver.isClosed)
      return 'sessionUnknown';
    return this.#whyNoSubflow(live, join.subflowId);
  }

  #whyNoSubflow(live: LiveSession, subflowId: number): ErrorName | undefined {
    const { subflows } = live.driver.snapshot();
    if (subflows.length >= this.#options.limits.subflowsPerSession) {
      this.#options.limitHits.note('subflowsPerSession', live.clientId);
      return 'resourceExceeded';
    }
    if (subflows.some(({ id }) => id === subflowId)) return 'malformedMessage';
    if (!live.subflowMemory.hasRoom) return 'resourceExceeded';
    return undefined;
  }

  /** The session that an earlier HELLO of the same founding has begun. */
  #foundedBy({ clientId, founding }: Hello): LiveSession | undefined {
    if (founding === undefined) return undefined;
    const founder = hexText(founding.id);
    return this.#sessions.liveOf(clientId).find((live) => live.founder === founder);
  }

  #welcome(applicant: Applicant, hello: Hello): void {
    const { limits, lingerMs, joinName } = this.#options;
    const { founding } = hello;
    const founded = this.#foundedBy(hello);
    const live = founded ?? this.#begin(hello);
    const { token } = live;
    live.keys.add(applicant.handshake.provenKey);
    const welcome = {
      token,
      maxStreams: limits.streamsPerSession,
      firstWindowBytes: FIRST_UPLOAD_WINDOW_BYTES,
      lingerMs,
      maxSubflows: limits.subflowsPerSession,
      joinElsewhere: !live.joinHere,
      subflowId: founding?.subflowId,
      joinName,
    };
    const offered = this.#options.datagrams === undefined ? FEATURES & ~FEATURE.datagrams : FEATURES;
    applicant.transport.write([applicant.handshake.welcome(welcome, offered)]);
    addSubflow(live, applicant, {
      id: founding?.subflowId ?? 0,
      uplinkName: hello.uplinkName,
      isBackup: hello.backup,
      path: hello.path,
    });
    if (founded === undefined) this.#announceTo(live);
  }

  #announceTo({ driver, joinHere }: LiveSession): void {
    const { addresses } = this.#announced;
    const announced = addresses.map(({ host, port }) => ({ address: addressBytes(host), port, joinHere }));
    driver.input((session) => session.announce(announced));
  }

  #join(applicant: Applicant, join: Join): void {
    const live = this.#sessions.get(hexText(join.token))!;
    live.keys.add(applicant.handshake.provenKey);
    applicant.transport.write([applicant.handshake.joined()]);
    const { subflowId: id, uplinkName, backup: isBackup, path } = join;
    addSubflow(live, applicant, { id, uplinkName, isBackup, path });
  }

  #begin({ clientId, founding, features }: Hello): LiveSession {
    const founder = founding && hexText(founding.id);
    const { limits, lingerMs, clock, dialer, tuning, logs, published, stallTimeoutMs } = this.#options;
    const token = this.#options.newToken?.() ?? nodeHandshakeCrypto.randomBytes(TOKEN_BYTES);
    const usage = this.#options.usage.of(clientId);
    const traffic = sessionTraffic(this.#options.traffic, usage);
    const key = hexText(token);
    const id = key.slice(0, 8);
    const logger = logs.ofSession(clientId, id);
    const memory = this.#options.memory.forSession(clientId);
    const subflowMemory = new SubflowMemory(memory);
    const session = new Session({
      role: 'concentrator',
      maxStreams: limits.streamsPerSession,
      firstWindowBytes: FIRST_UPLOAD_WINDOW_BYTES,
      lingerMs,
      memory,
      nowMs: clock(),
      tuning,
      delays: this.#options.delays,
    });
    const takesPart = (features & FEATURE.datagrams) !== 0;
    const client = { clientId, memory, logger };
    const datagrams = takesPart ? this.#options.datagrams?.of(session, client, traffic) : undefined;
    const driver: SessionDriver = new SessionDriver({
      session,
      ...(datagrams === undefined ? {} : { packets: datagrams.packets }),
      clock,
      logger,
      enter: (holder) => this.#share.enter(clientId, holder),
      trafficOf: (uplinkName) => traffic.of(uplinkName),
      owner: {
        onStreamRequested: (streamId, destination, mode) => {
          streams.request(streamId, destination, mode);
          this.#options.onStreamRequested();
        },
        onPublishRequested: (id, place) => published.request(publishing, id, place),
        onPublishWithdrawn: (slot) => published.withdraw(publishing, slot),
        // A client that goes away for good in a moment may be back soon after.
        onGoingAway: () => published.onSessionEnded(publishing),
        onSubflowClosed: () => subflowMemory.remove(),
        onDatagramEvent: (event) => datagrams?.onEvent(event),
        onClosed: () => {
          datagrams?.close();
          published.onSessionEnded(publishing);
          streams.close();
          subflowMemory.close();
          this.#sessions.remove(key);
          this.#options.onCount?.(clientId, -1);
          this.#options.onSessionEnded(driver);
        },
      },
    });
    const idleTimeoutMs = limits.streamIdleTimeoutMs;
    const { allowances, onOpened } = this.#options;
    const times = { idleTimeoutMs, stallTimeoutMs, clock, onOpened };
    const streams = new OriginStreams({
      ...{ driver, clientId, dialer, allowances, memory, usage, logger },
      ...times,
    });
    const publishing: PublishingSession = {
      clientId,
      input: (work) => driver.input(work),
      welcome: (socket, visit, onOver) => {
        streams.welcome(socket, visit, onOver);
        this.#options.onStreamRequested();
      },
    };
    streams.narrow(this.#isNarrow);
    const keys = new ProvenKeys();
    const { joinHere } = this.#announced;
    const parts = { driver, traffic, memory, streams, subflowMemory, joinHere, keys };
    const live = { clientId, id, token, founder, ...parts };
    this.#sessions.add(key, live);
    this.#options.onCount?.(clientId, 1);
    datagrams?.begin(driver);
    logger.info({}, 'session established');
    return live;
  }
}

/** How often a draining concentrator looks whether its streams are done. */
const DRAIN_CHECK_MS = 100;

function addSubflow(
  { driver, subflowMemory }: LiveSession,
  applicant: Applicant,
  subflow: { id: number; uplinkName: string; isBackup: boolean; path: number },
): void {
  // The answer is under way: the transport is writable again once it has gone.
  subflowMemory.add();
  driver.addSubflow(subflow, applicant.transport, applicant.takeRest(), true);
}

function hexText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
