import type { DatagramCommands, DatagramSetup } from '../../protocol/datagram/datagram-commands.ts';
import type { MonotonicClock } from '../clock.ts';
import type { GcmCalls } from '../kernel/gcm-calls.ts';
import type { SendListener } from '../udp/udp-socket.ts';
import { epochKeys } from './datagram-keys.ts';
import { type PacketCipher, packetCipher } from './packet-cipher.ts';
import {
  counterOf,
  HEADER_BYTES,
  MIN_PACKET_BYTES,
  pathOf,
  sameConnection,
  writeNumbers,
} from './packet-header.ts';

/** Why packets came to nothing between the sockets and the plane. */
export const PACKET_DROPS = [
  /** The path has no socket, or no address yet. */
  'no-wire',
  /** Of an epoch that is over. */
  'old-keys',
  'repeated',
  /** Forged or damaged; or on another path's socket. */
  'not-authentic',
  /** The session had to wait for the processor for too long. */
  'processor',
  /** The kernel had no room. */
  'socket-full',
  /** Longer than the interface carries; the plane sends what it carried in shorter parts. */
  'too-long',
  /** The kernel cannot send there. */
  'unreachable',
] as const;
export type PacketDrop = (typeof PACKET_DROPS)[number];

/** Packets of a session, since it began. */
export interface PacketCounts {
  sentPackets: number;
  sentBytes: number;
  receivedPackets: number;
  receivedBytes: number;
  readonly drops: Record<PacketDrop, number>;
}

/** Where the packets of one path go. */
export interface PacketWire {
  /** As that of a socket. */
  send(pieces: readonly Uint8Array[], listener: SendListener): void;
  /** Whether what comes on the other comes from where this one leads. */
  isSame(other: PacketWire): boolean;
}

/** Bytes of a path's packets have left, or come. */
export interface PacketMeter {
  onSent(bytes: number): void;
  /** The kernel has not taken them after all. */
  onUnsent(bytes: number): void;
  onReceived(bytes: number): void;
}

export interface SessionPacketsOptions {
  readonly plane: Pick<DatagramCommands, 'isNew' | 'receive' | 'takePackets' | 'uplinkOf'>;
  readonly role: 'client' | 'concentrator';
  readonly gcm: GcmCalls | undefined;
  readonly clock: MonotonicClock;
  /** Counts what an uplink carries. */
  meterOf(uplinkName: string): PacketMeter;
  /** A path's packet was longer than the interface carries. Told between turns of the session. */
  onTooLong(path: number, packetBytes: number): void;
}

/** The keys of the epoch before are accepted for so long (SPEC.md section 13). */
const OLD_KEYS_MS = 60_000;
/** Some 20 ms of a fast flow: what waits longer is late anyway. */
const MAX_HELD = 256;
/** As many of the length that paths have. Without it, packets of 64 KiB that prove to be forged would hold 16 MiB of each session. */
const MAX_HELD_BYTES = MAX_HELD * 1_500;

/** Seals what a session's datagram plane sends, opens what comes for it, and knows where each path leads. */
export class SessionPackets {
  readonly counts: PacketCounts = {
    ...{ sentPackets: 0, sentBytes: 0, receivedPackets: 0, receivedBytes: 0 },
    drops: Object.fromEntries(PACKET_DROPS.map((reason) => [reason, 0])) as Record<PacketDrop, number>,
  };
  readonly #options: SessionPacketsOptions;
  readonly #paths = new Map<number, Path>();
  /** The newest first; at most two. */
  #epochs: readonly Epoch[] = [];
  readonly #held: { readonly packet: Uint8Array; readonly wire: PacketWire }[] = [];
  #heldBytes = 0;

  constructor(options: SessionPacketsOptions) {
    this.#options = options;
  }

  /** The keys of another epoch hold, too, and those of the one before for a while. */
  addKeys({ epoch, connectionId, secret }: DatagramSetup): void {
    const { role, gcm, clock } = this.#options;
    const keys = epochKeys(secret);
    const header = new Uint8Array(HEADER_BYTES);
    header.set(connectionId);
    const [sending, receiving] =
      role === 'client' ? [keys.client, keys.concentrator] : [keys.concentrator, keys.client];
    const [newest, ...older] = this.#epochs;
    for (const { sealer, opener } of older) close(sealer, opener);
    if (newest !== undefined) newest.endsMs = clock() + OLD_KEYS_MS;
    const added = {
      ...{ number: epoch, connectionId, header, endsMs: Number.POSITIVE_INFINITY, packets: 0 },
      sealer: packetCipher(sending, gcm),
      opener: packetCipher(receiving, gcm),
    };
    this.#epochs = newest === undefined ? [added] : [added, newest];
  }

  /** Packets that were sealed or opened with the newest keys. */
  get packetsOfEpoch(): number {
    return this.#epochs[0]?.packets ?? 0;
  }

  /** Client: where a path leads; undefined: nowhere any more. */
  setWire(path: number, wire: PacketWire | undefined): void {
    if (wire === undefined) this.#paths.delete(path);
    else this.#pathOf(path).wire = wire;
  }

  /** Sends what the plane has. */
  flush(): void {
    for (const { epoch: number, path: id, counter, head, payload } of this.#options.plane.takePackets()) {
      const path = this.#pathOf(id);
      const epoch = this.#epochs.find((one) => one.number === number);
      if (path.wire === undefined || epoch === undefined) {
        this.drop('no-wire');
        continue;
      }
      writeNumbers(epoch.header, id, counter);
      epoch.packets++;
      const sealed = epoch.sealer.seal(epoch.header, [head, payload]);
      const bytes = HEADER_BYTES + sealed.length;
      this.counts.sentPackets++;
      this.counts.sentBytes += bytes;
      path.meter?.onSent(bytes);
      path.wire.send([epoch.header, sealed], path);
    }
  }

