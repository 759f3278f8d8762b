import type { DatagramFrame } from '../../codec/datagram-frames.ts';
import { controlItem } from '../../control/control-item.ts';
import type { ControlQueue } from '../../control/control-queue.ts';
import type { Destination } from '../../destination.ts';
import { type ErrorName, ProtocolViolation, StreamError } from '../../errors.ts';
import type { MemoryBudget } from '../../memory-budget.ts';
import type { Now } from '../../now.ts';
import { expectRole, type Role } from '../../role.ts';
import type { SessionSteering } from '../../steering/session-steering.ts';
import type { StreamPolicy } from '../../steering/steering-policy.ts';
import type { SteeringTuning } from '../../steering/steering-tuning.ts';
import type { Uplink } from '../../uplink/uplink.ts';
import type { Uplinks } from '../../uplink/uplinks.ts';
import type {
  DatagramCommands,
  DatagramEvent,
  DatagramSetup,
  IncomingPacket,
  OutgoingPacket,
} from '../datagram-commands.ts';
import { newDatagramCounters } from '../datagram-counters.ts';
import type { DatagramSnapshot } from '../datagram-snapshot.ts';
import type { Flow } from '../flow/flow.ts';
import { FlowTable } from '../flow/flow-table.ts';
import { OwnFlows } from '../flow/own-flows.ts';
import { PeerFlows } from '../flow/peer-flows.ts';
import { Reassembly } from '../receive/reassembly.ts';
import { FlowSteering } from '../steering/flow-steering.ts';
import { DatagramSender } from './datagram-sender.ts';
import type { DatagramTuning } from './datagram-tuning.ts';
import { Intake } from './intake.ts';
import { PacketWriter } from './packet-writer.ts';
import { PathTable } from './path-table.ts';
import { PathUpkeep } from './path-upkeep.ts';

export interface DatagramPlaneHost {
  readonly role: Role;
  readonly now: Now;
  readonly tuning: DatagramTuning & Pick<SteeringTuning, 'limits' | 'standing'>;
  readonly memory: MemoryBudget;
  readonly control: ControlQueue;
  readonly uplinks: Uplinks;
  /** The policies of the session. */
  readonly steering: SessionSteering;
  /** The session begins nothing new. */
  readonly opensNone: boolean;
  emit(event: DatagramEvent): void;
}

/**
 * The datagrams of one session (SPEC.md section 13), beside its streams: flows, paths, packets. As sans-IO as the session, which
 * drives it: inputs, then `flush`, then `takePackets`.
 */
export class DatagramPlane implements DatagramCommands {
  readonly #host: DatagramPlaneHost;
  readonly #counters = newDatagramCounters();
  readonly #paths: PathTable;
  readonly #reassembly: Reassembly;
  /** The flows that are open, for whoever looks at them. */
  readonly table: FlowTable;
  readonly #own: OwnFlows;
  readonly #peers: PeerFlows;
  readonly #intake: Intake;
  readonly #writer: PacketWriter;
  readonly #sender: DatagramSender;
  readonly #upkeep: PathUpkeep;
  #setup: DatagramSetup | undefined;
  #isClosed = false;

