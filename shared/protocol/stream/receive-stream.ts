import { ProtocolViolation } from '../errors.ts';
import type { Chunk, ReceivedChunk } from '../memory/chunk.ts';
import { PIECE_BYTES } from '../memory/footprint.ts';
import type { MemoryBudget } from '../memory-budget.ts';
import type { Now } from '../now.ts';
import { StateMachine } from '../transition-table.ts';
import { type HalfState, RECEIVE_TABLE, type ReceiveEvent } from './half-state.ts';
import { ReceiveAccount } from './receive-account.ts';
import { ReceiveWindow, type WindowTuning } from './receive-window.ts';
import { ReorderBuffer } from './reorder-buffer.ts';

/** The receiving half of a stream: reassembly, the window, and the end. */
export class ReceiveStream {
  readonly window: ReceiveWindow;
  readonly #account: ReceiveAccount;
  readonly #id: number;
  readonly #state: StateMachine<HalfState, ReceiveEvent>;
  readonly #reorder = new ReorderBuffer();
  #finDsn: number | undefined;
  #highestDsn = 0;
  #endTold = false;

  constructor(id: number, budget: MemoryBudget, now: Now, tuning: WindowTuning) {
    this.#id = id;
    this.#account = new ReceiveAccount(budget);
    this.window = new ReceiveWindow(this.#account, now, tuning);
    this.#state = new StateMachine('receiving half of stream', id, RECEIVE_TABLE, 'open');
  }

  get state(): HalfState {
    return this.#state.state;
  }

  get bufferedBytes(): number {
    return this.#reorder.bufferedBytes;
  }

  /** DSN of the next byte to be handed on. */
  get nextDsn(): number {
    return this.#reorder.nextDsn;
  }

  /** Everything has come, up to the end, and was handed on. */
  get hasToldEnd(): boolean {
    return this.#endTold;
  }

  /**
   * Takes a piece of a DATA frame, which is a part of `chunk`.
   * @returns the bytes that can be handed on now, in order
   * @throws ProtocolViolation past the limit, past a FIN, or for a FIN that contradicts another
   */
  receive(dsn: number, bytes: Uint8Array, fin: boolean, chunk: ReceivedChunk): readonly Chunk[] {
    if (this.state === 'done') return [];
    const end = dsn + bytes.length;
    if (end > this.window.limitDsn) {
      throw new ProtocolViolation(`stream ${this.#id}: DATA past the window`, 'flowControlViolation');
    }
    if (this.#finDsn !== undefined && end > this.#finDsn) {
      throw new ProtocolViolation(`stream ${this.#id}: DATA past FIN`);
    }
    this.#highestDsn = Math.max(this.#highestDsn, end);
    if (fin) this.#noteFin(end);
    return this.#reorder.insert(dsn, bytes, chunk);
  }

  /**
   * Takes memory for what is kept now: bytes that wait for a hole to be filled, piece by piece, and those that were handed on
   * and are not consumed; who has them keeps them in few pieces.
   * @returns false when there is none: the stream must end
   */
  takeMemory(): boolean {
    if (this.state === 'done') return true;
    const handedOnBytes = this.#reorder.nextDsn - this.window.consumedBytes;
    const waitingBytes = this.#reorder.bufferedBytes + this.#reorder.entryCount * PIECE_BYTES;
    return this.#account.keep(handedOnBytes + waitingBytes);
  }

  /** True once, when all bytes up to FIN have been handed on. */
  takeEnd(): boolean {
    if (this.#endTold || this.#finDsn === undefined || this.#reorder.nextDsn < this.#finDsn) return false;
    this.#endTold = true;
    this.#finishIfConsumed();
    return true;
  }

  /**
   * The application has taken `bytes`.
   * @param rttMs the largest round trip time in use
   * @returns whether a WINDOW frame is due
   */
  consume(bytes: number, rttMs: number): boolean {
    if (this.state === 'done') return false;
    const due = this.window.consume(bytes, rttMs);
    this.takeMemory();
    this.#finishIfConsumed();
    // Behind a FIN nothing more comes, so no credit is due.
    return due && this.#finDsn === undefined;
  }

  reset(): void {
    if (this.state !== 'done') this.window.close();
    this.#state.apply('reset');
  }

  #noteFin(finDsn: number): void {
    if (this.#finDsn !== undefined && this.#finDsn !== finDsn) {
      throw new ProtocolViolation(`stream ${this.#id}: two FINs that differ`);
    }
    if (this.#highestDsn > finDsn) throw new ProtocolViolation(`stream ${this.#id}: FIN below DATA`);
    if (this.#finDsn === undefined) this.#state.apply('fin');
    this.#finDsn = finDsn;
  }

  #finishIfConsumed(): void {
    if (this.state !== 'ending' || !this.#endTold || this.window.consumedBytes !== this.#finDsn) return;
    this.#state.apply('allConsumed');
    this.window.close();
  }
}
