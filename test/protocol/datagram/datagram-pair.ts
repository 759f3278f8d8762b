import { concatBytes } from '../../../shared/protocol/codec/bytes.ts';
import type { IncomingPacket, OutgoingPacket } from '../../../shared/protocol/datagram/datagram-commands.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import type { Role } from '../../../shared/protocol/role.ts';
import type { SessionEvent } from '../../../shared/protocol/session/events.ts';
import { FIRST_UPLOAD_WINDOW_BYTES, Session } from '../../../shared/protocol/session/session.ts';

const ROOMY = 1024 * 1024 * 1024;
/** Header and tag, which nobody makes here. */
const PACKET_OVERHEAD_BYTES = 32;

export const SETUP = {
  port: 443,
  connectionId: new Uint8Array(8).fill(7),
  secret: new Uint8Array(32).fill(9),
  maxFlows: 16,
  maxAssociations: 4,
};

let lastRandom = 0;

/** Other bytes each time, of a generator that begins where its module is loaded. */
export function randomBytes(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => {
    lastRandom = (Math.imul(lastRandom, 1_664_525) + 1_013_904_223) >>> 0;
    return lastRandom >>> 24;
  });
}

/** What the network does with a packet. */
export type Fate = 'arrives' | 'lost' | 'held';

/** One end, with what it has said. */
export class PairEnd {
  readonly session: Session;
  readonly memory: MemoryBudget;
  readonly events: SessionEvent[] = [];
  /** All packets that it has sent. */
  readonly packets: OutgoingPacket[] = [];

  constructor(role: Role, memoryBytes = ROOMY) {
    this.memory = new MemoryBudget(memoryBytes);
    this.session = new Session({
      role,
      maxStreams: 16,
      firstWindowBytes: FIRST_UPLOAD_WINDOW_BYTES,
      lingerMs: 60_000,
      memory: this.memory,
      nowMs: 0,
    });
  }

  /** Payloads of datagrams that came, as text. */
  get texts(): string[] {
    return this.eventsOf('datagram').map(({ payload }) => Buffer.from(payload).toString('latin1'));
  }

  eventsOf<T extends SessionEvent['type']>(type: T): Extract<SessionEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<SessionEvent, { type: T }> => event.type === type);
  }

  get drops(): Partial<Record<string, number>> {
    const { drops } = this.session.datagrams.snapshot().counters;
    return Object.fromEntries(Object.entries(drops).filter(([, count]) => count > 0));
  }
}

/** A client and a concentrator with one subflow for each uplink, and paths for packets. Everything arrives at once unless `fate` says otherwise. */
export class DatagramPair {
  readonly client: PairEnd;
  readonly concentrator: PairEnd;
  /** Asked for each packet. */
  fate: (packet: OutgoingPacket, from: PairEnd) => Fate = () => 'arrives';
  /** Whether subflows take bytes. */
  subflowsPass = true;
  readonly held: { packet: OutgoingPacket; to: PairEnd }[] = [];
  nowMs = 0;
  readonly #subflowIds: number[] = [];

  constructor(uplinks: readonly string[] = ['wifi'], { memoryBytes = ROOMY } = {}) {
    this.client = new PairEnd('client', memoryBytes);
    this.concentrator = new PairEnd('concentrator', memoryBytes);
    for (const uplinkName of uplinks) this.addSubflow(uplinkName);
  }

  get ends(): readonly PairEnd[] {
    return [this.client, this.concentrator];
  }

  addSubflow(uplinkName: string): number {
    const id = this.client.session.subflows.allocateId();
    for (const { session } of this.ends) session.subflows.add({ id, uplinkName, isBackup: false });
    this.#subflowIds.push(id);
    return id;
  }

  /** The concentrator offers datagrams, and each uplink has a path. */
  begin(uplinks: readonly string[] = ['wifi'], offered: Partial<typeof SETUP> = {}): this {
    this.concentrator.session.datagrams.offer({ ...SETUP, ...offered }, randomBytes);
    this.settle();
    for (const uplink of uplinks) this.client.session.datagrams.addPath(uplink);
    this.settle();
    this.run(200);
    return this;
  }

  /** Another end is told of what an end has sent. */
  deliver(packet: OutgoingPacket, to: PairEnd, isMoved = false): void {
    to.session.advance(this.nowMs);
    to.session.datagrams.receive(incoming(packet, isMoved));
  }

  /** Until nothing more happens at this time. */
  settle(): void {
    for (let rounds = 0; this.#exchange(); rounds++) {
      if (rounds === 1_000) throw new Error('it never comes to rest');
    }
  }

  /** Time passes; both ends work when they want to. */
  run(durationMs: number): void {
    const endMs = this.nowMs + durationMs;
    this.settle();
    for (let rounds = 0; this.nowMs < endMs; rounds++) {
      if (rounds === 100_000) throw new Error('too many deadlines');
      const deadlines = this.ends.map(({ session }) => session.deadlineMs);
      this.nowMs = Math.min(endMs, Math.max(this.nowMs + 0.01, Math.min(...deadlines)));
      this.settle();
    }
  }

  /** @returns whether anything was sent */
  #exchange(): boolean {
    let hasSent = false;
    for (const from of this.ends) {
      const to = from === this.client ? this.concentrator : this.client;
      from.session.advance(this.nowMs);
      from.session.flush();
      for (const id of this.#subflowIds) {
        if (!this.subflowsPass) continue;
        const output = from.session.subflows.takeOutput(id);
        from.session.subflows.setWritable(id, true);
        if (output.length === 0) continue;
        hasSent = true;
        to.session.advance(this.nowMs);
        to.session.receive(id, new OwnBytes(concatBytes(...output)));
      }
      for (const packet of from.session.datagrams.takePackets()) {
        hasSent = true;
        from.packets.push(packet);
        const fate = this.fate(packet, from);
        if (fate === 'arrives') this.deliver(packet, to);
        if (fate === 'held') this.held.push({ packet, to });
      }
      for (let event = from.session.nextEvent(); event !== undefined; event = from.session.nextEvent()) {
        from.events.push(event);
      }
    }
    return hasSent;
  }
}

export function messageOf({ head, payload }: OutgoingPacket): Uint8Array {
  return concatBytes(head, payload);
}

export function incoming(packet: OutgoingPacket, isMoved = false): IncomingPacket {
  const { epoch, path, counter } = packet;
  const message = messageOf(packet);
  return { epoch, path, counter, message, packetBytes: message.length + PACKET_OVERHEAD_BYTES, isMoved };
}

export function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** What a QUIC flow begins with: RFC 9000 version 1, as short as it may be. */
export function quicInitial(): Uint8Array {
  const payload = new Uint8Array(1_200);
  payload.set([0xc3, 0, 0, 0, 1]);
  return payload;
}