  constructor(host: DatagramPlaneHost) {
    this.#host = host;
    const { role, now, tuning, memory, control, uplinks } = host;
    const paths = new PathTable({ role, now, tuning, uplinks });
    const steering = new FlowSteering({
      now,
      host: {
        get paths() {
          return paths.paths;
        },
        uplinks: { [Symbol.iterator]: () => uplinks.all[Symbol.iterator]() },
      },
      policies: host.steering,
      tuning,
      followsPeer: role === 'concentrator',
    });
    const plane = this;
    const emit = (event: DatagramEvent) => host.emit(event);
    const counters = this.#counters;
    this.#paths = paths;
    this.#reassembly = new Reassembly(now, memory);
    const table = new FlowTable(memory, steering, this.#reassembly);
    this.table = table;
    this.#own = new OwnFlows({ role, table, steering, control });
    this.#peers = new PeerFlows({ role, table, steering, control, emit });
    this.#intake = new Intake({
      role,
      now,
      tuning,
      memory,
      paths,
      table,
      peerFlows: this.#peers,
      reassembly: this.#reassembly,
      steering,
      counters,
      get limits() {
        return plane.#setup ?? NO_LIMITS;
      },
      knownUplink: (name) => uplinks.known(name),
      emit,
    });
    this.#writer = new PacketWriter({
      now,
      memory,
      tuning: tuning.datagramFrames,
      paths,
      counters,
      epochOf: (end) => (role === 'client' ? (this.#setup?.epoch ?? 0) : end.epoch),
    });
    this.#sender = new DatagramSender({ now, table, steering, counters, writer: this.#writer });
    this.#upkeep = new PathUpkeep({ role, now, paths, writer: this.#writer, sender: this.#sender });
  }

  get setup(): DatagramSetup | undefined {
    return this.#setup;
  }

  offer(offered: Omit<DatagramSetup, 'epoch'>, randomBytes: (count: number) => Uint8Array): void {
    if (this.#isClosed) return;
    this.#paths.randomBytes = randomBytes;
    const setup = { ...offered, epoch: (this.#setup?.epoch ?? 0) + 1 };
    this.#setup = setup;
    const isCurrent = () => this.#setup === setup;
    this.#host.control.push(controlItem({ type: 'datagramSetup', ...setup }, 2, isCurrent));
  }

  // --- paths ---

  addPath(uplinkName: string): number | undefined {
    const id = this.#paths.freeFor(uplinkName);
    if (id === undefined) return undefined;
    this.#paths.begin(this.#paths.known(id), this.#host.uplinks.named(uplinkName));
    return id;
  }

  removePath(path: number): void {
    const end = this.#paths.get(path);
    if (end !== undefined) this.#paths.end(end);
  }

  uplinkOf(path: number): string | undefined {
    return this.#paths.get(path)?.path?.uplink.name;
  }

  onTooLong(path: number, packetBytes: number): void {
    this.#paths.get(path)?.path?.onTooLong(packetBytes);
  }

  // --- flows ---

  openAssociation(): number {
    return this.#own.openAssociation(this.#open());
  }

  endAssociation(associationId: number, error: ErrorName): void {
    this.#own.endAssociation(associationId, error);
  }

  openFlow(associationId: number, destination: Destination, policy?: StreamPolicy): number {
    return this.#own.openFlow(associationId, destination, policy, this.#open());
  }

  steerFlow(flowId: number, policy: StreamPolicy): void {
    const flow = this.table.get(flowId);
    if (flow === undefined) return;
    try {
      this.#own.steer(flow, policy);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      // It must not go on over uplinks that it may no longer use.
      this.#own.end(flow, error.code);
      this.#host.emit({ type: 'flow-ended', flowId, error: error.code });
    }
  }

  endFlow(flowId: number, error: ErrorName): void {
    const flow = this.table.get(flowId);
    if (flow !== undefined) this.#own.end(flow, error);
  }

  // --- datagrams ---

  send(flowId: number, payload: Uint8Array): void {
    this.#sender.send(flowId, payload);
  }

  isNew(path: number, counter: number): boolean {
    return this.#paths.get(path)?.receiver.isNew(counter) ?? true;
  }

  receive(packet: IncomingPacket): void {
    if (this.#setup !== undefined) this.#intake.onPacket(packet);
  }

  takePackets(): readonly OutgoingPacket[] {
    return this.#writer.take();
  }

  // --- for the session ---

  /** When `flush` is wanted again though nothing else happens. */
  get deadlineMs(): number {
    if (this.#setup === undefined) return Number.POSITIVE_INFINITY;
    const { deadlineMs } = this.#upkeep;
    return Math.min(deadlineMs, this.#intake.deadlineMs, this.#writer.deadlineMs);
  }

  /** Whether there may be something to send as soon as a subflow takes a write: flows are open, or frames of theirs wait. */
  get mayHaveFrames(): boolean {
    return this.table.count > 0 || this.#writer.deadlineMs < Number.POSITIVE_INFINITY;
  }

  /** Works off what inputs and time have brought. */
  flush(): void {
    if (this.#setup === undefined) return;
    this.#intake.expire();
    this.#peers.settle();
    this.#upkeep.flush();
    this.#writer.flushFrames();
  }

  /**
   * A frame of the peer's.
   * @param uplink that it came on
   * @throws ProtocolViolation for one of the wrong end
   */
  onFrame(frame: DatagramFrame, uplink: Uplink | undefined): void {
    const { role } = this.#host;
    if (frame.type === 'datagramSetup') {
      expectRole(role, 'client', 'DATAGRAM_SETUP');
      const { type: _, ...setup } = frame;
      if (setup.epoch <= (this.#setup?.epoch ?? 0)) return;
      this.#setup = setup;
      this.#host.emit({ type: 'datagrams-offered', setup });
    } else if (frame.type === 'flowSteering') {
      expectRole(role, 'concentrator', 'FLOW_STEERING');
      this.#peers.onSteering(frame);
    } else if (frame.type === 'flow') {
      if (!this.#peers.isPeers(frame.flowId))
        throw new ProtocolViolation('FLOW with a number of the other end');
      this.#peers.announced(frame.flowId, frame, this.#setup ?? NO_LIMITS);
    } else if (frame.type === 'flowEnd') {
      this.#peers.onEnd(frame);
    } else {
      this.#intake.onFrame(frame.message, uplink);
    }
  }

  snapshot(): DatagramSnapshot {
    const { drops, ...counters } = this.#counters;
    const incomplete = this.#reassembly.givenUp;
    return {
      isOffered: this.#setup !== undefined,
      limits: this.#setup && { maxFlows: this.#setup.maxFlows, maxAssociations: this.#setup.maxAssociations },
      associations: this.table.associations.size,
      flowCount: this.table.count,
      refusedFlows: this.#peers.refused,
      paths: this.#paths.inUse.map(({ path, receiver }) => ({
        ...path!.snapshot(),
        receivedPackets: receiver.packets,
      })),
      records: this.#paths.records.all,
      counters: { ...counters, drops: { ...drops, incomplete } },
      flows: () => Array.from(this.table.all, snapshotOf),
    };
  }

  /** The session is over, and with it all flows. */
  close(): void {
    // Packets may still come, and keys be offered: they begin nothing any more.
    this.#isClosed = true;
    this.#setup = undefined;
    this.table.clear();
    this.#reassembly.forget();
    this.#writer.close();
  }

  // --- helpers ---

  /** What the concentrator allows. @throws StreamError where nothing may be begun */
  #open(): DatagramSetup {
    if (this.#host.opensNone) throw new StreamError('goingAway', 'the session begins nothing new');
    if (this.#setup === undefined) {
      throw new StreamError('unsupportedMessage', 'the concentrator carries no datagrams');
    }
    return this.#setup;
  }
}

const NO_LIMITS = { maxFlows: 0, maxAssociations: 0 };

function snapshotOf(flow: Flow) {
  const { id, association, destination, steered } = flow;
  const { sentDatagrams, sentBytes, receivedDatagrams, receivedBytes, doubledDatagrams, resentDatagrams } =
    flow;
  return {
    flowId: id,
    associationId: association.id,
    destination,
    mode: steered.policy.mode,
    sentDatagrams,
    sentBytes,
    receivedDatagrams,
    receivedBytes,
    doubledDatagrams,
    resentDatagrams,
  };
}
