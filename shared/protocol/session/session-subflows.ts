import type { RemoteSubflowState } from '../codec/frame.ts';
import { FrameParser } from '../codec/frame-parser.ts';
import { MisuseError } from '../errors.ts';
import type { KernelMeasurement } from '../kernel-measurement.ts';
import type { Now } from '../now.ts';
import type { MakeCongestionController } from '../subflow/congestion-controller.ts';
import { Subflow, type SubflowOptions } from '../subflow/subflow.ts';
import type { Uplink } from '../uplink/uplink.ts';
import { Uplinks } from '../uplink/uplinks.ts';
import type { CoreTuning } from './core-tuning.ts';
import type { SessionEvent } from './events.ts';
import { HarmGuard } from './harm-guard.ts';
import { isQuiet } from './quiet.ts';
import { Retirement } from './retirement.ts';
import type { SessionSubflow } from './sent-item.ts';
import type { SessionStreams } from './session-streams.ts';
import { SubflowNotices } from './subflow-notices.ts';
import { SubflowWatch } from './subflow-watch.ts';
import { Surrender } from './surrender.ts';
import type { Transmitter } from './transmitter.ts';

/** What the subflows need of their session. */
export interface SubflowsHost {
  readonly role: 'client' | 'concentrator';
  readonly lingerMs: number;
  readonly now: Now;
  readonly tuning: CoreTuning;
  readonly makeController: MakeCongestionController;
  readonly streams: SessionStreams;
  readonly transmitter: Transmitter;
  /** Whether datagrams may wait for a subflow that takes a write. */
  mayHaveDatagrams(): boolean;
  emit(event: SessionEvent): void;
}

/** A subflow that is up: its handshake is done and its transport takes a write. */
export interface NewSubflow extends SubflowOptions {
  readonly uplinkName: string;
}

/** What the program around a session tells it of subflows. Those of a subflow that is gone are without effect. */
export interface SubflowCommands {
  /** Subflows that are up now. */
  readonly count: number;
  /** Client: the id for the next subflow; 0 is that of HELLO. */
  allocateId(): number;
  /** @throws MisuseError for an id that is in use */
  add(subflow: NewSubflow): void;
  /** Its transport is gone; what was under way on it goes elsewhere, and the peer is told. */
  remove(subflowId: number): void;
  /** Client: it is no longer wanted. Nothing new goes there; `subflow-close` follows once all has arrived. */
  retire(subflowId: number): void;
  /** Client: makes it a backup (RFC 8684's B: used only when no other works), or one like any other, both ways. */
  setBackup(subflowId: number, isBackup: boolean): void;
  /** Something outside says that it is in trouble (its interface or address is gone). */
  doubt(subflowId: number, reason: string): void;
  /** Asks each that is idle for a receipt, now. */
  ask(): void;
  /**
   * The transport takes a write again, or is busy with one of somebody else (its handshake).
   * @returns whether `flush` is wanted; otherwise only `deadlineMs` may be another one
   */
  setWritable(subflowId: number, isWritable: boolean): boolean;
  /** The kernel's figures. */
  measured(subflowId: number, kernel: KernelMeasurement): void;
  /** What to write to it now; empty when there is nothing, or its transport is busy. */
  takeOutput(subflowId: number): readonly Uint8Array[];
}

interface Member {
  readonly subflow: SessionSubflow;
  /** Splits what arrives on it into frames. */
  readonly parser: FrameParser;
}

/** The subflows of one session: coming and going, receipts, doubt (SPEC.md sections 7 and 8). */
export class SessionSubflows implements SubflowCommands {
  readonly uplinks: Uplinks;
  readonly #host: SubflowsHost;
  readonly #byId = new Map<number, Member>();
  readonly #watch: SubflowWatch;
  readonly #guard: HarmGuard;
  readonly #retirement: Retirement;
  readonly #surrender: Surrender;
  readonly #notices: SubflowNotices;
  #all: readonly SessionSubflow[] = [];
  #lingerEndsMs: number;
  #nextId = 0;

