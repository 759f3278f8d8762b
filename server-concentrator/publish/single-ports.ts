import type { Destination } from '../../shared/protocol/destination.ts';
import { type ErrorName, StreamError, TributaryError } from '../../shared/protocol/errors.ts';
import type {
  PublicationId,
  PublishedPlace,
  PublishOutcome,
} from '../../shared/protocol/session/publications.ts';
import { familyOfUnspecified, isSameHost } from '../../shared/runtime/address/ip-address.ts';
import { plainAddress } from '../../shared/runtime/address/plain-address.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import type { AppSocketListener } from '../../shared/runtime/app/app-socket-listener.ts';
import { Cancellation, type CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { PortRange } from '../../shared/runtime/config/ranges.ts';
import type { ResultCounts } from '../../shared/runtime/observe/result-counts.ts';
import { ListenError } from '../../shared/runtime/tcp/tcp-listener.ts';
import type { LimitName } from '../limits/limit-hits.ts';
import { FreePorts } from './free-ports.ts';
import type { PortGrants } from './port-grants.ts';
import { PublishedPort, type PublishingSession } from './published-port.ts';
import type { VisitorGate } from './visitor-gate.ts';

export interface SinglePortsOptions {
  /** Of one client at a time; 0: none. */
  readonly bindsPerClient: number;
  /** The addresses of a host, as far as the client may connect there, in the client's turn. Rejects with TributaryError. */
  addressesOf(destination: Destination, signal: CancelSignal, clientId: string): Promise<readonly string[]>;
  /** Where somebody who has these addresses reaches this machine. Rejects with TributaryError. */
  reachedAt(addresses: readonly string[]): Promise<string>;
  /** Where everybody reaches this machine. Rejects with TributaryError. */
  reachedByAll(family: 4 | 6): Promise<string>;
  /** Listens at a port, or for 0 at one that the kernel chooses, for one address family. Rejects with ListenError. */
  listen(
    at: { readonly family: 4 | 6; readonly port: number },
    onVisitor: (socket: AppSocket) => void,
  ): Promise<AppSocketListener>;
  /** Before all visitors. */
  readonly gate: Pick<VisitorGate, 'allows' | 'enter'>;
  /** Whether the process may use another descriptor. */
  hasDescriptor(): boolean;
  onLimit(limit: LimitName, clientId: string): void;
  /** Visitors by what became of them. */
  readonly visitors: ResultCounts;
}

interface Single {
  readonly session: PublishingSession;
  readonly id: PublicationId;
  readonly over: Cancellation;
  listener: AppSocketListener | undefined;
  /** Gives its port back. */
  release: () => void;
  isForAll: boolean;
  timer: NodeJS.Timeout | undefined;
}

/** Who is waited for, and where. */
interface Expected {
  /** Absent: anybody. */
  readonly from?: readonly string[];
  /** Where they reach this machine. */
  readonly local: string;
  /** Where to listen; absent: the kernel chooses. */
  readonly ports: readonly PortRange[] | undefined;
}

/** How long one connection is waited for: RFC 1928 leaves it open; FTP servers connect at once. */
const WAIT_MS = 2 * 60_000;
/** Active FTP comes from there (RFC 959 section 3.2). What may not be dialled there may not come either. */
const FTP_DATA_PORT = 20;
const NO_VISITORS_FROM_THERE = 'no visitors may come from there ("visitors" of the concentrator)';

const NO_PORT_FOR_ALL =
  'anybody may come to ports alone that the client may publish ("tributary-concentrator client publish"), and it may publish none';
/** Another one is tried then. */
const NOT_FREE: ReadonlySet<string> = new Set(['EADDRINUSE', 'EACCES']);

/**
 * Ports for one connection each: BIND of SOCKS5, as for active FTP. It comes from a host that the client names, or, at ports that
 * the client may publish, from anybody.
 */
export class SinglePorts {
  readonly #options: SinglePortsOptions;
  readonly #freePorts = new FreePorts();
  #ports: readonly PortRange[] | undefined;
  #visitors = 0;
  readonly #open = new Set<Single>();
  /** Ended before they listened: each may have a descriptor until that is over. */
  readonly #unborn = new Set<Single>();

  /** @param ports as for `setPorts` */
  constructor(options: SinglePortsOptions, ports: readonly PortRange[] | undefined) {
    this.#options = options;
    this.#ports = ports;
  }

  /** Those who have come, and are there now. */
  get visitors(): number {
    return this.#visitors;
  }

  /** Where hosts that clients name are waited for from now on; absent: the kernel chooses. */
  setPorts(ports: readonly PortRange[] | undefined): void {
    this.#ports = ports;
  }

  /**
   * A client expects a connection. Its session is told where, and when nobody came.
   *
   * @param granted the ports that the client may publish
   */
  request(
    session: PublishingSession,
    { slot, generation }: PublicationId,
    place: PublishedPlace,
    granted: readonly PortRange[],
  ): void {
    const { bindsPerClient, onLimit } = this.#options;
    const id = { slot, generation };
    const all = [...this.#open, ...this.#unborn];
    const own = all.filter((single) => single.session.clientId === session.clientId);
    if (own.length >= bindsPerClient) {
      onLimit('bindsPerClient', session.clientId);
      const reason = `a client may wait for ${bindsPerClient} connections (limits.bindsPerClient of the concentrator)`;
      tell(session, id, refused(bindsPerClient === 0 ? 'notAuthorized' : 'resourceExceeded', reason));
      return;
    }
    const single: Single = {
      ...{ session, id, over: new Cancellation(), listener: undefined, release: () => {}, isForAll: false },
      timer: setTimeout(() => this.#fail(single, 'timedOut', 'nobody has connected'), WAIT_MS),
    };
    this.#open.add(single);
    void this.#wait(single, () => this.#expected(single, place.host, granted));
  }

  /** Other grants from now on: where anybody may come and that is no longer allowed, the wait is over. */
  replaceGrants(grants: Pick<PortGrants, 'refusal'>): void {
    for (const single of this.#open) {
      if (!single.isForAll || single.listener === undefined) continue;
      const refusal = grants.refusal(single.session.clientId, single.listener.address().port);
      if (refusal !== undefined) this.#fail(single, 'notAuthorized', refusal);
    }
  }

  /** It is no longer wanted. */
  withdraw(session: PublishingSession, slot: number): void {
    for (const single of this.#open) {
      if (single.session === session && single.id.slot === slot) this.#end(single);
    }
  }

  /** Of a session that has ended, or of all. */
  close(session?: PublishingSession): void {
    for (const single of this.#open) {
      if (session === undefined || single.session === session) this.#end(single);
    }
  }

  async #wait(single: Single, expect: () => Promise<Expected>): Promise<void> {
    const { session, id, over } = single;
    try {
      const expected = await expect();
      over.throwIfAborted();
      const port = await this.#listen(single, expected);
      if (over.aborted) single.listener?.close();
      else tell(session, id, { ok: true, host: expected.local, port });
    } catch (error) {
      if (over.aborted) return;
      const known = error instanceof TributaryError ? error : undefined;
      this.#fail(single, known?.code ?? 'internalError', known?.message ?? 'internal error');
    } finally {
      if (over.aborted) single.release();
      this.#unborn.delete(single);
    }
  }

  /** Rejects with TributaryError where nobody can be waited for. */
  async #expected({ session, over }: Single, host: string, granted: readonly PortRange[]): Promise<Expected> {
    const { addressesOf, gate, reachedAt, reachedByAll, hasDescriptor, onLimit } = this.#options;
    const family = familyOfUnspecified(host);
    let from: readonly string[] | undefined;
    if (family === undefined) {
      const found = await addressesOf({ host, port: FTP_DATA_PORT }, over, session.clientId);
      over.throwIfAborted();
      from = found.filter((address) => gate.allows(address));
      if (from.length === 0) throw new StreamError('notAuthorized', NO_VISITORS_FROM_THERE);
    } else if (granted.length === 0) {
      throw new StreamError('notAuthorized', NO_PORT_FOR_ALL);
    }
    if (!hasDescriptor()) {
      onLimit('descriptors', session.clientId);
      throw new StreamError('resourceExceeded', 'few descriptors are left');
    }
    if (from !== undefined) return { from, local: await reachedAt(from), ports: this.#ports };
    return { local: await reachedByAll(family!), ports: granted };
  }

  /** @returns the port. Rejects with TributaryError */
  async #listen(single: Single, { from, local, ports }: Expected): Promise<number> {
    const family = local.includes(':') ? 6 : 4;
    for (const port of ports === undefined ? [0] : this.#freePorts.candidates(ports)) {
      const release = port === 0 ? () => {} : this.#freePorts.take(port);
      try {
        const onVisitor = (socket: AppSocket) => this.#onVisitor(single, from, socket);
        single.listener = await this.#options.listen({ family, port }, onVisitor);
        single.release = release;
        single.isForAll = from === undefined;
        return single.listener.address().port;
      } catch (error) {
        release();
        if (!(error instanceof ListenError) || port === 0 || !NOT_FREE.has(error.errno)) throw error;
        single.over.throwIfAborted();
      }
    }
    throw new StreamError('resourceExceeded', 'none of the ports for single connections is free');
  }

  #onVisitor(single: Single, from: readonly string[] | undefined, socket: AppSocket): void {
    const { session, id, listener, over } = single;
    const address = plainAddress(socket.remoteAddress);
    const isExpected = from?.some((one) => isSameHost(one, address)) ?? true;
    if (over.aborted || listener === undefined || !isExpected) {
      socket.destroy('reset');
      return;
    }
    const { gate, visitors } = this.#options;
    const place = gate.enter(session.clientId, address);
    visitors.add(typeof place === 'string' ? place : 'accepted');
    if (typeof place === 'string') {
      socket.destroy('reset');
      return;
    }
    const port = new PublishedPort(session.clientId, listener.address(), 0);
    this.#end(single);
    port.leadTo({ ...id, session });
    this.#visitors++;
    port.receive(socket, () => {
      this.#visitors--;
      place();
    });
  }

  #fail(single: Single, error: ErrorName, reason: string): void {
    this.#end(single);
    tell(single.session, single.id, refused(error, reason));
  }

  #end(single: Single): void {
    this.#open.delete(single);
    if (single.listener === undefined) this.#unborn.add(single);
    clearTimeout(single.timer);
    single.listener?.close();
    single.release();
    single.over.abort();
  }
}

function refused(error: ErrorName, reason: string): PublishOutcome {
  return { ok: false, error, reason };
}

function tell(session: PublishingSession, id: PublicationId, outcome: PublishOutcome): void {
  session.input(({ publications }) => publications.answer(id, outcome));
}
