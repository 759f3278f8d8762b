import { type ControlFrame, encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { DatagramPair, type PairEnd } from './datagram-pair.ts';

export const HOST = '198.51.100.7';
export const MEBIBYTE = 1024 * 1024;

/** A peer that sends whatever it likes to one real end, and confirms nothing. */
export class Hostile {
  readonly victim: PairEnd;
  #counter = 1_000;
  #nowMs: number;

  constructor(role: 'client' | 'concentrator' = 'concentrator', memoryBytes = 64 * MEBIBYTE) {
    const pair = new DatagramPair(['wifi'], { memoryBytes }).begin();
    this.victim = pair[role];
    if (role === 'client') {
      const { datagrams } = this.victim.session;
      datagrams.openFlow(datagrams.openAssociation(), { host: HOST, port: 53 });
    }
    pair.settle();
    this.#nowMs = pair.nowMs;
  }

  /** @param isMoved from another address than the path's last one @returns its length */
  packet(message: Uint8Array, path = 0, isMoved = false): number {
    const { session } = this.victim;
    const packetBytes = message.length + 32;
    const counter = this.#counter++;
    session.datagrams.receive({ epoch: 1, path, counter, message, packetBytes, isMoved });
    return packetBytes;
  }

  frame(frame: ControlFrame): void {
    this.victim.session.receive(0, new OwnBytes(encodeControl(frame)));
  }

  /** Time passes; what the victim sends gets no answer. */
  run(durationMs = 1): void {
    const { session, events } = this.victim;
    for (const endMs = this.#nowMs + durationMs; this.#nowMs < endMs; ) {
      this.#nowMs = Math.min(endMs, Math.max(this.#nowMs + 0.1, session.deadlineMs));
      session.advance(this.#nowMs);
      session.flush();
      session.subflows.takeOutput(0);
      session.subflows.setWritable(0, true);
      this.victim.packets.push(...session.datagrams.takePackets());
      for (let event = session.nextEvent(); event !== undefined; event = session.nextEvent()) {
        if (event.type !== 'datagram' || events.length < 100) events.push(event);
      }
    }
  }
}
