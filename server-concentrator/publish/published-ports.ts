import { isIP } from 'node:net';
import { formatDestination } from '../../shared/protocol/destination.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import type {
  PublicationId,
  PublishedPlace,
  PublishOutcome,
} from '../../shared/protocol/session/publications.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import type { AppSocketListener } from '../../shared/runtime/app/app-socket-listener.ts';
import type { WallClock } from '../../shared/runtime/clock.ts';
import type { PortRange } from '../../shared/runtime/config/ranges.ts';
import type { LineLog } from '../../shared/runtime/observe/line-limit.ts';
import type { ResultCounts } from '../../shared/runtime/observe/result-counts.ts';
import { ListenError } from '../../shared/runtime/tcp/tcp-listener.ts';
import type { LimitName } from '../limits/limit-hits.ts';
import { ALL, overlaps, type Place } from './place.ts';
import type { PortGrants } from './port-grants.ts';
import { PublishedPort, type PublishingSession } from './published-port.ts';
import type { SinglePorts } from './single-ports.ts';
import type { VisitorGate } from './visitor-gate.ts';

export interface PublishedPortsOptions {
  readonly grants: PortGrants;
  readonly gate: VisitorGate;
  /** For single connections. */
  readonly singles: SinglePorts;
  /** Ports that one client may have at a time. */
  readonly publishPerClient: number;
  /** Those that clients come to. */
  readonly listenPorts: readonly number[];
  /** Listens for visitors. `host` is an address, or `*` for all. Rejects with ListenError. */
  listen(place: Place, onVisitor: (socket: AppSocket) => void): Promise<AppSocketListener>;
  readonly wallClock: WallClock;
  logOf(clientId: string): LineLog;
  onLimit(limit: LimitName, clientId: string): void;
  /** Visitors by what became of them. */
  readonly visitors: ResultCounts;
}

/** A port that is open, or is being opened. */
interface OpenPort {
  readonly port: PublishedPort;
  listener: AppSocketListener | undefined;
  isClosed: boolean;
  grace: NodeJS.Timeout | undefined;
}

/** How a published port is now, for the status. */
export interface PublishedPortReport {
  readonly client: string;
  readonly listen: string;
  /** `waiting`: its client is not connected, and visitors wait for it. */
  readonly state: 'listening' | 'waiting';
  readonly since: string;
  readonly visitors: number;
}

/**
 * How long a port waits for its client's next session: a client that redials or is started again has it back in that time, and no
 * visitor was refused. Nobody else gets the port meanwhile.
 */
const GRACE_MS = 30_000;

/** The ports that clients have published, of all sessions. */
export class PublishedPorts {
  readonly #options: PublishedPortsOptions;
  readonly #ports = new Set<OpenPort>();
  /** Closed before they were open: each has a descriptor until it is. */
  readonly #unborn = new Set<OpenPort>();
  #grants: PortGrants;
  #isClosed = false;

  constructor(options: PublishedPortsOptions) {
    this.#options = options;
    this.#grants = options.grants;
  }

