import { constants } from 'node:crypto';
import { createServer, isIPv4, isIPv6, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import type { MonotonicClock } from '../clock.ts';
import type { TlsIdentity } from '../identity/certificate.ts';
import type { NativeSockets } from '../kernel/native.ts';
import { type ListenAddress, listen } from '../tcp/tcp-listener.ts';
import type { ReceivePool } from './receive-pool.ts';
import { cipherPreference, SUBFLOW_ALPN, SUBFLOW_TLS_OPTIONS } from './subflow-tls.ts';
import type { SubflowTransport } from './subflow-transport.ts';
import { type SubflowTuning, tuneSubflow } from './subflow-tuning.ts';
import { TlsSubflow } from './tls-subflow.ts';

export interface SubflowListenerOptions extends SubflowTuning {
  readonly addresses: readonly ListenAddress[];
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly privateKey: string;
  readonly pool: ReceivePool;
  readonly native?: NativeSockets | undefined;
  readonly clock: MonotonicClock;
  /** From accept to the end of the TLS handshake; 10 s where absent. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** Connections in handshake at one time; 512 where absent. At the bound the oldest gives way. */
  readonly maxHandshakes?: number | undefined;
  /** A client has finished the TLS handshake, with `leftMs` of its time left. The receiver finds out who it is. */
  onSubflow(transport: SubflowTransport, leftMs: number): void;
  /** A client did not get that far: for counters and the debug log. `remote` is its address. */
  onHandshakeFailed(remote: string, reason: string): void;
  /** Accepting failed, for example because no descriptors are left. The listener goes on. */
  onError(error: Error): void;
}

export interface SubflowListener {
  /** Where it listens, in the order asked for, with the ports the kernel chose where 0 was asked for. */
  addresses(): readonly ListenAddress[];
  /** Shows another certificate to those that come from now on; subflows that are up, and handshakes under way, stay. PEM. */
  setIdentity(identity: TlsIdentity): void;
  /** Stops accepting, at once, and ends the handshakes under way; subflows that were handed over stay. */
  close(): void;
}

/** Listens for subflows on all addresses; rejects with `ListenError` if one cannot be had. */
export async function listenForSubflows(options: SubflowListenerOptions): Promise<SubflowListener> {
  const gate = new HandshakeGate(options);
  const servers = options.addresses.map(() =>
    createServer({ pauseOnConnect: true }, (socket) => gate.admit(socket)),
  );
  const close = () => {
    for (const server of servers) server.close();
    gate.close();
  };
  // Beside IPv4 addresses `::` must keep to IPv6, or the two would contend for the port.
  const ipv6Only = options.addresses.some(({ host }) => isIPv4(host));
  try {
    const addresses: ListenAddress[] = [];
    for (const [i, address] of options.addresses.entries()) {
      const own = { ipv6Only: ipv6Only && isIPv6(address.host), setting: 'listen' };
      addresses.push(await listen(servers[i]!, address, own, options.onError));
    }
    return { addresses: () => addresses, setIdentity: (identity) => gate.setIdentity(identity), close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Each costs about 1 ms of one core and 50 KB of memory: half a second and 25 MB at most. */
const MAX_HANDSHAKES = 512;
/** Several round trips over the worst path with retransmissions. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

interface Handshake {
  readonly key: string;
  readonly socket: Socket;
  readonly remote: string;
  readonly startedMs: number;
  readonly timer: NodeJS.Timeout;
}

/** Takes TCP connections through the TLS handshake, a bounded number for a bounded time each. */
class HandshakeGate {
  readonly #options: SubflowListenerOptions;
  readonly #tls: TlsServer;
  readonly #maxHandshakes: number;
  readonly #timeoutMs: number;
  /** By connection, oldest first. */
  readonly #handshakes = new Map<string, Handshake>();

  constructor(options: SubflowListenerOptions) {
    this.#options = options;
    this.#maxHandshakes = options.maxHandshakes ?? MAX_HANDSHAKES;
    this.#timeoutMs = options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS;
    const { certificate, privateKey: key } = options;
    this.#tls = createTlsServer({ ...SUBFLOW_TLS_OPTIONS, ...serverContext({ certificate, key }) });
    this.#tls.on('secureConnection', (secured) => this.#finish(secured));
    this.#tls.on('tlsClientError', (error, secured) => this.#fail(secured, error));
  }

  setIdentity(identity: TlsIdentity): void {
    this.#tls.setSecureContext({ ...SUBFLOW_TLS_OPTIONS, ...serverContext(identity) });
  }

  admit(socket: Socket): void {
    const remote = socket.remoteAddress;
    if (remote === undefined) {
      // Gone before it was accepted.
      socket.destroy();
      return;
    }
    if (this.#handshakes.size >= this.#maxHandshakes) {
      // The oldest, not the newest: filling the gate with idle connections must not lock others out.
      const [oldest] = this.#handshakes.values();
      if (oldest !== undefined) this.#reject(oldest, 'gave way to a newer connection');
    }
    const handshake: Handshake = {
      key: connectionKey(socket),
      socket,
      remote,
      startedMs: this.#options.clock(),
      timer: setTimeout(() => this.#reject(handshake, 'took too long'), this.#timeoutMs),
    };
    this.#handshakes.set(handshake.key, handshake);
    // TLS reports it; before TLS the close that follows is enough.
    socket.on('error', () => {});
    socket.once('close', () => this.#reject(handshake, 'closed by the client'));
    socket.once('readable', () => this.#begin(handshake));
  }

  close(): void {
    for (const handshake of this.#handshakes.values()) this.#reject(handshake, 'the listener is closing');
  }

  /** The first bytes are here. OpenSSL would answer garbage with an alert; this end closes without an answer. */
  #begin(handshake: Handshake): void {
    const { socket } = handshake;
    const head = socket.read() as Buffer | null;
    if (head === null || head[0] !== TLS_HANDSHAKE_RECORD || (head[1] ?? TLS_MAJOR) !== TLS_MAJOR) {
      this.#reject(handshake, head === null ? 'closed by the client' : 'not TLS');
      return;
    }
    socket.unshift(head);
    tuneSubflow(socket, this.#options.native, this.#options);
    this.#tls.emit('connection', socket);
  }

  #finish(secured: TLSSocket): void {
    const handshake = this.#handshakes.get(connectionKey(secured));
    if (handshake === undefined) {
      secured.destroy();
    } else if (secured.alpnProtocol !== SUBFLOW_ALPN) {
      this.#reject(handshake, `no ${SUBFLOW_ALPN}`);
    } else {
      this.#settle(handshake);
      const leftMs = Math.ceil(this.#timeoutMs - (this.#options.clock() - handshake.startedMs));
      const { pool, native } = this.#options;
      this.#options.onSubflow(new TlsSubflow(secured, pool, native), Math.max(0, leftMs));
    }
  }

  #fail(secured: TLSSocket, error: Error): void {
    const handshake = this.#handshakes.get(connectionKey(secured));
    if (handshake !== undefined) this.#reject(handshake, error.message);
    secured.destroy();
  }

  #reject(handshake: Handshake, reason: string): void {
    if (!this.#settle(handshake)) return;
    handshake.socket.destroy();
    this.#options.onHandshakeFailed(handshake.remote, reason);
  }

  /** Takes it out of the gate; false if it was out already. */
  #settle(handshake: Handshake): boolean {
    if (this.#handshakes.get(handshake.key) !== handshake) return false;
    clearTimeout(handshake.timer);
    this.#handshakes.delete(handshake.key);
    return true;
  }
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

/** RFC 8446 section 5.1: content type, and the first byte of any version. */
const TLS_HANDSHAKE_RECORD = 22;
const TLS_MAJOR = 3;

/** The same for a TCP socket and the TLS socket over it, and for no two connections at one time. */
function connectionKey({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
