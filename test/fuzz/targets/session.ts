import { encodeControl, encodeFrame } from '../../../shared/protocol/codec/frame.ts';
import { FrameParser, type FrameSink } from '../../../shared/protocol/codec/frame-parser.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { Session } from '../../../shared/protocol/session/session.ts';
import { FLOOR_WINDOW_BYTES } from '../../../shared/protocol/stream/receive-window.ts';
import { LentChunk } from '../../protocol/lent-chunk.ts';
import { type FuzzTarget, promise } from '../fuzz-target.ts';
import { InputReader } from '../input-reader.ts';
import { anyFrame, anyLimit, anyType, dataFrame, MAX_SUBFLOWS, UPLINKS } from './any-frame.ts';

const MEMORY_BYTES = 4 * 1024 * 1024;
const MAX_STREAMS = 8;
const MAX_ROUNDS = 100;

/**
 * One end of a session, and a peer that sends any frames in any order, while subflows come and go and applications write, end and
 * reset. Nothing is thrown, what is sent are frames, memory is bounded and comes back when the session is over.
 */
export const session: FuzzTarget = {
  name: 'session',
  maxBytes: 2_048,
  seeds: () => [
    // A concentrator: a subflow, OPEN, DATA, FIN; accepted, answered.
    Uint8Array.of(
      0,
      1,
      0,
      3,
      0,
      0,
      20,
      80,
      0,
      1,
      97,
      4,
      0,
      0,
      0,
      5,
      1,
      2,
      3,
      4,
      5,
      8,
      0,
      9,
      0,
      200,
      12,
      7,
      10,
      0,
    ),
    // A client: two subflows, open, OPENED, write.
    Uint8Array.of(1, 1, 0, 1, 1, 7, 9, 0, 50, 5, 0, 1, 200, 0, 12, 20, 9, 0, 99, 10, 0),
  ],
  run(input) {
    const reader = new InputReader(input);
    const run = new SessionRun(reader.u8() % 2 === 0 ? 'concentrator' : 'client');
    while (!reader.isOver) run.step(reader);
    run.end();
  },
};

/** One session, driven by an input. */
class SessionRun {
  readonly #session: Session;
  readonly #isClient: boolean;
  readonly #memory = new MemoryBudget(MEMORY_BYTES);
  readonly #parsers = new Map<number, FrameParser>();
  readonly #streams: number[] = [];
  /** Those that may be written to: open, at the concentrator accepted, and not ended. */
  readonly #writable = new Set<number>();
  /** At the concentrator, those that wait for an answer. */
  readonly #requested = new Set<number>();
  #lent: LentChunk[] = [];
  #nowMs = 0;
  #nextSubflowId = 0;

