import type { MemoryBudget } from '../memory-budget.ts';
import type { Now } from '../now.ts';
import type { SessionSteering, StreamSteering } from '../steering/session-steering.ts';
import type { SteeringPolicy } from '../steering/steering-policy.ts';
import { StateMachine, type TransitionTable } from '../transition-table.ts';
import { QueuePlace } from './queue-place.ts';
import { ReceiveStream } from './receive-stream.ts';
import type { WindowTuning } from './receive-window.ts';
import { SendStream } from './send-stream.ts';
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
  readonly policy: SteeringPolicy;
  /** How far this end may send before the peer says more. */
  readonly sendLimitDsn: number;
}

/** What the streams of one session share. */
export interface StreamContext {
  readonly now: Now;
  readonly tuning: { readonly window: WindowTuning; readonly pace: PaceTuning };
  /** What all receive windows of the session may promise together. */
  readonly memory: MemoryBudget;
  readonly steering: SessionSteering;
}

/** What DATA brought before OPEN; bounded by the first window, and by MAX_REORDER_ENTRIES in number. */
interface EarlyData {
  readonly pieces: Uint8Array[];
  isEnded: boolean;
}

/** One application connection: two halves, a steering policy, and its place among the streams that send. */
export class Stream {
  readonly id: number;
  readonly send: SendStream;
  readonly receive: ReceiveStream;
  readonly pace: StreamPace;
  readonly place: QueuePlace;
  readonly steering: StreamSteering;
  /** For whoever serves the stream once it is requested. */
  readonly early: EarlyData = { pieces: [], isEnded: false };
  /** The peer has reset it. What it had sent may still be taken. */
  isReset = false;
  readonly #phase: StateMachine<StreamPhase, PhaseEvent>;

  constructor({ id, phase, policy, sendLimitDsn }: StreamOptions, context: StreamContext) {
    this.id = id;
    this.send = new SendStream(id, sendLimitDsn);
    this.receive = new ReceiveStream(id, context.memory, context.now, context.tuning.window);
    this.pace = new StreamPace(context.now, context.tuning.pace);
    this.place = new QueuePlace(id);
    this.steering = context.steering.begin(policy, this.send);
    this.#phase = new StateMachine(`stream ${id}`, PHASE_TABLE, phase);
  }

  get phase(): StreamPhase {
    return this.#phase.state;
  }

  /** Whether it has a choice of uplinks of its own, other than all streams have by default. */
  get isSteered(): boolean {
    return this.steering.isSteered;
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
  }
}
