import { isIPv6, type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import type { Destination } from '../../protocol/destination.ts';
import { MisuseError } from '../../protocol/errors.ts';
import { type OutgoingChunk, OwnBytes } from '../../protocol/memory/chunk.ts';
import { UNIX_CLIENT } from '../admission/source.ts';
import { NativeSocketError, type NativeSockets } from '../kernel/native.ts';
import { readOriginalDestination } from '../kernel/original-destination.ts';
import { canReset, descriptorOf } from '../kernel/socket-handle.ts';
import {
  readSocketMemoryBytes,
  setNotSentLowWater,
  setReceiveBuffer,
  takePendingError,
} from '../kernel/socket-options.ts';
import { readTcpPeer } from '../kernel/tcp-info.ts';
import type { AppSocket, AppSocketHandlers } from './app-socket.ts';
import type { PeerWatch } from './peer-watch.ts';
import type { PooledReader } from './pooled-reader.ts';
import type { PeerRole, WatchedPeer, WatchedSocket } from './watched-peer.ts';

/** From here on `write` answers false: as much as one corked write carries. */
export const WRITE_HIGH_WATER_BYTES = 256 * 1024;

/** What the kernel keeps in each direction of a narrow connection, about: the floor of a stream's window. */
const NARROW_BYTES = 64 * 1024;
/** More than any kernel keeps unsent. */
const WIDE_UNSENT_BYTES = 0x7fff_ffff;

/** How soon it is asked whether the other end has taken all, and how often then: the time doubles up to the second. */
const TAKEN_CHECK_MS = [20, 1_000] as const;

/**
 * What the constructor of `net.Socket` sets in a copy of its options. To set what the copy already has costs nothing; to add it makes V8
 * of Node 20 describe the copy's shape anew for each socket, which takes 9 us.
 */
const SET_BY_NODE = { emitClose: false, autoDestroy: true, decodeStrings: false } as const;

/** A socket for a `TcpAppSocket`, not connected: a new one, over a descriptor, or over a handle taken from another socket. */
export function newAppSocket(reader: PooledReader, over: { handle?: object; fd?: number } = {}): Socket {
  // Node's own createConnection and Server pass these to the constructor; its type leaves three of them out.
  const options: SocketConstructorOpts & {
    onread: OnReadOpts;
    writableHighWaterMark: number;
    handle?: object | undefined;
    manualStart: true;
  } & typeof SET_BY_NODE = {
    allowHalfOpen: true,
    writableHighWaterMark: WRITE_HIGH_WATER_BYTES,
    onread: reader.onread,
    handle: over.handle,
    fd: over.fd,
    // Or it reads at once.
    manualStart: true,
    emitClose: SET_BY_NODE.emitClose,
    autoDestroy: SET_BY_NODE.autoDestroy,
    decodeStrings: SET_BY_NODE.decodeStrings,
  };
  return new Socket(options);
}

/** Who looks after the other end of a connection, and who that is. */
export interface PeerCare {
  readonly watch: PeerWatch;
  readonly role: PeerRole;
  /** False for a Unix socket, of whose other end the kernel tells less. By default true. */
  readonly isTcp?: boolean;
}

/** `AppSocket` over a TCP connection, or over a Unix socket, which has no addresses and cannot be reset. */
export class TcpAppSocket implements AppSocket {
  readonly #socket: Socket;
  readonly #native: NativeSockets | undefined;
  readonly #reader: PooledReader | undefined;
  readonly #watch: PeerWatch | undefined;
  readonly #peer: WatchedPeer | undefined;
  readonly #noAddress: '' | typeof UNIX_CLIENT;
  #handlers: AppSocketHandlers | undefined;
  /** The other side's FIN has arrived: there is nothing to resume. */
  #inputEnded = false;
  /** Nothing that is written reaches the other side, but what it had sent is still to be read. */
  #hasPeerLeft = false;
  #error: NodeJS.ErrnoException | undefined;

  /**
   * `socket` is connected, allows half-open, has read nothing, and was made with `newAppSocket`; without a reader
   * its 'data' events are used. `native` lets it tell a reset from the end of the data; see `#wasReset`. Without `care` nobody
   * notices that the other end is gone unless it says so.
   */
  constructor(
    socket: Socket,
    reader: PooledReader | undefined,
    native: NativeSockets | undefined,
    care: PeerCare | undefined,
  ) {
    this.#socket = socket;
    this.#native = native;
    this.#reader = reader;
    this.#noAddress = care?.isTcp === false ? UNIX_CLIENT : '';
    socket.pause();
    socket.setNoDelay(true);
    const deliver = (chunk: OutgoingChunk) => this.#handlers?.onChunk(chunk);
    if (reader !== undefined) reader.sink = deliver;
    else socket.on('data', (bytes) => deliver(new OwnBytes(bytes)));
    socket.on('end', () => this.#onEnd());
    socket.on('drain', () => this.#handlers?.onDrain());
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    socket.once('close', () => this.#onClose());
    const owner: WatchedSocket = {
      onPeerLost: (error) => {
        this.#error ??= error;
        this.destroy('reset');
      },
      onPeerLeft: () => {
        this.#hasPeerLeft = true;
      },
      onPeerKeepsAlive: (idleMs) => this.#handlers?.onKeepAlive?.(idleMs),
    };
    this.#watch = care?.watch;
    this.#peer = care?.watch.add(care.role, socket, owner, care.isTcp);
  }

  // These are system calls and seldom needed, so they are not made in advance. Empty once the connection is closed.
  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? this.#noAddress;
  }

  get remotePort(): number {
    return this.#socket.remotePort ?? 0;
  }

  get localAddress(): string {
    return this.#socket.localAddress ?? '';
  }

  originalDestination(): Destination | undefined {
    const { localAddress: host, localPort: port } = this.#socket;
    const descriptor = descriptorOf(this.#socket);
    if (host === undefined || port === undefined || descriptor === undefined) return undefined;
    const redirected =
      this.#native && readOriginalDestination(this.#native, descriptor, isIPv6(host) ? 6 : 4);
    return redirected ?? { host, port };
  }

  setHandlers(handlers: AppSocketHandlers): void {
    this.#handlers = handlers;
  }

  resume(): void {
    if (this.#handlers === undefined)
      throw new MisuseError('an application socket was resumed before setHandlers');
    if (this.#inputEnded || this.#socket.destroyed) return;
    // The end came before the handlers, for example together with a proxy's answer.
    if (this.#socket.readableEnded) queueMicrotask(() => this.#onEnd());
    else this.#socket.resume();
  }

  pause(): void {
    if (!this.#inputEnded && !this.#socket.destroyed) this.#socket.pause();
  }

  write(pieces: readonly Uint8Array[], onWritten?: () => void): boolean {
    const socket = this.#socket;
    // A write that fails would end the connection with what is still to be read.
    if (!socket.writable || this.#hasPeerLeft) return false;
    const last = pieces.length - 1;
    if (last > 0) socket.cork();
    for (let i = 0; i < last; i += 1) socket.write(pieces[i]!);
    const room = socket.write(pieces[last]!, onWritten && ((error) => error ?? onWritten()));
    if (last > 0) socket.uncork();
    return room;
  }

  kernelBytes(): number | undefined {
    const descriptor = descriptorOf(this.#socket);
    if (this.#native === undefined || descriptor === undefined) return undefined;
    return readSocketMemoryBytes(this.#native, descriptor);
  }

  narrow(isNarrow: boolean): void {
    const descriptor = descriptorOf(this.#socket);
    if (this.#native === undefined || descriptor === undefined) return;
    try {
      setReceiveBuffer(this.#native, descriptor, isNarrow ? NARROW_BYTES : undefined);
      setNotSentLowWater(this.#native, descriptor, isNarrow ? NARROW_BYTES : WIDE_UNSENT_BYTES);
    } catch (error) {
      // It goes on as before where the kernel is older, and in sandboxes that stand in for one.
      if (!(error instanceof NativeSocketError)) throw error;
    }
  }

  end(): void {
    if (this.#socket.writable) this.#socket.end();
  }

  keepAlive(idleMs: number): void {
    this.#peer?.keepAlive(idleMs);
  }

  destroy(how: 'close' | 'reset' | 'after-writes' = 'close'): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    if (how === 'after-writes') {
      this.#destroyWhenTaken();
      return;
    }
    if (how === 'close' || !canReset(socket)) {
      socket.destroy();
      return;
    }
    const finIsLeaving = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
    if (finIsLeaving) {
      // libuv refuses to reset while a shutdown is under way, and Node would then never close the socket.
      socket.pause();
      socket.once('finish', () => this.destroy('reset'));
    } else {
      socket.resetAndDestroy();
    }
  }

  /**
   * To close what is not read to its end makes the kernel reset the connection, and drop what the other end has not acknowledged
   * yet. The watch gives up one that takes nothing for long.
   */
  #destroyWhenTaken(): void {
    const socket = this.#socket;
    const [firstMs, mostMs] = TAKEN_CHECK_MS;
    const check = (nextMs: number) => {
      if (socket.destroyed) return;
      if (this.#isTaken) socket.destroy();
      else setTimeout(() => check(Math.min(2 * nextMs, mostMs)), nextMs).unref();
    };
    this.end();
    if (socket.writableFinished) check(firstMs);
    else socket.once('finish', () => check(firstMs));
  }

  /** Whether the other end has acknowledged all; taken for granted where nobody knows, or nobody would give it up. */
  get #isTaken(): boolean {
    const descriptor = descriptorOf(this.#socket);
    if (this.#native === undefined || descriptor === undefined || this.#peer === undefined) return true;
    const peer = readTcpPeer(this.#native, descriptor);
    return peer === undefined || peer.isClosed || !peer.isWaiting;
  }

  #onEnd(): void {
    // Without handlers it waits for `resume`.
    if (this.#inputEnded || this.#handlers === undefined) return;
    this.#inputEnded = true;
    this.#reader?.stop();
    this.#peer?.onEnd();
    if (this.#wasReset()) {
      const error: NodeJS.ErrnoException = new Error('read ECONNRESET');
      error.code = 'ECONNRESET';
      this.#socket.destroy(error);
    } else {
      this.#handlers?.onEnd();
    }
  }

  /**
   * libuv reports the end of the data when a reset (RST) arrives together with the last data (`uv__stream_io`:
   * POLLHUP after a partial read), so a transfer that was cut off would look complete. The kernel knows better:
   * ECONNRESET waits on the socket. EPIPE waits there when the reset came after the FIN, so that nothing is missing.
   */
  #wasReset(): boolean {
    const descriptor = descriptorOf(this.#socket);
    if (this.#native === undefined || descriptor === undefined) return false;
    return takePendingError(this.#native, descriptor) === 'ECONNRESET';
  }

  #onClose(): void {
    this.#reader?.stop();
    if (this.#peer !== undefined) this.#watch?.forget(this.#peer);
    this.#handlers?.onClose(this.#error);
  }
}
