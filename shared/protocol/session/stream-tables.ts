import { FIRST_INBOUND_STREAM } from '../codec/wire.ts';
import type { Stream } from '../stream/stream.ts';
import { StreamTable } from './stream-table.ts';

/**
 * All streams of a session: those that the client opens, and those that the concentrator opens for visitors (inbound streams, SPEC.md
 * section 6). Each kind has ids and a bound of its own, so that neither takes the other's room.
 */
export class StreamTables {
  /** Of the streams that this end opens. */
  readonly own: StreamTable;
  /** Of those that the peer opens. */
  readonly peers: StreamTable;
  readonly #outbound: StreamTable;
  readonly #inbound: StreamTable;

  constructor(role: 'client' | 'concentrator', maxStreams: number) {
    this.#outbound = new StreamTable(maxStreams);
    this.#inbound = new StreamTable(maxStreams, FIRST_INBOUND_STREAM);
    this.own = role === 'client' ? this.#outbound : this.#inbound;
    this.peers = role === 'client' ? this.#inbound : this.#outbound;
  }

  get size(): number {
    return this.own.size + this.peers.size;
  }

  /** The table that an id belongs to, whether it is in use or not. */
  of(id: number): StreamTable {
    return id < FIRST_INBOUND_STREAM ? this.#outbound : this.#inbound;
  }

  get(id: number): Stream | undefined {
    return this.of(id).get(id);
  }

  *all(): IterableIterator<Stream> {
    yield* this.own.all();
    yield* this.peers.all();
  }
}
