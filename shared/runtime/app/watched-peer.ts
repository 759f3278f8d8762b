import type { Socket } from 'node:net';
import type { NativeSockets } from '../kernel/native.ts';
import { descriptorOf } from '../kernel/socket-handle.ts';
import { setKeepAlive, takePendingError } from '../kernel/socket-options.ts';
import { readTcpPeer, type TcpPeer } from '../kernel/tcp-info.ts';

/** Who is at the other end of a connection. */
export type PeerRole = 'application' | 'origin';

/** Why it counts as lost; see `WatchedPeer`. */
export type PeerLoss = 'gone' | 'silent' | 'stalled';

/** As configured under `connections`. */
export interface PeerTimes {
  /** A connection without a sign of life for so long is asked whether its other end is still there. */
  readonly keepAliveMs: number;
  /** An origin whose application has ended may take nothing for so long while something waits for it; an application five times. */
  readonly stallTimeoutMs: number;
}

export interface PeerOptions extends PeerTimes {
  readonly native: NativeSockets | undefined;
  /** At the client: all uplinks may be gone for so long, while what an application has left waits for them. */
  readonly lingerMs?: number;
  /** A connection was ended because of its other end. */
  readonly onLost?: (role: PeerRole, reason: PeerLoss) => void;
}

/** Who has the connection. */
export interface WatchedSocket {
  /** The other end is lost: the connection is to be reset, for this reason. */
  onPeerLost(error: NodeJS.ErrnoException): void;
  /** The other end is gone, and all that it had sent is here to be read; nothing that is written reaches it. */
  onPeerLeft(): void;
  /** The other end sends keep-alives of its own, after so much silence. */
  onPeerKeepsAlive(idleMs: number): void;
}

/** After so many probes without an answer the other end counts as lost. A phone may sleep through one or two. */
const PROBES = 4;
/** Between them: at most this, and less where keep-alives are to be quick. */
const MAX_PROBE_INTERVAL_MS = 30_000;
const MIN_PROBE_INTERVAL_MS = 1_000;
/** Keep-alives of applications that come more often than this are not followed further: it protects an entry in any usual firewall. */
const MIN_FOLLOWED_MS = 10_000;
/** A keep-alive is told again when it comes after so much less silence: the looks are not that exact, and telling costs bytes. */
const NEWS_SHARE = 0.75;
/** An application that has finished sending may read nothing for so many times as long as an origin: it may be a pager. */
const APPLICATION_PATIENCE = 5;
/**
 * Where the kernel cannot be asked: an application that has finished sending, and gets nothing for so long, counts as gone.
 * With the kernel's help it is known.
 */
const HALF_CLOSED_MS = 10 * 60_000;

/**
 * The other end of one connection. It is lost when
 *
 * - it is gone: it has closed both ways. Its kernel forgets such a connection (Linux after 60 s), and answers the next probe with a
 *   reset; that of one that has only finished sending acknowledges it. Hence more frequent probes after its end (FIN);
 * - it is silent: nothing that it is sent is acknowledged. TCP_USER_TIMEOUT would not do: it also ends connections to those who
 *   acknowledge and do not read for a while, such as a paused player;
 * - it is stalled: an origin that takes nothing any more, though nobody waits for its answer or can stop; or an application that
 *   has finished sending, and takes nothing for much longer. One that has not may read when it likes: a paused player.
 *
 * One that is gone behind its end is not lost while what it had sent is still to be read: back-pressure may take its time. It is
 * when nothing of that is read for too long.
 */
export class WatchedPeer {
  readonly #role: PeerRole;
  readonly #socket: Socket;
  readonly #owner: WatchedSocket;
  readonly #options: PeerOptions;
  readonly #probeIntervalMs: number;
  #idleMs: number;
  #isProbed = false;
  /** Its end (FIN) was read, */
  #hasEnded = false;
  /** or is known to wait behind what is still to be read. */
  #hasFinished = false;
  /** It is gone, and what it had sent is still to be read. */
  #hasLeft = false;
  #last: TcpPeer | undefined;
  #lookedMs = 0;
  /** When it was last seen that payload had moved. */
  #movedMs = Number.NEGATIVE_INFINITY;
  #movedBytes = -1;
  #takenBytes = -1;
  #stalledSinceMs: number | undefined;
  #silentSinceMs: number | undefined;
  /** The silence before a keep-alive of the other end, as told. */
  #followedMs: number;