  constructor(role: 'client' | 'concentrator') {
    this.#isClient = role === 'client';
    this.#session = new Session({
      role,
      maxStreams: MAX_STREAMS,
      firstWindowBytes: FLOOR_WINDOW_BYTES,
      lingerMs: 1_000,
      memory: this.#memory,
      nowMs: 0,
    });
  }

  step(reader: InputReader): void {
    const session = this.#session;
    session.advance(this.#nowMs);
    this.#act(reader);
    for (let rounds = 0; this.#settle(); rounds++) promise(rounds < MAX_ROUNDS, 'it never comes to rest');
    const most = MEMORY_BYTES + 2 * MAX_STREAMS * FLOOR_WINDOW_BYTES;
    promise(this.#memory.usedBytes <= most, `${this.#memory.usedBytes} bytes are promised`);
    promise(this.#memory.usedBytes >= 0, 'more memory was given back than taken');
    promise(
      session.isClosed || session.deadlineMs > this.#nowMs,
      'the deadline is in the past: a timer would spin',
    );
  }

  end(): void {
    this.#session.advance(this.#nowMs);
    this.#session.close('goingAway');
    this.#settle();
    promise(this.#memory.usedBytes === 0, `${this.#memory.usedBytes} bytes are still promised at the end`);
  }

  #act(reader: InputReader): void {
    const { streams, subflows, uplinks } = this.#session;
    const id = () => reader.u8() % MAX_SUBFLOWS;
    const stream = () => this.#streams[reader.u8() % Math.max(1, this.#streams.length)] ?? reader.number();
    switch (reader.u8() % 18) {
      case 0:
        this.#receive(id(), reader.short());
        return;
      case 1:
        this.#addSubflow(reader);
        return;
      case 2:
        this.#parsers.delete(this.#known(id()));
        subflows.remove(this.#known(id()));
        return;
      case 3:
        this.#receive(id(), encodeControl(anyFrame(reader)));
        return;
      case 4:
        this.#receive(id(), dataFrame(reader));
        return;
      case 5:
        this.#receive(id(), encodeFrame(anyType(reader), reader.u8(), reader.short()));
        return;
      case 6:
        if (this.#isClient && streams.cannotOpen === undefined) this.#open();
        return;
      case 7: {
        const id = stream();
        if (!this.#requested.delete(id)) return;
        streams.accept(id);
        this.#writable.add(id);
        return;
      }
      case 8: {
        const id = stream();
        if (this.#requested.delete(id)) streams.refuse(id, 'connectionRefused');
        return;
      }
      case 9: {
        const id = stream();
        if (this.#writable.has(id)) streams.write(id, new OwnBytes(new Uint8Array(1 + reader.u16())));
        return;
      }
      case 10: {
        const id = stream();
        if (this.#writable.delete(id)) streams.end(id);
        return;
      }
      case 11:
        this.#reset(stream());
        return;
      case 12:
        this.#nowMs += reader.u8();
        return;
      case 13:
        this.#nowMs += 16 * reader.u16();
        return;
      case 14:
        subflows.setWritable(this.#known(id()), reader.u8() % 2 === 0);
        return;
      case 15:
        subflows.doubt(this.#known(id()), 'told so');
        return;
      case 16:
        if (this.#isClient) uplinks.limitRate(UPLINKS[reader.u8() % 2]!, anyLimit(reader));
        return;
      default:
        this.#session.goAway('goingAway');
    }
  }

  #open(): void {
    const id = this.#session.streams.open({ host: 'o.example', port: 80 }, { mode: 'aggregate' });
    this.#streams.push(id);
    this.#writable.add(id);
  }

  #reset(id: number): void {
    this.#writable.delete(id);
    this.#requested.delete(id);
    this.#session.streams.reset(id, 'cancelled');
  }

  #addSubflow(reader: InputReader): void {
    if (this.#session.isClosed || this.#parsers.size >= MAX_SUBFLOWS) return;
    const id = this.#isClient ? this.#session.subflows.allocateId() : this.#nextSubflowId++;
    const kind = reader.u8();
    const uplinkName = UPLINKS[kind % 2]!;
    const congestionControl = (kind & 4) === 0 ? 'bbr' : 'cubic';
    this.#session.subflows.add({ id, uplinkName, isBackup: (kind & 2) !== 0, congestionControl });
    this.#parsers.set(id, new FrameParser());
  }

  /** The id of a subflow that is there, if there is one. */
  #known(index: number): number {
    const ids = [...this.#parsers.keys()];
    return ids[index % Math.max(1, ids.length)] ?? index;
  }

  #receive(index: number, bytes: Uint8Array): void {
    const chunk = new LentChunk(bytes);
    this.#lent.push(chunk);
    this.#session.receive(this.#known(index), chunk);
  }

  /** @returns whether anything came of it */
  #settle(): boolean {
    const session = this.#session;
    session.advance(this.#nowMs);
    session.flush();
    for (const [id, parser] of this.#parsers) {
      for (const bytes of session.subflows.takeOutput(id)) parser.push(bytes, IGNORE);
      session.subflows.setWritable(id, true);
    }
    let hadAny = false;
    for (let event = session.nextEvent(); event !== undefined; event = session.nextEvent()) {
      hadAny = true;
      if (event.type === 'stream-requested') {
        this.#streams.push(event.streamId);
        this.#requested.add(event.streamId);
      }
      if (event.type === 'stream-failed') {
        this.#writable.delete(event.streamId);
        this.#requested.delete(event.streamId);
      }
      if (event.type === 'subflow-close') this.#parsers.delete(event.subflowId);
      if (event.type === 'stream-data') {
        session.streams.consumed(event.streamId, event.chunk.bytes.length);
        event.chunk.release();
      }
    }
    promise(
      this.#lent.every(({ isBack }) => isBack),
      'received memory is kept',
    );
    this.#lent = [];
    return hadAny;
  }
}

const IGNORE: FrameSink = { onData() {}, onControl() {} };
