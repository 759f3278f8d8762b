import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { FairPlaces } from '../admission/fair-places.ts';
import { type Source, sourceOf } from '../admission/source.ts';
import { TlsTurns } from '../admission/tls-turns.ts';
import type { MonotonicClock } from '../clock.ts';
import type { TlsIdentity } from '../identity/certificate.ts';
import type { NativeSockets } from '../kernel/native.ts';
import { stopReading } from '../kernel/socket-handle.ts';
import { errorWords } from '../text/error-words.ts';
import type { Arrival } from './arrivals.ts';
import { type HandshakeStage, PendingHandshake } from './pending-handshake.ts';
import type { ReceivePool } from './receive-pool.ts';
import { cipherPreference, isSubflowProtocol, SUBFLOW_ALPN, SUBFLOW_TLS_OPTIONS } from './subflow-tls.ts';
import type { SubflowTransport } from './subflow-transport.ts';
import { type SubflowTuning, tuneSubflow } from './subflow-tuning.ts';
import { TlsSubflow } from './tls-subflow.ts';

export interface HandshakeGateOptions extends SubflowTuning {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly privateKey: string;
  readonly pool: ReceivePool;
  readonly native?: NativeSockets | undefined;
  readonly clock: MonotonicClock;
  /** From accept to the end of the TLS handshake; 10 s where absent. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** TLS handshakes that may begin in a second; 400 where absent. Of these, half are kept for proven sources. */
  readonly handshakesPerSecond?: number | undefined;
  /** Places of each stage where a connection waits; see `MAX_PLACES`. */
  readonly maxPlaces?: Readonly<Record<HandshakeStage, number>> | undefined;
  /** Whether a client has proven its key from there lately; no source has where absent. */
  isProven?(source: Source): boolean;
  /**
   * Takes connections in the place of this gate once it is their turn for TLS, with all of the ClientHello: another process does TLS.
   * This gate does where absent.
   */
  handOver?(ready: ReadyConnection): void;
  /** A client has finished the TLS handshake, with `leftMs` of its time left. The receiver finds out who it is. */
  onSubflow(transport: SubflowTransport, leftMs: number): void;
  /** A client did not get that far: for counters and the debug log. `remote` is its address. */
  onHandshakeFailed(remote: string, reason: string): void;
  /** The same, before `onHandshakeFailed`, where others needed the place: it got none, or lost the one that it had. */
  onCrowded?(stage: HandshakeStage, outcome: 'refused' | 'displaced', remote: string): void;
}

/** A connection whose turn for TLS it is. */
export interface ReadyConnection {
  /** Nothing is read from it. */
  readonly socket: Socket;
  /** What was read from it. */
  readonly head: Uint8Array;
  readonly remote: string;
  /** As `isProven` said. */
  readonly isProven: boolean;
  /** A load balancer passes it on. */
  readonly isProxied: boolean;
  /** What is left of the time for the handshake. */
  readonly leftMs: number;
}

/**
 * Connections that have said nothing cost about 10 KB: 40 MB at most. In line they keep what they have said, 20 KB for most. A
 * TLS handshake costs 50 KB: 25 MB at most.
 */
const MAX_PLACES: Readonly<Record<HandshakeStage, number>> = { silent: 4_096, line: 512, tls: 512 };
/** Several round trips over the worst path with retransmissions. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** One with the keys that browsers offer has 2 KB; what is longer than a TLS record is none of ours. */
const MAX_HELLO_BYTES = 16 * 1024;
/** A flood thus takes a fifth of a core at most, and a full concentrator has its subflows back a few seconds after a restart. */
const HANDSHAKES_PER_SECOND = 400;

/** Takes TCP connections through the TLS handshake, a bounded number for a bounded time each, with fair shares for all sources. */
export class HandshakeGate {
  readonly #options: HandshakeGateOptions;
  readonly #tls: TlsServer;
  readonly #timeoutMs: number;
  readonly #turns: TlsTurns<PendingHandshake>;
  readonly #places: Readonly<Record<HandshakeStage, FairPlaces<PendingHandshake>>>;
  /** Those in TLS, by connection. */
  readonly #inTls = new Map<string, PendingHandshake>();

