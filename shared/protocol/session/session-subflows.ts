import type { ControlFrame, RemoteSubflowState } from '../codec/frame.ts';
import { FrameParser } from '../codec/frame-parser.ts';
import { MisuseError } from '../errors.ts';
import type { Now } from '../now.ts';
import type { LedgerEntry } from '../subflow/ledger.ts';
import { Subflow, type SubflowOptions } from '../subflow/subflow.ts';
import { type ControlItem, controlItem } from './control-item.ts';
import type { SessionEvent } from './events.ts';
import { HarmGuard } from './harm-guard.ts';
import { type RateLimit, type RateLimitFrame, RateLimits } from './rate-limits.ts';
import { Retirement } from './retirement.ts';
import type { SessionOptions } from './session.ts';
import type { SessionStreams } from './session-streams.ts';
import { SubflowWatch } from './subflow-watch.ts';
import { SubflowWishes } from './subflow-wishes.ts';
import type { Transmitter } from './transmitter.ts';
import { Utilization } from './utilization.ts';

/** What the subflows need of their session. */
export interface SubflowsHost {
  readonly streams: SessionStreams;
  emit(event: SessionEvent): void;
}

/** The subflows of one session: coming and going, receipts, doubt, number and usefulness (SPEC.md sections 7 and 8). */
export class SessionSubflows {
  readonly #now: Now;
  readonly #host: SubflowsHost;
  readonly #transmitter: Transmitter;
  readonly #lingerMs: number;
  readonly #byId = new Map<number, Subflow>();
  readonly #parsers = new Map<number, FrameParser>();
  readonly #watch: SubflowWatch;
  readonly #wishes: SubflowWishes;
  readonly #guard: HarmGuard;
  readonly utilization: Utilization;
  readonly #retirement: Retirement;
  readonly #limits: RateLimits;
  #all: readonly Subflow[] = [];
  #lingerEndsMs: number;

