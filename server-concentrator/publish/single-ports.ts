import type { Destination } from '../../shared/protocol/destination.ts';
import { type ErrorName, StreamError, TributaryError } from '../../shared/protocol/errors.ts';
import type {
  PublicationId,
  PublishedPlace,
  PublishOutcome,
} from '../../shared/protocol/session/publications.ts';
import { isSameHost } from '../../shared/runtime/address/ip-address.ts';
import { plainAddress } from '../../shared/runtime/address/plain-address.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import type { AppSocketListener } from '../../shared/runtime/app/app-socket-listener.ts';
import { Cancellation, type CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { ResultCounts } from '../../shared/runtime/observe/result-counts.ts';
import type { LimitName } from '../limits/limit-hits.ts';
import { PublishedPort, type PublishingSession } from './published-port.ts';
import type { VisitorGate } from './visitor-gate.ts';

export interface SinglePortsOptions {
  /** Of one client at a time; 0: none. */
  readonly bindsPerClient: number;
  /** The addresses of a host, as far as the client may connect there, in the client's turn. Rejects with TributaryError. */
  addressesOf(destination: Destination, signal: CancelSignal, clientId: string): Promise<readonly string[]>;
  /** Where somebody who has these addresses reaches this machine. Rejects with TributaryError. */
  reachedAt(addresses: readonly string[]): Promise<string>;
  /** Listens at a port that the kernel chooses, for one address family. Rejects with ListenError. */
  listen(family: 4 | 6, onVisitor: (socket: AppSocket) => void): Promise<AppSocketListener>;
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
  timer: NodeJS.Timeout | undefined;
}

/** How long one connection is waited for: RFC 1928 leaves it open; FTP servers connect at once. */
const WAIT_MS = 2 * 60_000;
/** Active FTP comes from there (RFC 959 section 3.2). What may not be dialled there may not come either. */
const FTP_DATA_PORT = 20;
const NO_VISITORS_FROM_THERE = 'no visitors may come from there ("visitors" of the concentrator)';

/** Ports for one connection each, from a host that the client names: BIND of SOCKS5, as for active FTP. */
export class SinglePorts {
  readonly #options: SinglePortsOptions;
  readonly #open = new Set<Single>();
  /** Ended before they listened: each may have a descriptor until that is over. */
  readonly #unborn = new Set<Single>();

  constructor(options: SinglePortsOptions) {
    this.#options = options;
  }

  /** A client expects a connection. Its session is told where, and when nobody came. */
  request(session: PublishingSession, { slot, generation }: PublicationId, place: PublishedPlace): void {
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
    const single: Single = { session, id, over: new Cancellation(), listener: undefined, timer: undefined };
    this.#open.add(single);
    void this.#wait(single, place.host);
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

  async #wait(single: Single, host: string): Promise<void> {
    const { session, id, over } = single;
    const { addressesOf, gate, reachedAt, listen, hasDescriptor, onLimit } = this.#options;
    single.timer = setTimeout(() => this.#fail(single, 'timedOut', 'nobody has connected'), WAIT_MS);
    try {
      const found = await addressesOf({ host, port: FTP_DATA_PORT }, over, session.clientId);
      over.throwIfAborted();
      const from = found.filter((address) => gate.allows(address));
      if (from.length === 0) throw new StreamError('notAuthorized', NO_VISITORS_FROM_THERE);
      if (!hasDescriptor()) {
        onLimit('descriptors', session.clientId);
        throw new StreamError('resourceExceeded', 'few descriptors are left');
      }
      const local = await reachedAt(from);
      over.throwIfAborted();
      const family = local.includes(':') ? 6 : 4;
      const listener = await listen(family, (socket) => this.#onVisitor(single, from, socket));
      if (over.aborted) {
        listener.close();
        return;
      }
      single.listener = listener;
      tell(session, id, { ok: true, host: local, port: listener.address().port });
    } catch (error) {
      if (over.aborted) return;
      const known = error instanceof TributaryError ? error : undefined;
      this.#fail(single, known?.code ?? 'internalError', known?.message ?? 'internal error');
    } finally {
      this.#unborn.delete(single);
    }
  }

  #onVisitor(single: Single, from: readonly string[], socket: AppSocket): void {
    const { session, id, listener, over } = single;
    const address = plainAddress(socket.remoteAddress);
    if (over.aborted || listener === undefined || !from.some((one) => isSameHost(one, address))) {
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
    port.receive(socket, place);
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
    single.over.abort();
  }
}

function refused(error: ErrorName, reason: string): PublishOutcome {
  return { ok: false, error, reason };
}

function tell(session: PublishingSession, id: PublicationId, outcome: PublishOutcome): void {
  session.input(({ publications }) => publications.answer(id, outcome));
}