  constructor(host: SubflowsHost) {
    this.#host = host;
    const { now, tuning, transmitter, streams, role } = host;
    this.#lingerEndsMs = now.ms + host.lingerMs;
    this.#surrender = new Surrender(transmitter.control, streams);
    this.#notices = new SubflowNotices(transmitter.control);
    const all = () => this.#all;
    const surrender = (subflow: SessionSubflow) => this.#surrender.of(subflow, this.#all);
    this.uplinks = new Uplinks(
      {
        role,
        tellPeer: (item) => transmitter.control.push(item),
        onSubflowsWanted: ({ name }, count) =>
          host.emit({ type: 'subflows-wanted', uplinkName: name, count }),
        onPathSearch: ({ name }, order) => host.emit({ type: 'path-search', uplinkName: name, ...order }),
      },
      now,
      tuning,
    );
    this.#watch = new SubflowWatch(
      {
        get subflows() {
          return all();
        },
        emit: (event) => host.emit(event),
        surrender,
        tellPeer: (subflowId, state) => this.#notices.tellState(subflowId, state),
        close: (subflow, reason) => this.#close(subflow, reason),
      },
      transmitter,
      now,
      tuning.watch,
    );
    this.#guard = this.#makeGuard(surrender);
    this.#retirement = new Retirement(now, tuning.retirement);
  }

  get count(): number {
    return this.#all.length;
  }

  get all(): readonly SessionSubflow[] {
    return this.#all;
  }

  /** When the session has waited long enough without any; of no meaning while there is one. */
  get lingerEndsMs(): number {
    return this.#lingerEndsMs;
  }

  /** When to look again, at one of them at least. */
  get deadlineMs(): number {
    const { transmitter } = this.#host;
    let deadline = Math.min(transmitter.deadlineMs(this.#all), this.uplinks.deadlineMs);
    for (const subflow of this.#all) deadline = Math.min(deadline, this.#watch.deadlineMs(subflow));
    return deadline;
  }

  get(subflowId: number): SessionSubflow | undefined {
    return this.#byId.get(subflowId)?.subflow;
  }

  /** What splits the bytes of a subflow into frames. */
  parserOf(subflowId: number): FrameParser | undefined {
    return this.#byId.get(subflowId)?.parser;
  }

  allocateId(): number {
    return this.#nextId++;
  }

  add(options: NewSubflow): void {
    if (this.#byId.has(options.id)) throw new MisuseError(`subflow ${options.id} exists`);
    const { now, tuning, makeController } = this.#host;
    const uplink = this.uplinks.named(options.uplinkName);
    const subflow: SessionSubflow = new Subflow(options, uplink, now, tuning, makeController);
    this.#byId.set(options.id, { subflow, parser: new FrameParser() });
    this.#all = [...this.#all, subflow];
    this.uplinks.add(subflow);
  }

  remove(subflowId: number): void {
    const subflow = this.get(subflowId);
    if (subflow !== undefined) this.#drop(subflow);
  }

  retire(subflowId: number): void {
    const subflow = this.get(subflowId);
    if (subflow === undefined || subflow.duty.value === 'retiring') return;
    subflow.duty.set('retire');
    this.#retirement.add(subflow, this.#notices.tellPriority(subflow, true));
  }

  setBackup(subflowId: number, isBackup: boolean): void {
    const subflow = this.get(subflowId);
    const wanted = isBackup ? 'backup' : 'regular';
    if (subflow === undefined || subflow.duty.value === 'retiring' || subflow.duty.value === wanted) return;
    subflow.duty.set(isBackup ? 'makeBackup' : 'makeRegular');
    this.#notices.tellPriority(subflow, isBackup);
  }

  doubt(subflowId: number, reason: string): void {
    const subflow = this.get(subflowId);
    if (subflow !== undefined) this.#watch.doubt(subflow, reason);
  }

  ask(): void {
    for (const { liveness } of this.#all) liveness.pings.hurry();
  }

  setWritable(subflowId: number, isWritable: boolean): boolean {
    const subflow = this.get(subflowId);
    if (subflow === undefined) return false;
    subflow.outbox.setWritable(isWritable);
    return isWritable && (this.#host.mayHaveDatagrams() || this.#host.transmitter.onWritable(subflow));
  }

  measured(subflowId: number, kernel: KernelMeasurement): void {
    this.get(subflowId)?.onKernel(kernel);
  }

  takeOutput(subflowId: number): readonly Uint8Array[] {
    return this.get(subflowId)?.outbox.take() ?? [];
  }

  /** Works off what time has brought. */
  check(): void {
    this.uplinks.refresh();
    this.#watch.check(this.#all, this.#host.streams.all());
    this.uplinks.reviewWishes();
    this.#guard.check();
    this.uplinks.reviewUtilization();
    for (const subflow of this.#retirement.takeFinished(this.#all)) {
      this.#close(subflow, 'no longer needed');
    }
  }

  // --- from the peer ---

  /** The peer asks whether a subflow can be heard. */
  onAsked(subflow: SessionSubflow): void {
    if (isQuiet(this.#all, this.#host.now)) subflow.onAsked();
  }

  onReceipt(subflowId: number, bytes: number, delayMs: number): void {
    const { streams, transmitter } = this.#host;
    for (const { item } of this.get(subflowId)?.onReceipt(bytes, delayMs) ?? []) {
      if (item.kind === 'control') transmitter.control.onReceipted(item.control);
      if (item.kind !== 'data') continue;
      this.#guard.onInOrder(streams.onReceipted(item));
    }
  }

  onState(subflowId: number, state: RemoteSubflowState): void {
    const subflow = this.get(subflowId);
    if (subflow === undefined || state === 'active') return;
    if (state === 'gone') this.#close(subflow, 'the peer says it is gone');
    else this.#watch.doubt(subflow, 'the peer doubts it', 'peer');
  }

  onPriority(subflowId: number, isBackup: boolean, generation: number): void {
    this.get(subflowId)?.duty.hear(isBackup, generation);
  }

  // --- helpers ---

  #makeGuard(surrender: (subflow: SessionSubflow) => void): HarmGuard {
    const { host, uplinks } = { host: this.#host, uplinks: this.uplinks };
    const all = () => this.#all;
    const session = {
      get subflows() {
        return all();
      },
      get uplinks() {
        return uplinks.all;
      },
      get streams() {
        return host.streams.all();
      },
      onParked: ({ name }: Uplink, reason: string) =>
        host.emit({ type: 'uplink-parked', uplinkName: name, reason }),
      onUnparked: ({ name }: Uplink, reason: string) =>
        host.emit({ type: 'uplink-unparked', uplinkName: name, reason }),
      surrender,
    };
    return new HarmGuard(session, host.now, host.tuning.guard);
  }

  #close(subflow: SessionSubflow, reason: string): void {
    this.#host.emit({ type: 'subflow-close', subflowId: subflow.id, reason });
    this.#drop(subflow);
  }

  #drop(subflow: SessionSubflow): void {
    const { now, lingerMs } = this.#host;
    this.#surrender.of(subflow, this.#all);
    subflow.close();
    this.#byId.delete(subflow.id);
    this.#all = this.#all.filter((other) => other !== subflow);
    this.uplinks.remove(subflow);
    if (this.#all.length === 0) this.#lingerEndsMs = now.ms + lingerMs;
    this.#notices.tellState(subflow.id, 'gone');
  }
}