  /** The ports that are open now. */
  get all(): readonly PublishedPortReport[] {
    return [...this.#ports].map(({ port }) => ({
      client: port.clientId,
      listen: placeText(port),
      state: port.claim === undefined ? 'waiting' : 'listening',
      since: new Date(port.sinceMs).toISOString(),
      visitors: port.visitors,
    }));
  }

  /** Visitors that were expected by BIND, and are there now. */
  get singleVisitors(): number {
    return this.#options.singles.visitors;
  }

  /** A client wants a port to lead to it. The session is told what becomes of it. */
  request(session: PublishingSession, id: PublicationId, place: PublishedPlace): void {
    this.withdraw(session, id.slot);
    if (place.once && !this.#isClosed) {
      this.#options.singles.request(session, id, place, this.#grants.of(session.clientId));
      return;
    }
    const outcome = this.#claim(session, id, place);
    if (outcome !== undefined) this.#answer(session, id, place, outcome);
  }

  /** A publication is no longer wanted. */
  withdraw(session: PublishingSession, slot: number): void {
    for (const open of this.#portsOf(session)) if (open.port.claim?.slot === slot) this.#close(open);
    this.#options.singles.withdraw(session, slot);
  }

  /** The ports of a session wait for the next one of its client, for a while. */
  onSessionEnded(session: PublishingSession): void {
    for (const open of this.#portsOf(session)) {
      open.port.leadNowhere();
      open.grace = setTimeout(() => this.#close(open), GRACE_MS);
    }
    this.#options.singles.close(session);
  }

  /** Other grants from now on: ports that are no longer allowed close, and their clients are told. */
  replaceGrants(grants: PortGrants): void {
    this.#grants = grants;
    this.#options.singles.replaceGrants(grants);
    for (const open of [...this.#ports]) {
      const { port } = open;
      const refusal = grants.refusal(port.clientId, port.port);
      if (refusal === undefined) continue;
      const { claim } = port;
      this.#close(open);
      if (claim !== undefined) this.#answer(claim.session, claim, port, refused('notAuthorized', refusal));
    }
  }

  /** Where hosts that clients name are waited for from now on; see `SinglePorts`. */
  setBindPorts(ports: readonly PortRange[] | undefined): void {
    this.#options.singles.setPorts(ports);
  }

  /** No new visitors; those that have a stream go on. */
  close(): void {
    this.#isClosed = true;
    for (const open of [...this.#ports]) this.#close(open);
    this.#options.singles.close();
  }

  /** @returns undefined while that is not known yet */
  #claim(session: PublishingSession, id: PublicationId, place: PublishedPlace): PublishOutcome | undefined {
    const { clientId } = session;
    if (this.#isClosed) return refused('goingAway', 'the concentrator is shutting down');
    if (place.host !== ALL && isIP(place.host) === 0) {
      return refused('malformedMessage', 'an address to listen at, or * for all, was expected');
    }
    const refusal = this.#grants.refusal(clientId, place.port);
    if (refusal !== undefined) return refused('notAuthorized', refusal);
    const holders = [...this.#ports].filter(({ port }) => overlaps(port, place));
    const other = holders.find(({ port }) => port.clientId !== clientId);
    if (other !== undefined) {
      return refused('networkFailure', `port ${place.port} is taken by client '${other.port.clientId}'`);
    }
    const own = holders.find(({ port }) => port.host === place.host);
    if (own !== undefined) {
      clearTimeout(own.grace);
      own.port.leadTo({ slot: id.slot, generation: id.generation, session });
      return own.listener && listening(place);
    }
    if (holders.length > 0) {
      return refused('networkFailure', `port ${place.port} is published by this client already`);
    }
    const { publishPerClient, onLimit } = this.#options;
    const all = [...this.#ports, ...this.#unborn];
    const count = all.filter(({ port }) => port.clientId === clientId).length;
    if (count >= publishPerClient) {
      onLimit('publishPerClient', clientId);
      const reason = `a client may have ${publishPerClient} ports (limits.publishPerClient of the concentrator)`;
      return refused('resourceExceeded', reason);
    }
    void this.#open(session, id, place);
    return undefined;
  }

  async #open(session: PublishingSession, id: PublicationId, place: Place): Promise<void> {
    const { wallClock, listen } = this.#options;
    const port = new PublishedPort(session.clientId, place, wallClock());
    const open: OpenPort = { port, listener: undefined, isClosed: false, grace: undefined };
    this.#ports.add(open);
    port.leadTo({ slot: id.slot, generation: id.generation, session });
    try {
      const listener = await listen(place, (socket) => this.#onVisitor(open, socket));
      open.listener = listener;
      if (open.isClosed) listener.close();
      else this.#answerClaim(open, listening(place));
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      this.#answerClaim(open, refused('networkFailure', this.#whyNot(place, error)));
      this.#close(open);
    } finally {
      this.#unborn.delete(open);
    }
  }

  #answerClaim({ port, isClosed }: OpenPort, outcome: PublishOutcome): void {
    const { claim } = port;
    if (claim !== undefined && !isClosed) this.#answer(claim.session, claim, port, outcome);
  }

  #whyNot({ port }: Place, { cause }: ListenError): string {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE' && this.#options.listenPorts.includes(port)) {
      return `port ${port} is the concentrator's own, where its clients come`;
    }
    const advice = ADVICE[code ?? ''] ?? `cannot be had (${code})`;
    return `port ${port} ${advice}`;
  }

  #answer(session: PublishingSession, id: PublicationId, place: Place, outcome: PublishOutcome): void {
    const listen = placeText(place);
    const log = this.#options.logOf(session.clientId);
    if (outcome.ok) log.info({ listen }, 'port published');
    else log.info({ listen, error: outcome.error, reason: outcome.reason }, 'port not published');
    session.input(({ publications }) => publications.answer(id, outcome));
  }

  #onVisitor(open: OpenPort, socket: AppSocket): void {
    const { gate, visitors } = this.#options;
    const place = gate.enter(open.port.clientId, socket.remoteAddress);
    if (typeof place === 'string' || open.isClosed) {
      if (typeof place === 'function') place();
      visitors.add(typeof place === 'string' ? place : 'closed');
      socket.destroy('reset');
      return;
    }
    visitors.add(open.port.receive(socket, place) ? 'accepted' : 'limit');
  }

  #portsOf(session: PublishingSession): readonly OpenPort[] {
    return [...this.#ports].filter(({ port }) => port.claim?.session === session);
  }

  #close(open: OpenPort): void {
    if (open.isClosed) return;
    open.isClosed = true;
    clearTimeout(open.grace);
    this.#ports.delete(open);
    if (open.listener === undefined) this.#unborn.add(open);
    open.listener?.close();
    open.port.close();
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  // A client of another worker, or one that waits there for a single connection.
  EADDRINUSE: 'is taken by another program on the concentrator, or by another client',
  EACCES:
    'may not be listened at by the concentrator: grant it CAP_NET_BIND_SERVICE, or choose a port from 1024 up',
  EADDRNOTAVAIL: 'cannot be had at an address that the concentrator does not have',
};

function listening({ host, port }: Place): PublishOutcome {
  return { ok: true, host, port };
}

function refused(error: ErrorName, reason: string): PublishOutcome {
  return { ok: false, error, reason };
}

function placeText({ host, port }: Place): string {
  return formatDestination({ host, port });
}
