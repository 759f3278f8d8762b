import type { OutgoingPacket } from '../../shared/protocol/datagram/datagram-commands.ts';
import { MemoryBudget } from '../../shared/protocol/memory-budget.ts';
import type { SessionEvent } from '../../shared/protocol/session/events.ts';
import { FIRST_UPLOAD_WINDOW_BYTES, Session } from '../../shared/protocol/session/session.ts';
import { FLOOR_WINDOW_BYTES } from '../../shared/protocol/stream/receive-window.ts';
import { DelayRecord } from '../../shared/protocol/stream/stream-delays.ts';
import type { VirtualClock } from './clock.ts';
import { LentMemory } from './lent-memory.ts';
import type { Connection, Side } from './network.ts';
import type { Random } from './random.ts';
import type { Trace } from './trace.ts';

export interface EndOptions {
  readonly side: Side;
  readonly maxStreams: number;
  readonly lingerMs: number;
  readonly memoryBytes: number;
  /** Inputs wait up to this long for the session, and timers are late by as much: a busy event loop, or one that waits for a processor. */
  readonly lagMs: number;
  /** Whether the session hears the kernel's figures. */
  readonly measures: boolean;
  /** How often it does. */
  readonly measureIntervalMs: number;
}

/** More rounds than this after one input would be a livelock. */
const MAX_ROUNDS = 10_000;

/** Drives one session as the runtime does: inputs, then flush, outputs, events, one timer. */
export class End {
  readonly side: Side;
  readonly session: Session;
  readonly memory: MemoryBudget;
  readonly delays = new DelayRecord();
  /** What the program around the session does with its events. */
  onEvent: (event: SessionEvent) => void = () => {};
  /** Takes the packets of the datagram plane. */
  onPackets: (packets: readonly OutgoingPacket[]) => void = () => {};
  /** Who gets the datagrams of a flow. */
  readonly onDatagram = new Map<number, (payload: Uint8Array) => void>();
  closedBecause: string | undefined;
  closedAtMs: number | undefined;
  /** Frames' bytes handed to transports. */
  writtenBytes = 0;
  /** Times at which it had something to do: as often a program wakes up for its session. */
  wakes = 0;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #trace: Trace;
  readonly #options: EndOptions;
  readonly #connections = new Map<number, Connection>();
  readonly #lent = new LentMemory();
  /** What has arrived while the event loop is late. */
  #waiting: (() => void)[] = [];
  #pumpArmed = false;
  #pumpedAtMs = Number.NEGATIVE_INFINITY;
  #timerForMs = Number.POSITIVE_INFINITY;
  #timerGeneration = 0;

  constructor(clock: VirtualClock, random: Random, trace: Trace, options: EndOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#trace = trace;
    this.#options = options;
    this.side = options.side;
    this.memory = new MemoryBudget(options.memoryBytes);
    this.session = new Session({
      role: options.side,
      maxStreams: options.maxStreams,
      firstWindowBytes: FIRST_UPLOAD_WINDOW_BYTES,
      lingerMs: options.lingerMs,
      memory: this.memory,
      nowMs: clock.nowMs,
      delays: this.delays,
    });
    this.wake();
  }

  connectionOf(subflowId: number): Connection | undefined {
    return this.#connections.get(subflowId);
  }

