import { type ControlFrame, encodeControl, writeDataHeader } from '../../../shared/protocol/codec/frame.ts';
import { FrameParser } from '../../../shared/protocol/codec/frame-parser.ts';
import { DATA_HEADER_BYTES, FIRST_INBOUND_STREAM } from '../../../shared/protocol/codec/wire.ts';
import { type Chunk, OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import type { SessionEvent } from '../../../shared/protocol/session/events.ts';
import { FIRST_UPLOAD_WINDOW_BYTES, Session } from '../../../shared/protocol/session/session.ts';
import type { Visit } from '../../../shared/protocol/session/stream-commands.ts';
import { type Parsed, RecordingSink } from '../support.ts';

export const MAX_STREAMS = 4;
export const LINGER_MS = 60_000;
const ROOMY = 1024 * 1024 * 1024;

/** One real session; the test is its peer and writes and reads frames on its subflows. */
export class SessionBed {
  readonly budget: MemoryBudget;
  readonly session: Session;
  readonly #sinks = new Map<number, { parser: FrameParser; sink: RecordingSink }>();
  nowMs = 0;

  constructor(
    role: 'client' | 'concentrator',
    subflowIds: readonly number[] = [0],
    { memoryBytes = ROOMY, maxStreams = MAX_STREAMS } = {},
  ) {
    this.budget = new MemoryBudget(memoryBytes);
    this.session = new Session({
      role,
      maxStreams,
      firstWindowBytes: FIRST_UPLOAD_WINDOW_BYTES,
      lingerMs: LINGER_MS,
      memory: this.budget,
      nowMs: 0,
    });
    for (const id of subflowIds) this.addSubflow(id);
  }

  /** The session, for an input at this time. */
  at(nowMs: number): Session {
    this.session.advance(nowMs);
    return this.session;
  }

  addSubflow(id: number): void {
    this.at(this.nowMs).subflows.add({ id, uplinkName: `uplink${id}`, isBackup: false });
    this.#sinks.set(id, { parser: new FrameParser(), sink: new RecordingSink() });
  }

  /** What `stream-data` has brought; the other events are dropped. */
  data(): Chunk[] {
    return this.events().flatMap((event) => (event.type === 'stream-data' ? [event.chunk] : []));
  }

  /** The peer sends frames on a subflow. */
  receive(frames: readonly Uint8Array[] | Uint8Array, subflowId = 0): void {
    const bytes = frames instanceof Uint8Array ? frames : Buffer.concat(frames);
    this.at(this.nowMs).receive(subflowId, new OwnBytes(bytes));
  }

  control(frame: ControlFrame, subflowId = 0): void {
    this.receive(encodeControl(frame), subflowId);
  }

  /** What the session has to say now, oldest first. */
  events(): SessionEvent[] {
    const events: SessionEvent[] = [];
    for (let event = this.session.nextEvent(); event !== undefined; event = this.session.nextEvent()) {
      events.push(event);
    }
    return events;
  }

  eventTypes(): string[] {
    return this.events().map(({ type }) => type);
  }

  /** What the session writes to a subflow when it is flushed now; the transport is free again afterwards. */
  sent(subflowId = 0): Parsed[] {
    this.at(this.nowMs).flush();
    const { parser, sink } = this.#sinks.get(subflowId)!;
    sink.parsed.length = 0;
    for (const buffer of this.session.subflows.takeOutput(subflowId)) parser.push(buffer, sink);
    this.session.subflows.setWritable(subflowId, true);
    return sink.parsed;
  }

  /** Only the control frames of `sent`. */
  sentControl(subflowId = 0): ControlFrame[] {
    return this.sent(subflowId).flatMap((item) => (item.kind === 'control' ? [item.frame] : []));
  }

  /** At a concentrator: the client has opened a stream, and the origin is connected. */
  openStream(streamId: number, limit = 1_000_000): void {
    this.control(openFrame(streamId, limit));
    this.session.streams.accept(streamId);
    this.events();
    this.sent();
  }
}

export function openFrame(streamId: number, limit = 1_000_000): ControlFrame {
  return { type: 'open', streamId, limit, mode: 0, host: 'origin.example', port: 80 };
}

/** What a visitor from 203.0.113.9 comes with, to the first publication. */
export const VISIT: Visit = {
  slot: 0,
  generation: 1,
  visitor: Uint8Array.of(203, 0, 113, 9),
  local: Uint8Array.of(198, 51, 100, 7),
  visitorPort: 50_000,
  localPort: 443,
};

/** The INBOUND that opens the stream of this number, counted from 0. */
export function inboundFrame(number: number, limit = 1_000_000): ControlFrame {
  return { type: 'inbound', streamId: FIRST_INBOUND_STREAM + number, limit, ...VISIT };
}

export function publishFrame(slot: number, generation: number, withdrawn = false): ControlFrame {
  return { type: 'publish', slot, generation, withdrawn, once: false, port: 443, host: '*' };
}

export function publishedFrame(slot: number, generation: number, answer: number): ControlFrame {
  return { type: 'published', slot, generation, answer, ok: true, port: 443, code: 0, text: '*' };
}

export function dataFrame(streamId: number, dsn: number, payload: Uint8Array, fin = false): Uint8Array {
  const frame = new Uint8Array(DATA_HEADER_BYTES + payload.length);
  writeDataHeader(frame, 0, streamId, dsn, payload.length, fin);
  frame.set(payload, DATA_HEADER_BYTES);
  return frame;
}