  constructor(role: PeerRole, socket: Socket, owner: WatchedSocket, options: PeerOptions) {
    this.#role = role;
    this.#socket = socket;
    this.#owner = owner;
    this.#options = options;
    this.#idleMs = options.keepAliveMs;
    this.#followedMs = options.keepAliveMs;
    const tenth = options.keepAliveMs / 10;
    this.#probeIntervalMs = Math.max(MIN_PROBE_INTERVAL_MS, Math.min(MAX_PROBE_INTERVAL_MS, tenth));
  }

  /** It has finished sending. */
  onEnd(): void {
    this.#hasEnded = true;
    this.#probeAfter(this.#probeIntervalMs);
  }

  /** Asks it after so much silence, unless that happens earlier already. */
  keepAlive(idleMs: number): void {
    this.#probeAfter(Math.max(MIN_FOLLOWED_MS, idleMs));
  }

  look(nowMs: number): void {
    const { native } = this.#options;
    const descriptor = descriptorOf(this.#socket);
    if (descriptor === undefined) return;
    if (!this.#isProbed) this.#probe();
    const peer = native && readTcpPeer(native, descriptor);
    this.#noteMovement(nowMs);
    this.#hasFinished ||= peer?.hasFinished === true;
    const takeError = () => (native && peer?.isClosed ? takePendingError(native, descriptor) : 'ETIMEDOUT');
    if (peer !== undefined && this.#isOverUnread(peer)) {
      this.#lookUnread(nowMs, takeError);
      return;
    }
    const loss = this.#lossOf(peer, nowMs);
    if (loss !== undefined) {
      this.#lose(loss, takeError() ?? 'ECONNRESET');
      return;
    }
    if (peer !== undefined) this.#follow(peer, nowMs);
    this.#last = peer;
    this.#lookedMs = nowMs;
  }

  /** @param peer undefined where the kernel cannot be asked */
  #lossOf(peer: TcpPeer | undefined, nowMs: number): PeerLoss | undefined {
    if (peer === undefined ? this.#isLongHalfClosed(nowMs) : this.#isGone(peer)) return 'gone';
    if (peer !== undefined && this.#isSilent(peer, nowMs)) return 'silent';
    return this.#isStalled(peer, nowMs) ? 'stalled' : undefined;
  }

  #probeAfter(idleMs: number): void {
    if (idleMs >= this.#idleMs) return;
    this.#idleMs = idleMs;
    // Else the first look does it. Most connections are over by then, and have saved the system calls.
    if (this.#isProbed) this.#probe();
  }

  #probe(): void {
    const { native } = this.#options;
    const descriptor = descriptorOf(this.#socket);
    if (descriptor === undefined) return;
    this.#isProbed = true;
    // Linux sends none before the interval is over, answered or not. As long a silence as ever ends the connection.
    const intervalMs = Math.min(this.#probeIntervalMs, this.#idleMs);
    const count = Math.ceil((PROBES * this.#probeIntervalMs) / intervalMs);
    const probes = { idleMs: this.#idleMs, intervalMs, count };
    // Node alone cannot say how often: libuv asks ten times within ten seconds.
    if (native === undefined) this.#socket.setKeepAlive(true, this.#idleMs);
    else setKeepAlive(native, descriptor, probes);
  }

  #noteMovement(nowMs: number): void {
    const bytes = this.#socket.bytesRead + this.#socket.bytesWritten;
    if (bytes === this.#movedBytes) return;
    this.#movedBytes = bytes;
    this.#movedMs = nowMs;
  }

  #isGone({ isClosed }: TcpPeer): boolean {
    return isClosed && this.#hasEnded && !this.#socket.writableFinished;
  }

  /** Of an origin what is left unread is wanted in any case, and reading it shows the reset. */
  #isOverUnread({ isClosed }: TcpPeer): boolean {
    return isClosed && !this.#hasEnded && this.#role === 'application' && this.#socket.isPaused();
  }

  /**
   * What an application has left unread is wanted if it is whole: it has closed in order, or was reset behind its end (EPIPE).
   * After any other error some may be missing, and taking the error has made the rest look whole.
   */
  #lookUnread(nowMs: number, takeError: () => string | undefined): void {
    const error = takeError();
    const isWhole = this.#hasLeft || this.#hasFinished || error === undefined || error === 'EPIPE';
    const { stallTimeoutMs, lingerMs = 0 } = this.#options;
    if (!isWhole) this.#lose('gone', error ?? 'ECONNRESET');
    else if (nowMs - this.#movedMs >= stallTimeoutMs + lingerMs) this.#lose('stalled', 'ETIMEDOUT');
    else if (!this.#hasLeft) {
      this.#hasLeft = true;
      this.#owner.onPeerLeft();
    }
  }

  #isSilent({ unansweredProbes }: TcpPeer, nowMs: number): boolean {
    // It has nothing to say any more, and what it has said is still to be read.
    if (this.#hasFinished && !this.#hasEnded) return false;
    if (unansweredProbes === 0) {
      this.#silentSinceMs = undefined;
      return false;
    }
    this.#silentSinceMs ??= nowMs;
    const limitMs = this.#options.keepAliveMs + PROBES * this.#probeIntervalMs;
    return unansweredProbes >= PROBES && nowMs - this.#silentSinceMs >= limitMs;
  }

  #isStalled(peer: TcpPeer | undefined, nowMs: number): boolean {
    const { writableEnded, writableLength, bytesWritten } = this.#socket;
    const takenBytes = peer?.ackedBytes ?? bytesWritten - writableLength;
    const isWaiting = writableLength > 0 || peer?.isWaiting === true;
    const isBounded = this.#role === 'origin' ? writableEnded : this.#hasEnded;
    if (!isBounded || !isWaiting || takenBytes !== this.#takenBytes) {
      this.#takenBytes = takenBytes;
      this.#stalledSinceMs = undefined;
      return false;
    }
    this.#stalledSinceMs ??= this.#lookedMs;
    const patience = this.#role === 'origin' ? 1 : APPLICATION_PATIENCE;
    return nowMs - this.#stalledSinceMs >= patience * this.#options.stallTimeoutMs;
  }

  #isLongHalfClosed(nowMs: number): boolean {
    return this.#hasEnded && this.#role === 'application' && nowMs - this.#movedMs >= HALF_CLOSED_MS;
  }

  /**
   * A keep-alive of the other end is a segment that brings no payload and acknowledges nothing: its sequence number lies before
   * the window. So does that of a probe for room in a connection that is paused here.
   */
  #follow(peer: TcpPeer, nowMs: number): void {
    const last = this.#last;
    if (last === undefined || this.#hasEnded || this.#role === 'origin' || this.#socket.isPaused()) return;
    const cameNothing = peer.receivedBytes === last.receivedBytes;
    const cameNoAck = peer.lastAckReceivedMs >= nowMs - this.#lookedMs;
    if (peer.receivedSegments === last.receivedSegments || !cameNothing || !cameNoAck) return;
    const idleMs = nowMs - this.#movedMs;
    // What was read or written only after the keep-alive hides for how long it had been silent.
    if (idleMs === 0 || idleMs >= this.#followedMs * NEWS_SHARE) return;
    this.#followedMs = idleMs;
    this.#owner.onPeerKeepsAlive(idleMs);
  }

  #lose(reason: PeerLoss, code: string): void {
    // The kernel's own probes may have given up first.
    const isTimeout = reason === 'gone' && code === 'ETIMEDOUT' && this.#options.native !== undefined;
    this.#options.onLost?.(this.#role, isTimeout ? 'silent' : reason);
    const error: NodeJS.ErrnoException = new Error(`the other end is ${reason} (${code})`);
    error.code = code;
    this.#owner.onPeerLost(error);
  }
}