  get subflowIds(): readonly number[] {
    return [...this.#connections.keys()];
  }

  /** The handshake on a connection is done here. */
  addSubflow(id: number, connection: Connection): void {
    const { session, side } = this;
    if (session.isClosed) {
      connection.close(side, 'end');
      return;
    }
    this.#connections.set(id, connection);
    const { name, isBackup, congestionControl } = connection.uplink.shape;
    this.input(({ subflows }) => subflows.add({ id, uplinkName: name, isBackup, congestionControl }));
    connection.outward[side].onRoom = () =>
      this.#arrive(() => {
        this.input(({ subflows }) => subflows.setWritable(id, true));
      });
    connection.inward(side).onBytes = (bytes) =>
      this.#arrive(() => {
        if (!this.#connections.has(id)) return;
        this.input((session) => session.receive(id, this.#lent.lend(bytes)));
      });
    connection.onClosed[side] = () =>
      this.#arrive(() => {
        this.#connections.delete(id);
        this.input(({ subflows }) => subflows.remove(id));
      });
    if (this.#options.measures) this.#measure(id, connection);
    this.wake();
  }

  /** The program around the session gives a subflow up. */
  removeSubflow(id: number): void {
    if (!this.#connections.has(id)) return;
    this.input(({ subflows }) => subflows.remove(id));
    this.#closeTransport(id);
    this.wake();
  }

  /** An input of the session, at the time it is now. */
  input<Result>(work: (session: Session) => Result): Result {
    this.session.advance(this.#clock.nowMs);
    return work(this.session);
  }

  /** Something was put into the session. */
  wake(): void {
    if (this.#pumpArmed) return;
    this.#pumpArmed = true;
    this.#clock.after(this.#lagMs(), () => {
      this.#pumpArmed = false;
      this.#pump();
    });
  }

  /** The network has something for the session, which takes it in its next turn. */
  #arrive(input: () => void): void {
    if (this.#options.lagMs === 0) input();
    else this.#waiting.push(input);
    this.wake();
  }

  #lagMs(): number {
    return this.#options.lagMs === 0 ? 0 : this.#random.between(0, this.#options.lagMs);
  }

  #pump(): void {
    const { session } = this;
    if (this.#clock.nowMs > this.#pumpedAtMs) this.wakes++;
    this.#pumpedAtMs = this.#clock.nowMs;
    const arrived = this.#waiting;
    this.#waiting = [];
    for (const input of arrived) input();
    for (let rounds = 0; ; rounds++) {
      if (rounds > MAX_ROUNDS) throw new Error(`${this.side}: the session never comes to rest`);
      session.advance(this.#clock.nowMs);
      session.flush();
      this.#writeOutputs();
      this.onPackets(session.datagrams.takePackets());
      if (!this.#drainEvents()) break;
    }
    this.#checkBounds();
    this.#armTimer();
  }

  #writeOutputs(): void {
    for (const [id, connection] of this.#connections) {
      const buffers = this.session.subflows.takeOutput(id);
      if (buffers.length === 0) continue;
      let length = 0;
      for (const buffer of buffers) length += buffer.length;
      this.writtenBytes += length;
      this.#trace.note(this.#clock.nowMs, this.side, 'write', id, length);
      connection.outward[this.side].write(buffers);
    }
  }

  #drainEvents(): boolean {
    let hadAny = false;
    for (let event = this.session.nextEvent(); event !== undefined; event = this.session.nextEvent()) {
      hadAny = true;
      const size = event.type === 'stream-data' ? event.chunk.bytes.length : 0;
      const id = 'streamId' in event ? event.streamId : 'subflowId' in event ? event.subflowId : -1;
      this.#trace.note(this.#clock.nowMs, this.side, event.type, id, size);
      if (event.type === 'subflow-close') this.#closeTransport(event.subflowId);
      if (event.type === 'session-closed') this.#onClosed(event.error);
      if (event.type === 'datagram') this.onDatagram.get(event.flowId)?.(event.payload);
      this.onEvent(event);
      if (event.type === 'stream-data') event.chunk.release();
    }
    this.#lent.checkAllBack();
    return hadAny;
  }

  #closeTransport(id: number): void {
    const connection = this.#connections.get(id);
    this.#connections.delete(id);
    connection?.close(this.side, this.#random.chance(0.5) ? 'end' : 'abort');
  }

  #onClosed(error: string): void {
    this.closedBecause = error;
    this.closedAtMs = this.#clock.nowMs;
    this.#writeOutputs();
    for (const connection of this.#connections.values()) connection.close(this.side, 'end');
    this.#connections.clear();
  }

  #armTimer(): void {
    const { deadlineMs } = this.session;
    const { nowMs } = this.#clock;
    if (deadlineMs <= nowMs) {
      throw new Error(`${this.side}: after a flush the deadline is not in the future (a timer would spin)`);
    }
    if (deadlineMs === this.#timerForMs) return;
    this.#timerForMs = deadlineMs;
    const generation = ++this.#timerGeneration;
    if (deadlineMs === Number.POSITIVE_INFINITY) return;
    this.#clock.at(deadlineMs + this.#lagMs(), () => {
      if (generation !== this.#timerGeneration) return;
      this.#timerForMs = Number.POSITIVE_INFINITY;
      this.#pump();
    });
  }

  #measure(id: number, connection: Connection): void {
    this.#clock.after(this.#options.measureIntervalMs, () => {
      if (this.#connections.get(id) !== connection) return;
      this.input(({ subflows }) => subflows.measured(id, connection.measure(this.side)));
      this.#measure(id, connection);
    });
  }

  #checkBounds(): void {
    const { memory, session } = this;
    const most = this.#options.memoryBytes + session.streams.count * FLOOR_WINDOW_BYTES;
    if (memory.usedBytes > most) {
      throw new Error(`${this.side}: windows promise ${memory.usedBytes} bytes of ${most}`);
    }
    if (memory.usedBytes < 0) throw new Error(`${this.side}: more window memory given back than taken`);
    const { reorderBytes } = session.streams;
    if (reorderBytes > memory.usedBytes) {
      throw new Error(
        `${this.side}: ${reorderBytes} bytes wait for reordering, promised ${memory.usedBytes}`,
      );
    }
  }
}
