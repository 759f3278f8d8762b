import { STREAM_BYTES } from '../memory/footprint.ts';
import { GatheredBytes } from '../memory/gathered-bytes.ts';
import { KEPT_SHARE, type MemoryBudget } from '../memory-budget.ts';
import type { Now } from '../now.ts';
import type { SessionSteering, StreamSteering } from '../steering/session-steering.ts';
import type { StreamPolicy } from '../steering/steering-policy.ts';
import { StateMachine, type TransitionTable } from '../transition-table.ts';
import { CarriedByUplink } from '../uplink/carried-bytes.ts';
import { QueuePlace } from './queue-place.ts';
import { ReceiveStream } from './receive-stream.ts';
import { FLOOR_WINDOW_BYTES, type WindowTuning } from './receive-window.ts';
import { type SendMemory, SendStream } from './send-stream.ts';
import { type DelayRecord, StreamDelays } from './stream-delays.ts';
import { type PaceTuning, StreamPace } from './stream-pace.ts';

/** How far the opening of a stream has come, SPEC.md section 6. */
export type StreamPhase = 'opening' | 'embryonic' | 'dialling' | 'open';
type PhaseEvent = 'openReceived' | 'accepted' | 'opened';

const PHASE_TABLE: TransitionTable<StreamPhase, PhaseEvent> = {
  opening: { opened: 'open' },
  embryonic: { openReceived: 'dialling' },
  dialling: { accepted: 'open' },
  open: {},
};

export interface StreamOptions {
  readonly id: number;
  readonly phase: 'opening' | 'embryonic';
  readonly policy: StreamPolicy;
  /** How far this end may send before the peer says more. */
  readonly sendLimitDsn: number;
}

/** What the streams of one session share. */
export interface StreamContext extends SendMemory {
  readonly now: Now;
  readonly tuning: { readonly window: WindowTuning; readonly pace: PaceTuning };
  readonly steering: SessionSteering;
  /** Where it is counted how long bytes wait. */
  readonly delays: DelayRecord;
}

/** What DATA brought before OPEN; bounded by the first window, and for all streams of a session by `Embryos`. */
interface EarlyData {
  readonly bytes: GatheredBytes;
  isEnded: boolean;
}

/**
 * Whether there is memory for another stream: for itself and the floor of its window. Idle streams alone must never fill it, since
 * nothing would be read from any application then, and no stream end.
 */
export function hasRoomForStream(memory: MemoryBudget): boolean {
  return (
    memory.hasRoomToLast(STREAM_BYTES) && memory.freeBytes(KEPT_SHARE) >= STREAM_BYTES + FLOOR_WINDOW_BYTES
  );
}

/** One application connection: two halves, a steering policy, and its place among the streams that send. */
export class Stream {
  readonly id: number;
  readonly send: SendStream;
  readonly receive: ReceiveStream;
  readonly pace: StreamPace;
  readonly place: QueuePlace;
  readonly steering: StreamSteering;
  readonly carried = new CarriedByUplink();
  readonly delays: StreamDelays;
  /** For whoever serves the stream once it is requested. */
  readonly early: EarlyData = { bytes: new GatheredBytes(), isEnded: false };
  /** The peer has reset it. What it had sent may still be taken. */
  isReset = false;
  readonly #memory: MemoryBudget;
  readonly #phase: StateMachine<StreamPhase, PhaseEvent>;

  constructor({ id, phase, policy, sendLimitDsn }: StreamOptions, context: StreamContext) {
    this.id = id;
    this.#memory = context.memory;
    this.#memory.takeLasting(STREAM_BYTES);
    this.send = new SendStream(id, sendLimitDsn, context);
    this.receive = new ReceiveStream(id, context.memory, context.now, context.tuning.window);
    this.pace = new StreamPace(context.now, context.tuning.pace);
    this.place = new QueuePlace(id);
    this.delays = new StreamDelays(context.now, context.delays);
    this.steering = context.steering.begin(policy, this.send);
    this.#phase = new StateMachine('stream', id, PHASE_TABLE, phase);
  }

  get phase(): StreamPhase {
    return this.#phase.state;
  }

  /** Whether it has a choice of uplinks of its own, other than all streams have by default. */
  get isSteered(): boolean {
    return this.steering.isSteered;
  }

  /** As `SharedPolicy.spreadsOverAll`. */
  get spreadsOverAll(): boolean {
    return this.steering.shared.spreadsOverAll;
  }

  get isDone(): boolean {
    return this.send.state === 'done' && this.receive.state === 'done';
  }

  /** All has gone and come; what has come is still to be taken. */
  get isSettled(): boolean {
    return this.send.isDone && this.receive.hasToldEnd;
  }

  /** @throws MisuseError for an event that the phase has no answer to */
  advance(event: PhaseEvent): void {
    this.#phase.apply(event);
  }

  /** Ends both halves at once and gives back all that the stream holds; called once, also on one that is done. */
  close(): void {
    this.send.reset();
    this.receive.reset();
    this.steering.end();
    this.#memory.giveLasting(STREAM_BYTES);
  }
}
