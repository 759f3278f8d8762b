import type { DatagramEvent } from '../../shared/protocol/datagram/datagram-commands.ts';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { LineLog } from '../../shared/runtime/observe/line-limit.ts';
import type { DatagramDecision } from '../steering/datagram-decision.ts';
import type { SteeringSubject } from '../steering/rule-set.ts';
import { Association, type OpenFlow } from './association.ts';
import type { DatagramCounts } from './datagram-counts.ts';
import type { DatagramSession, DatagramSide } from './datagram-side.ts';
import type { DirectPorts, OnDirectDatagram } from './direct-ports.ts';
import { FlowTable } from './flow-table.ts';

/** An application that sends datagrams, as who listens for it sees it. */
export interface DatagramApplication {
  /** Who has logged in; absent where no users are configured. */
  readonly user?: string | undefined;
  /** Its address, once that is known. */
  from?(): string | undefined;
  /**
   * Whether it is told what comes from addresses to which it has sent, and nothing else, whatever the concentrator says. It must name all
   * its destinations by address: who answers for a name is known to the concentrator alone.
   */
  readonly hearsOnlyAsked?: boolean;
  /** A datagram for it. @param from the same object for all that comes from there */
  onDatagram(from: Destination, payload: Uint8Array): void;
}

/** An application, for whoever looks at it. */
export interface OpenApplication {
  readonly user: string | undefined;
  /** Its address; empty where it is not known. */
  readonly from: string;
  readonly flows: readonly OpenFlow[];
}

/** What applications have in a session. */
export interface SessionDatagramUse {
  readonly flowCount: number;
  /** When the last datagram went, either way; undefined: there is no application in it. */
  readonly usedMs: number | undefined;
}

/** What is kept of an application. */
interface Joined {
  readonly application: DatagramApplication;
  readonly direct: DirectPorts;
}

export interface DatagramRelayOptions {
  decide(subject: SteeringSubject): DatagramDecision;
  /** The sessions for what begins now, the best first: of the concentrator with this name if it is heard, or of all. */
  sessions(concentrator?: string): readonly DatagramSession[];
  /** The name of the concentrator of a session; undefined where it is one no more. */
  concentratorOf(session: DatagramSession): string | undefined;
  /** A flow begins in this session. */
  onOpened(session: DatagramSession): void;
  /** For one application. @param onDatagram what comes past the concentrator */
  makeDirect(onDatagram: OnDirectDatagram): DirectPorts;
  /** The concentrator carries no datagrams: applications that can be told so are to be. It is said again now and then. */
  onUnsupported(): void;
  readonly counts: DatagramCounts;
  readonly clock: MonotonicClock;
  /** Bounded. */
  readonly logger: LineLog;
}

/** How often it is looked for flows that are idle. */
const IDLE_CHECK_MS = 30_000;
/** A concentrator that carries datagrams may come back within so long, before one that carries none has the say. */
const UNSUPPORTED_AFTER_MS = 15_000;

/** Relays datagrams between applications and their destinations: through the session of the time, or past it. */
export class DatagramRelay implements DatagramSide {
  readonly #options: DatagramRelayOptions;
  readonly #associations = new Map<Association, Joined>();
  /** Of all sessions that are established and carry datagrams, the newest last. */
  readonly #tables = new Map<DatagramSession, FlowTable>();
  /** Of all that are established and carry none. */
  readonly #refusing = new Set<DatagramSession>();
  /** Whether one that carries none has begun since there was last one that does. */
  #isRefused = false;
  /** When the last one that does was over. */
  #lostMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #saidDisplaced = 0;

  constructor(options: DatagramRelayOptions) {
    this.#options = options;
  }

  get associationCount(): number {
    return this.#associations.size;
  }

