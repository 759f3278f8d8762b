import type { Socket } from 'node:net';
import { PassingSet } from '../../protocol/passing-set.ts';
import type { MonotonicClock } from '../clock.ts';
import { type PeerOptions, type PeerRole, WatchedPeer, type WatchedSocket } from './watched-peer.ts';

export interface PeerWatchOptions extends PeerOptions {
  readonly clock: MonotonicClock;
}

/** Each connection is looked at this often: twice within the 10 s that eager applications have between keep-alives. */
const LOOK_INTERVAL_MS = 5_000;
/** Connections looked at in one go: a quarter of a millisecond. */
const LOOKS_AT_ONCE = 256;

/**
 * Looks after the other ends of all application sockets of a program, in turn: what they are told by the kernel is not
 * always noticed here. libuv does not poll a connection that is neither read nor written, as one is whose other end has
 * finished sending, or that back-pressure has paused.
 */
export class PeerWatch {
  readonly #options: PeerWatchOptions;
  readonly #peers = new PassingSet<WatchedPeer>();
  readonly #lookIntervalMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PeerWatchOptions) {
    this.#options = options;
    // Short times in the configuration want quick looks.
    this.#lookIntervalMs = Math.min(LOOK_INTERVAL_MS, options.keepAliveMs / 4, options.stallTimeoutMs / 4);
  }

  /** Watches a connection from now on, until it is forgotten. @param isTcp else the kernel cannot be asked of it */
  add(role: PeerRole, socket: Socket, owner: WatchedSocket, isTcp = true): WatchedPeer {
    const options = isTcp ? this.#options : { ...this.#options, native: undefined };
    const peer: WatchedPeer = new WatchedPeer(role, socket, owner, options);
    this.#peers.add(peer);
    this.#arm();
    return peer;
  }

  /** Its socket has closed. */
  forget(peer: WatchedPeer): void {
    this.#peers.delete(peer);
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#peers.size === 0) return;
    const share = Math.min(1, LOOKS_AT_ONCE / this.#peers.size);
    this.#timer = setTimeout(() => this.#look(), this.#lookIntervalMs * share);
    this.#timer.unref();
  }

  /** At those that were looked at longest ago: the first of the set. */
  #look(): void {
    this.#timer = undefined;
    const nowMs = this.#options.clock();
    let looks = Math.min(LOOKS_AT_ONCE, this.#peers.size);
    for (const peer of this.#peers) {
      if (looks-- === 0) break;
      this.#peers.delete(peer);
      this.#peers.add(peer);
      peer.look(nowMs);
    }
    this.#arm();
  }
}