  constructor(options: HandshakeGateOptions) {
    const { clock, handshakesPerSecond: perSecond = HANDSHAKES_PER_SECOND, maxPlaces = MAX_PLACES } = options;
    this.#options = options;
    this.#timeoutMs = options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS;
    this.#turns = new TlsTurns({ clock, perSecond, onTurn: (handshake) => this.#secure(handshake) });
    this.#places = {
      silent: new FairPlaces({ clock, total: maxPlaces.silent }),
      line: new FairPlaces({ clock, total: maxPlaces.line }),
      tls: new FairPlaces({ clock, total: maxPlaces.tls }),
    };
    const { certificate, privateKey: key } = options;
    this.#tls = createTlsServer({ ...SUBFLOW_TLS_OPTIONS, ...serverContext({ certificate, key }) });
    this.#tls.on('secureConnection', (secured) => this.#finish(secured));
    this.#tls.on('tlsClientError', (error, secured) => this.#fail(secured, error));
  }

  /** Shows another certificate from now on. */
  setIdentity(identity: TlsIdentity): void {
    this.#tls.setSecureContext({ ...SUBFLOW_TLS_OPTIONS, ...serverContext(identity) });
  }

  /** A connection has come. Where its source has its share of places, nothing more is spent on it. */
  admit(arrival: Arrival): void {
    const remote = arrival.remoteAddress;
    if (remote === undefined) {
      arrival.refuse();
      return;
    }
    const { clock, isProven } = this.#options;
    const source = sourceOf(remote);
    const visitor = { source, isProven: isProven?.(source) ?? false };
    const handshake = new PendingHandshake(arrival, remote, visitor, clock());
    if (!this.#enter(handshake, 'silent')) return;
    const socket = handshake.open();
    handshake.timer = setTimeout(() => this.#reject(handshake, 'took too long'), this.#timeoutMs);
    // TLS reports it; before TLS the close that follows is enough.
    socket.on('error', () => {});
    socket.once('close', () => this.#reject(handshake, 'closed by the client'));
    socket.once('readable', () => this.#onFirstBytes(handshake, socket));
  }

  /** Another process has taken it this far: TLS begins. */
  take({ socket, head, remote, isProven, isProxied, leftMs }: ReadyConnection): void {
    const { clock } = this.#options;
    const visitor = { source: sourceOf(remote), isProven };
    const arrival = {
      remoteAddress: remote,
      isProxied,
      open: () => socket,
      refuse: () => void socket.resetAndDestroy(),
    };
    const handshake = new PendingHandshake(arrival, remote, visitor, clock() - this.#timeoutMs + leftMs);
    handshake.timer = setTimeout(() => this.#reject(handshake, 'took too long'), leftMs);
    socket.on('error', () => {});
    socket.once('close', () => this.#reject(handshake, 'closed by the client'));
    socket.unshift(head);
    this.#secure(handshake);
  }

  /** Ends the handshakes under way. */
  close(): void {
    this.#turns.close();
    for (const { guests } of Object.values(this.#places)) {
      for (const handshake of [...guests]) this.#reject(handshake, 'the listener is closing');
    }
  }

  /** OpenSSL would answer garbage with an alert; this end closes without an answer. */
  #onFirstBytes(handshake: PendingHandshake, socket: Socket): void {
    if (handshake.stage === undefined) return;
    const head = socket.read() as Buffer | null;
    if (head === null || head[0] !== TLS_HANDSHAKE_RECORD || (head[1] ?? TLS_MAJOR) !== TLS_MAJOR) {
      this.#reject(handshake, head === null ? 'closed by the client' : 'not TLS');
      return;
    }
    if (this.#options.handOver !== undefined) {
      this.#onHello(handshake, socket, head);
      return;
    }
    socket.unshift(head);
    this.#stand(handshake);
  }

  /** Waits for all of the ClientHello that matters: it says where the connection is to go. */
  #onHello(handshake: PendingHandshake, socket: Socket, bytes: Buffer | null): void {
    if (handshake.stage === undefined) return;
    const { head } = handshake;
    const isEnough = bytes !== null && head.add(bytes);
    if (head.bytes.length > MAX_HELLO_BYTES) this.#reject(handshake, 'its ClientHello is too long');
    else if (isEnough) this.#stand(handshake);
    else socket.once('readable', () => this.#onHello(handshake, socket, socket.read() as Buffer | null));
  }

  #stand(handshake: PendingHandshake): void {
    if (this.#turns.request(handshake, handshake.visitor)) this.#secure(handshake);
    else this.#enter(handshake, 'line');
  }

  #give(handshake: PendingHandshake, handOver: (ready: ReadyConnection) => void): void {
    const { remote, startedMs, visitor, isProxied } = handshake;
    const socket = handshake.open();
    const rest = socket.read() as Buffer | null;
    stopReading(socket);
    const { bytes } = handshake.head;
    const head = rest === null ? bytes : Buffer.concat([bytes, rest]);
    this.#settle(handshake);
    const leftMs = Math.max(0, Math.ceil(this.#timeoutMs - (this.#options.clock() - startedMs)));
    handOver({ socket, head, remote, isProven: visitor.isProven, isProxied, leftMs });
  }

  #secure(handshake: PendingHandshake): void {
    const { handOver } = this.#options;
    if (handOver !== undefined) {
      this.#give(handshake, handOver);
      return;
    }
    if (!this.#enter(handshake, 'tls')) return;
    const socket = handshake.open();
    handshake.key = connectionKey(socket);
    this.#inTls.set(handshake.key, handshake);
    tuneSubflow(socket, this.#options.native, this.#options);
    this.#tls.emit('connection', socket);
  }

  #finish(secured: TLSSocket): void {
    const handshake = this.#inTls.get(connectionKey(secured));
    if (handshake === undefined) {
      secured.destroy();
    } else if (!isSubflowProtocol(secured.alpnProtocol)) {
      this.#reject(handshake, `no ${SUBFLOW_ALPN}`);
    } else {
      this.#settle(handshake);
      const leftMs = Math.ceil(this.#timeoutMs - (this.#options.clock() - handshake.startedMs));
      const { pool, congestionControl } = this.#options;
      const { remote, isProxied } = handshake;
      const native = isProxied ? undefined : this.#options.native;
      const subflow = new TlsSubflow(secured, pool, native, congestionControl !== undefined, remote);
      this.#options.onSubflow(subflow, Math.max(0, leftMs));
    }
  }

  #fail(secured: TLSSocket, error: Error): void {
    const handshake = this.#inTls.get(connectionKey(secured));
    if (handshake !== undefined) this.#reject(handshake, errorWords(error));
    secured.destroy();
  }

  /** Moves it on to a stage; false where others needed its place. */
  #enter(handshake: PendingHandshake, stage: HandshakeStage): boolean {
    this.#leave(handshake);
    handshake.stage = stage;
    const leaving = this.#places[stage].enter(handshake, handshake.visitor);
    if (leaving === undefined) return true;
    const isRefused = leaving === handshake;
    this.#options.onCrowded?.(stage, isRefused ? 'refused' : 'displaced', leaving.remote);
    this.#reject(
      leaving,
      isRefused ? 'its source has its share of places' : 'gave way to a newer connection',
    );
    return !isRefused;
  }

  #reject(handshake: PendingHandshake, reason: string): void {
    if (handshake.stage === undefined) return;
    handshake.end();
    this.#settle(handshake);
    this.#options.onHandshakeFailed(handshake.remote, reason);
  }

  /** Takes it out of the gate. */
  #settle(handshake: PendingHandshake): void {
    clearTimeout(handshake.timer);
    if (this.#inTls.get(handshake.key) === handshake) this.#inTls.delete(handshake.key);
    this.#leave(handshake);
  }

  #leave(handshake: PendingHandshake): void {
    if (handshake.stage === undefined) return;
    if (handshake.stage === 'line') this.#turns.leave(handshake);
    this.#places[handshake.stage].leave(handshake);
    handshake.stage = undefined;
  }
}

/** RFC 8446 section 5.1: content type, and the first byte of any version. */
const TLS_HANDSHAKE_RECORD = 22;
const TLS_MAJOR = 3;

/** The same for a TCP socket and the TLS socket over it, and for no two connections at one time. */
function connectionKey({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

/** How the listener does TLS, with one certificate. */
function serverContext({ certificate, key }: TlsIdentity) {
  return {
    cert: certificate,
    key,
    ciphers: cipherPreference(),
    // Our order of ciphers, but ChaCha20 for a client that puts it first because it has no AES instructions.
    honorCipherOrder: true,
    // Sessions are never resumed: every subflow is authenticated again. In TLS 1.3 OpenSSL still sends two tickets, but
    // only as references, which saves 400 bytes for each handshake.
    secureOptions: constants.SSL_OP_PRIORITIZE_CHACHA | constants.SSL_OP_NO_TICKET,
  };
}