  constructor(
    { role, lingerMs }: Pick<SessionOptions, 'role' | 'lingerMs'>,
    host: SubflowsHost,
    transmitter: Transmitter,
    now: Now,
  ) {
    this.#now = now;
    this.#host = host;
    this.#transmitter = transmitter;
    this.#lingerMs = lingerMs;
    this.#lingerEndsMs = this.#now.ms + lingerMs;
    const emit = (event: SessionEvent) => host.emit(event);
    const surrender = (subflow: Subflow) => this.#surrender(subflow);
    this.#watch = new SubflowWatch(
      {
        emit,
        surrender,
        tellPeer: (subflowId, state) => this.#tellState(subflowId, state),
        close: (subflow, reason) => this.#close(subflow, reason),
      },
      transmitter,
      now,
    );
    this.#retirement = new Retirement(now);
    this.#wishes = new SubflowWishes(role, { emit, tellPeer: (frame) => this.#tell(frame) }, now);
    this.#guard = new HarmGuard({ emit, surrender }, now);
    this.utilization = new Utilization(role, { tellPeer: (item) => transmitter.control.push(item) }, now);
    this.#limits = new RateLimits(
      role,
      (frame, isCurrent) => transmitter.control.push(controlItem(frame, 2, isCurrent)),
      now,
    );
  }

  get all(): readonly Subflow[] {
    return this.#all;
  }

  get(subflowId: number): Subflow | undefined {
    return this.#byId.get(subflowId);
  }

  /** What splits the bytes of a subflow into frames. */
  parserOf(subflowId: number): FrameParser | undefined {
    return this.#parsers.get(subflowId);
  }

  /** When the session has waited long enough without any; of no meaning while there is one. */
  get lingerEndsMs(): number {
    return this.#lingerEndsMs;
  }

  /** When to look again, at one of them at least. */
  get deadlineMs(): number {
    let deadline = Math.min(this.#transmitter.receiptDeadlineMs(this.#all), this.#limits.deadlineMs);
    for (const subflow of this.#all) {
      deadline = Math.min(deadline, this.#watch.deadlineMs(subflow));
    }
    return deadline;
  }

  add(options: SubflowOptions): void {
    if (this.#byId.has(options.id)) throw new MisuseError(`subflow ${options.id} exists`);
    this.#byId.set(options.id, new Subflow(options, this.#now));
    this.#all = [...this.#byId.values()];
    this.#parsers.set(options.id, new FrameParser());
    this.#limits.onAdded(this.#byId.get(options.id)!);
  }

  /** Its transport is gone; what was under way goes elsewhere, and the peer is told. */
  remove(subflowId: number): void {
    const subflow = this.#byId.get(subflowId);
    if (subflow !== undefined) this.#drop(subflow);
  }

  /** Client: it is no longer wanted, and closes once all has arrived. */
  retire(subflowId: number): void {
    const subflow = this.#byId.get(subflowId);
    if (subflow === undefined || subflow.isRetiring) return;
    this.#retirement.add(subflow, this.#tellPriority(subflow, true));
  }

  /** Most that an uplink may carry; the client tells the concentrator its half. */
  limitRate(uplinkName: string, limit: RateLimit): void {
    this.#limits.set(uplinkName, limit, this.#all);
  }

  /** Makes a subflow a backup, or one like any other, for both ends. */
  setBackup(subflowId: number, isBackup: boolean): void {
    const subflow = this.#byId.get(subflowId);
    if (subflow === undefined || subflow.isRetiring || subflow.isBackup === isBackup) return;
    subflow.isBackup = isBackup;
    this.#tellPriority(subflow, isBackup);
  }

  doubt(subflowId: number, reason: string): void {
    const subflow = this.#byId.get(subflowId);
    if (subflow !== undefined) this.#watch.doubt(subflow, reason);
  }

  /** Works off what time has brought. */
  check(): void {
    const { streams } = this.#host;
    const subflows = this.#all;
    this.#limits.refresh();
    this.#watch.check(subflows, streams.all());
    this.#wishes.check(subflows);
    this.#guard.check(subflows, streams.all());
    this.utilization.check(subflows);
    for (const subflow of this.#retirement.takeFinished(subflows)) {
      this.#close(subflow, 'no longer needed');
    }
  }

  // --- from the peer ---

  onReceipt(subflowId: number, bytes: number, delayMs: number): void {
    const subflow = this.#byId.get(subflowId);
    if (subflow === undefined) return;
    const { streams } = this.#host;
    for (const { item } of subflow.onReceipt(bytes, delayMs)) {
      if (item.kind === 'control') this.#transmitter.control.onReceipted(item.control);
      if (item.kind !== 'data') continue;
      const before = item.stream.deliveredTo;
      item.stream.onReceipted(item.dsn, item.length, item.fin);
      const inOrderBytes = item.stream.deliveredTo - before;
      this.#guard.onInOrder(inOrderBytes);
      streams.onReceipted(item.stream, inOrderBytes);
    }
  }

  onState(subflowId: number, state: RemoteSubflowState): void {
    const subflow = this.#byId.get(subflowId);
    if (subflow === undefined || state === 'active') return;
    if (state === 'gone') this.#close(subflow, 'the peer says it is gone');
    else this.#watch.doubt(subflow, 'the peer doubts it', 'peer');
  }

  onPriority(subflowId: number, isBackup: boolean, generation: number): void {
    const subflow = this.#byId.get(subflowId);
    if (subflow === undefined || generation <= subflow.priority.heard) return;
    subflow.priority.heard = generation;
    subflow.isBackup = isBackup;
  }

  /** Client: the concentrator would like so many subflows on the uplink of this one. */
  onWish(subflowId: number, count: number): void {
    const subflow = this.#byId.get(subflowId);
    if (subflow !== undefined) this.#wishes.onPeerWish(subflow.uplinkName, count);
  }

  /** Client: how much the concentrator makes use of the uplink of this one. */
  onUtilization(subflowId: number, percent: number): void {
    const subflow = this.#byId.get(subflowId);
    if (subflow !== undefined) this.utilization.onPeerReport(subflow.uplinkName, percent);
  }

  /** Concentrator: what the client allows on the uplink of a subflow. */
  onRateLimit({ subflowId, bytesPerSecond, metered, generation }: RateLimitFrame): void {
    const subflow = this.#byId.get(subflowId);
    if (subflow === undefined || !this.#limits.isNews(subflow.uplinkName, generation)) return;
    const limit = { sendBytesPerSecond: bytesPerSecond, receiveBytesPerSecond: 0, isMetered: metered };
    this.limitRate(subflow.uplinkName, limit);
  }

  // --- helpers ---

  #tell(frame: ControlFrame): void {
    this.#transmitter.control.push(controlItem(frame));
  }

  #tellState(subflowId: number, state: RemoteSubflowState): void {
    this.#tell({ type: 'subflowState', subflowId, state });
  }

  #tellPriority({ id, priority }: Subflow, backup: boolean): ControlItem {
    const generation = ++priority.told;
    const frame = { type: 'priority', subflowId: id, backup, generation } as const;
    const item = controlItem(frame, 2, () => generation === priority.told);
    this.#transmitter.control.push(item);
    return item;
  }

  /** What is under way on a subflow goes to the others. */
  #surrender(subflow: Subflow): void {
    let hadAny = false;
    for (const entry of subflow.ledger.oldestEntries()) {
      if (entry.surrendered) continue;
      hadAny = true;
      this.#surrenderEntry(entry, subflow);
    }
    if (!hadAny) return;
    // Receipts may have been among it.
    for (const other of this.#all) other.receipts.repeat();
  }

  #surrenderEntry(entry: LedgerEntry, subflow: Subflow): void {
    entry.surrendered = true;
    const { item } = entry;
    if (item.kind === 'control') this.#transmitter.control.push(item.control);
    if (item.kind !== 'data') return;
    item.stream.onLost(item.dsn, item.length, item.fin);
    this.#host.streams.onLost(item.stream, subflow, item.dsn, item.length);
  }

  #close(subflow: Subflow, reason: string): void {
    this.#host.emit({ type: 'subflow-close', subflowId: subflow.id, reason });
    this.#drop(subflow);
  }

  #drop(subflow: Subflow): void {
    this.#surrender(subflow);
    subflow.close();
    this.#byId.delete(subflow.id);
    this.#all = [...this.#byId.values()];
    this.#parsers.delete(subflow.id);
    this.#limits.onRemoved(subflow, this.#all);
    if (this.#all.length === 0) this.#lingerEndsMs = this.#now.ms + this.#lingerMs;
    // With none left the next one to come takes it: the peer may not notice by itself.
    this.#tellState(subflow.id, 'gone');
  }
}