  /** Of all applications, whichever way they go. */
  get flowCount(): number {
    return [...this.#associations.keys()].reduce((sum, { flowCount }) => sum + flowCount, 0);
  }

  /** The applications, and what each has open. */
  get applications(): readonly OpenApplication[] {
    return [...this.#associations].map(([association, { application }]) => ({
      user: application.user,
      from: application.from?.() ?? '',
      flows: association.openFlows,
    }));
  }

  /** No concentrator that there is carries datagrams: it is of an earlier version, or does not want to. */
  get isUnsupported(): boolean {
    if (this.#tables.size > 0) return false;
    const isLongLost = this.#options.clock() - this.#lostMs >= UNSUPPORTED_AFTER_MS;
    return this.#isRefused || (this.#refusing.size > 0 && isLongLost);
  }

  /** What applications have in this session. */
  useOf(session: DatagramSession): SessionDatagramUse {
    const { flowCount = 0, usedMs } = this.#tables.get(session) ?? {};
    return { flowCount, usedMs };
  }

  /** An application begins. It goes on until `leave`. */
  join(application: DatagramApplication): Association {
    const { decide, makeDirect, concentratorOf, onOpened, counts, clock } = this.#options;
    const { user, hearsOnlyAsked = false } = application;
    const direct = makeDirect((from, payload, uplinkName) =>
      association.onDirectDatagram(from, payload, uplinkName),
    );
    const association: Association = new Association({
      hearsOnlyAsked,
      decide: (destination) =>
        decide({ destination, protocol: 'udp', ...(user === undefined ? {} : { user }) }),
      table: (concentrator) => this.#tableOf(concentrator),
      concentratorOf,
      onOpened,
      openDirect: (destination, route) => direct.open(destination, route),
      onDatagram: (from, payload) => application.onDatagram(from, payload),
      counts,
      clock,
    });
    this.#associations.set(association, { application, direct });
    this.#timer ??= setInterval(() => this.#endIdle(), IDLE_CHECK_MS).unref();
    return association;
  }

  /** The application has gone. */
  leave(association: Association): void {
    association.end();
    this.#associations.get(association)?.direct.close();
    this.#associations.delete(association);
    if (this.#associations.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Other rules hold, or the concentrator is reached otherwise: flows follow. */
  review(): void {
    for (const association of this.#associations.keys()) association.review();
    this.#tellUnsupported();
  }

  /** Nothing is heard in these sessions: where another one is ready, applications go on there with the next datagram. */
  moveFrom(silent: ReadonlySet<DatagramSession>): void {
    const next = this.#tableOf();
    if (next === undefined || silent.has(next.session)) return;
    for (const session of silent) this.#leaveTable(session, false);
  }

  /** The concentrator of these sessions is one no more: applications go on elsewhere. */
  leaveSessions(sessions: readonly DatagramSession[]): void {
    for (const session of sessions) this.#leaveTable(session, true);
  }

  onSession(session: DatagramSession, isOffered: boolean): void {
    this.#isRefused = !isOffered;
    if (isOffered) this.#tables.set(session, new FlowTable(session, this.#options.counts));
    else this.#refusing.add(session);
    this.#tellUnsupported();
    if (!this.isUnsupported || this.#associations.size === 0) return;
    this.#options.logger.warn(
      { applications: this.#associations.size },
      'the concentrator carries no UDP: datagrams of applications are dropped (it has an earlier version, or `datagrams` is off there)',
    );
  }

  onDatagramEvent(session: DatagramSession, event: DatagramEvent): void {
    this.#tables.get(session)?.onEvent(event);
  }

  onSessionEnded(session: DatagramSession): void {
    this.#refusing.delete(session);
    this.#tables.get(session)?.close();
    if (this.#tables.delete(session) && this.#tables.size === 0) {
      this.#isRefused = false;
      this.#lostMs = this.#options.clock();
    }
    this.#tellUnsupported();
  }

  #leaveTable(session: DatagramSession, isGone: boolean): void {
    const table = this.#tables.get(session);
    if (table === undefined) return;
    for (const association of this.#associations.keys()) association.leaveTable(table, isGone);
  }

  /** The session for what begins now. */
  #tableOf(concentrator?: string): FlowTable | undefined {
    for (const session of this.#options.sessions(concentrator)) {
      const table = this.#tables.get(session);
      if (table?.isReady === true) return table;
    }
    return undefined;
  }

  #tellUnsupported(): void {
    if (this.isUnsupported && this.#associations.size > 0) this.#options.onUnsupported();
  }

  #endIdle(): void {
    for (const association of this.#associations.keys()) association.endIdle();
    this.#tellUnsupported();
    const { displacedFlows, displacedAssociations } = this.#options.counts;
    const displaced = displacedFlows + displacedAssociations;
    if (displaced > this.#saidDisplaced) {
      this.#options.logger.warn(
        { displaced: displaced - this.#saidDisplaced, applications: this.#associations.size },
        'applications have more UDP flows than fit: the oldest were ended (datagrams.flowsPerClient at the concentrator)',
      );
    }
    this.#saidDisplaced = displaced;
  }
}
