import { type ControlFrame, encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { FIRST_UPLOAD_WINDOW_BYTES, Session } from '../../../shared/protocol/session/session.ts';
import { frameOfPolicy } from '../../../shared/protocol/steering/policy-frame.ts';
import type { SteeringPolicy } from '../../../shared/protocol/steering/steering-policy.ts';
import { CountingChunk } from '../support.ts';
import { openFrame } from './session-bed.ts';

export const SUBFLOWS = 32;
export const uplinkName = (id: number) => `u${id}`;

/** A session with as many subflows as it may have, each of an uplink of its own, and a peer that says what it likes. */
export class ManySubflows {
  readonly session: Session;
  /** Streams that have failed. */
  readonly failed: number[] = [];
  nowMs = 0;

  constructor(maxStreams: number, role: 'client' | 'concentrator' = 'concentrator') {
    this.session = new Session({
      role,
      maxStreams,
      firstWindowBytes: role === 'client' ? FIRST_UPLOAD_WINDOW_BYTES : 0,
      lingerMs: 60_000,
      memory: new MemoryBudget(Number.MAX_SAFE_INTEGER),
      nowMs: 0,
    });
    for (let id = 0; id < SUBFLOWS; id++) {
      this.session.subflows.add({ id, uplinkName: uplinkName(id), isBackup: false });
    }
  }

  /** The peer sends frames. */
  hear(frames: readonly ControlFrame[], subflowId = 0): void {
    this.session.advance(this.nowMs);
    this.session.receive(subflowId, new OwnBytes(Buffer.concat(frames.map((frame) => encodeControl(frame)))));
    this.#drainEvents();
  }

  /** One turn; all transports have taken what there was. @returns bytes that were written */
  turn(): number {
    this.session.advance(this.nowMs);
    this.session.flush();
    this.#drainEvents();
    let bytes = 0;
    for (let id = 0; id < SUBFLOWS; id++) {
      const output = this.session.subflows.takeOutput(id);
      if (output.length === 0) continue;
      for (const buffer of output) bytes += buffer.length;
      this.session.subflows.setWritable(id, true);
    }
    return bytes;
  }

  /** A millisecond later, if the session wants a turn by then. */
  goOn(): boolean {
    const nextMs = this.nowMs + 1;
    if (this.session.deadlineMs > nextMs) return false;
    this.nowMs = nextMs;
    return true;
  }

  /** Turns until nothing leaves any more. */
  settle(): void {
    while (this.turn() > 0);
  }

  /** Opens streams with policies of their own, and writes a byte to each. */
  openStreams(count: number, policyOf: (id: number) => SteeringPolicy): void {
    for (let id = 0; id < count; id++) {
      this.hear([openFrame(id), frameOfPolicy(policyOf(id), id, 1)]);
      this.session.streams.accept(id);
    }
    for (let id = 0; id < count; id++) this.session.streams.write(id, new CountingChunk(new Uint8Array(1)));
  }

  #drainEvents(): void {
    for (let event = this.session.nextEvent(); event !== undefined; event = this.session.nextEvent()) {
      if (event.type === 'stream-failed') this.failed.push(event.streamId);
    }
  }
}
