import type { Socket } from 'node:net';
import type { Visitor } from '../admission/fair-places.ts';
import type { Arrival } from './arrivals.ts';
import { HelloHead } from './hello-head.ts';

/** What a connection waits for before it is a subflow: its first byte, its turn for TLS, the end of the TLS handshake. */
export type HandshakeStage = 'silent' | 'line' | 'tls';

/** A connection on its way to becoming a subflow. */
export class PendingHandshake {
  readonly visitor: Visitor;
  readonly remote: string;
  readonly startedMs: number;
  /** Undefined once it is a subflow, or has failed. */
  stage: HandshakeStage | undefined;
  timer: NodeJS.Timeout | undefined;
  /** What was read from it, where another process is to go on with it. */
  readonly head = new HelloHead();
  /** How its TLS socket finds it; empty before TLS. */
  key = '';
  readonly #arrival: Arrival;
  #socket: Socket | undefined;

  constructor(arrival: Arrival, remote: string, visitor: Visitor, startedMs: number) {
    this.#arrival = arrival;
    this.remote = remote;
    this.visitor = visitor;
    this.startedMs = startedMs;
  }

  /** A load balancer passes it on. */
  get isProxied(): boolean {
    return this.#arrival.isProxied ?? false;
  }

  open(): Socket {
    this.#socket ??= this.#arrival.open();
    return this.#socket;
  }

  /** Ends the connection. Before TLS with RST: what the kernel keeps of an orderly end adds up in a flood. */
  end(): void {
    if (this.#socket === undefined) this.#arrival.refuse();
    else if (this.stage === 'tls') this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }
}