  /** A packet has come, from where `wire` leads. Whether it is anything shows here. */
  receive(packet: Uint8Array, wire: PacketWire): void {
    const reason = this.#receive(packet, wire);
    if (reason !== undefined) this.drop(reason);
  }

  /** Keeps a packet until the session need not wait for the processor any more. */
  hold(packet: Uint8Array, wire: PacketWire): void {
    if (this.#held.length >= MAX_HELD || this.#heldBytes + packet.length > MAX_HELD_BYTES) {
      this.drop('processor');
      return;
    }
    this.#heldBytes += packet.length;
    this.#held.push({ packet: Uint8Array.from(packet), wire });
  }

  /** Treats what was kept. @param mustWait whether the session has to wait again */
  receiveHeld(mustWait: () => boolean): void {
    let taken = 0;
    while (taken < this.#held.length && !mustWait()) {
      const { packet, wire } = this.#held[taken++]!;
      this.#heldBytes -= packet.length;
      this.receive(packet, wire);
    }
    this.#held.splice(0, taken);
  }

  drop(reason: PacketDrop): void {
    this.counts.drops[reason]++;
  }

  /** The session is over. */
  close(): void {
    for (const { sealer, opener } of this.#epochs) close(sealer, opener);
    this.#epochs = [];
    this.#paths.clear();
    this.#held.length = 0;
    this.#heldBytes = 0;
  }

  #receive(packet: Uint8Array, wire: PacketWire): PacketDrop | undefined {
    if (packet.length < MIN_PACKET_BYTES) return 'not-authentic';
    const { plane, role, clock } = this.#options;
    const epoch = this.#epochOf(packet);
    if (epoch === undefined || clock() > epoch.endsMs) return 'old-keys';
    const id = pathOf(packet);
    const counter = counterOf(packet);
    if (!plane.isNew(id, counter)) return 'repeated';
    const message = epoch.opener.open(packet);
    if (message === undefined) return 'not-authentic';
    const path = this.#pathOf(id);
    const isElsewhere = path.wire === undefined || (path.wire !== wire && !path.wire.isSame(wire));
    if (role === 'client' && isElsewhere) return 'not-authentic';
    // Only the newest one moves a path: an old one that somebody has held back does not.
    const isMoved = isElsewhere && counter > path.highest;
    // What waits was meant for the address before: nobody has shown yet that it is wanted at the new one.
    if (isMoved) this.flush();
    if (counter > path.highest) {
      path.highest = counter;
      path.wire = wire;
    }
    epoch.packets++;
    this.counts.receivedPackets++;
    this.counts.receivedBytes += packet.length;
    plane.receive({ epoch: epoch.number, path: id, counter, message, packetBytes: packet.length, isMoved });
    if (isMoved) path.forgetMeter();
    path.meter?.onReceived(packet.length);
    return undefined;
  }

  #epochOf(packet: Uint8Array): Epoch | undefined {
    for (const epoch of this.#epochs) if (sameConnection(packet, epoch.connectionId)) return epoch;
    return undefined;
  }

  #pathOf(id: number): Path {
    let path = this.#paths.get(id);
    if (path === undefined) {
      path = new Path(id, this, this.#options);
      this.#paths.set(id, path);
    }
    return path;
  }
}

interface Epoch {
  readonly number: number;
  readonly connectionId: Uint8Array;
  /** Written anew for each packet. */
  readonly header: Uint8Array;
  readonly sealer: PacketCipher;
  readonly opener: PacketCipher;
  endsMs: number;
  packets: number;
}

/** A path, and what the kernel says of its packets. */
class Path implements SendListener {
  wire: PacketWire | undefined;
  /** The highest counter that has authenticated. */
  highest = 0;
  readonly #id: number;
  readonly #packets: Pick<SessionPackets, 'drop' | 'counts'>;
  readonly #options: SessionPacketsOptions;
  #meter: PacketMeter | undefined;

  constructor(id: number, packets: Pick<SessionPackets, 'drop' | 'counts'>, options: SessionPacketsOptions) {
    this.#id = id;
    this.#packets = packets;
    this.#options = options;
  }

  /** Of its uplink, as soon as that is known. */
  get meter(): PacketMeter | undefined {
    if (this.#meter === undefined) {
      const uplinkName = this.#options.plane.uplinkOf(this.#id);
      if (uplinkName !== undefined) this.#meter = this.#options.meterOf(uplinkName);
    }
    return this.#meter;
  }

  /** The number may stand for another uplink from now on. */
  forgetMeter(): void {
    this.#meter = undefined;
  }

  onUnsent(code: string, bytes: number): void {
    const { counts } = this.#packets;
    counts.sentPackets--;
    counts.sentBytes -= bytes;
    this.#meter?.onUnsent(bytes);
    if (code === 'EMSGSIZE') {
      this.#packets.drop('too-long');
      this.#options.onTooLong(this.#id, bytes);
    } else this.#packets.drop(code === 'ENOBUFS' ? 'socket-full' : 'unreachable');
  }
}

function close(...ciphers: readonly PacketCipher[]): void {
  for (const cipher of ciphers) cipher.close();
}
