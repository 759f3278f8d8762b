import type { ControlFrame } from '../codec/frame.ts';
import { controlItem } from '../control/control-item.ts';
import { ERROR_CODE, type ErrorName } from '../errors.ts';
import { DEFAULT_MODE } from '../steering/modes.ts';
import { frameOfPolicy } from '../steering/policy-frame.ts';
import type { SteeringPolicy } from '../steering/steering-policy.ts';
import { Stream, type StreamContext, type StreamOptions } from '../stream/stream.ts';
import type { Backlog } from './backlog.ts';
import { type Embryos, MAX_EMBRYOS } from './embryos.ts';
import type { StreamTables } from './stream-tables.ts';
import type { Transmitter } from './transmitter.ts';

/** What the streams of a session share. */
export interface LiveStreamsContext extends StreamContext {
  readonly transmitter: Transmitter;
  readonly tables: StreamTables;
  readonly waiting: Backlog;
  readonly embryos: Embryos;
}

/** Makes the streams of a session, forgets them, and tells the peer of them. */
export class LiveStreams {
  readonly #context: LiveStreamsContext;

  constructor(context: LiveStreamsContext) {
    this.#context = context;
  }

  get(id: number): Stream | undefined {
    return this.#context.tables.get(id);
  }

  make(options: StreamOptions): Stream {
    const stream = new Stream(options, this.#context);
    this.#context.tables.of(stream.id).add(stream);
    return stream;
  }

  /**
   * The stream; one that the peer opens is made if this frame is the first that is seen of it.
   * @param frame DATA and STEERING may overtake OPEN and INBOUND
   * @returns undefined when it is closed already, or is one too many without OPEN
   */
  getOrMake(id: number, frame: 'open' | 'early'): Stream | undefined {
    const known = this.get(id);
    const { tables, embryos } = this.#context;
    if (known !== undefined || tables.of(id) !== tables.peers) return known;
    if (!tables.peers.claim(id)) return undefined;
    if (frame === 'early' && embryos.count >= MAX_EMBRYOS) {
      this.tellPeer({ type: 'reset', streamId: id, code: ERROR_CODE.resourceExceeded });
      return undefined;
    }
    const stream = this.make({ id, phase: 'embryonic', policy: { mode: DEFAULT_MODE }, sendLimitDsn: 0 });
    embryos.add(stream);
    return stream;
  }

  forgetIfDone(stream: Stream): void {
    if (stream.isDone) this.forget(stream);
    else if (stream.isSettled) this.#context.tables.of(stream.id).settle(stream);
  }

  forget(stream: Stream): void {
    const { tables, waiting, embryos, transmitter } = this.#context;
    waiting.forget(stream);
    embryos.delete(stream);
    stream.close();
    transmitter.refresh(stream);
    tables.of(stream.id).delete(stream.id);
  }

  /** Ends it, and tells the peer why. */
  reset(stream: Stream, error: ErrorName): void {
    if (!stream.isReset) this.tellPeer({ type: 'reset', streamId: stream.id, code: ERROR_CODE[error] });
    this.forget(stream);
  }

  /** Nobody receives what this end sends any more; what it has received is still to be taken. */
  stopSending(stream: Stream): void {
    this.#context.waiting.forget(stream);
    stream.send.reset();
    this.#context.transmitter.refresh(stream);
    this.forgetIfDone(stream);
  }

  tellPeer(frame: ControlFrame): void {
    this.#context.transmitter.control.push(controlItem(frame));
  }

  /** The peer's half of the stream follows the same policy. */
  tellPolicy(stream: Stream, policy: SteeringPolicy): void {
    const { steering } = stream;
    const generation = ++steering.generation;
    const frame = frameOfPolicy(policy, stream.id, generation);
    const isCurrent = () => generation === steering.generation && !stream.isDone;
    this.#context.transmitter.control.push(controlItem(frame, 2, isCurrent));
  }

  tellWindow({ id, receive }: Stream): void {
    const { window } = receive;
    const limit = window.limitDsn;
    const frame = { type: 'window', streamId: id, ack: window.consumedBytes, limit } as const;
    const isCurrent = () => window.limitDsn === limit && receive.state === 'open';
    this.#context.transmitter.control.push(controlItem(frame, 2, isCurrent));
  }
}
