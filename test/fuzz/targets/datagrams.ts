import type { DatagramFrame } from '../../../shared/protocol/codec/datagram-frames.ts';
import {
  decodeFeedback,
  decodePath,
  encodeAnnouncement,
  encodeDatagramHead,
  encodeFeedback,
  encodePath,
  kindOf,
  MAX_PARTS,
  MESSAGE_KIND,
} from '../../../shared/protocol/codec/datagram-message.ts';
import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { FrameParser, type FrameSink } from '../../../shared/protocol/codec/frame-parser.ts';
import { StreamError } from '../../../shared/protocol/errors.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { Session } from '../../../shared/protocol/session/session.ts';
import { FLOOR_WINDOW_BYTES } from '../../../shared/protocol/stream/receive-window.ts';
import { LentChunk } from '../../protocol/lent-chunk.ts';
import { type FuzzTarget, promise } from '../fuzz-target.ts';
import { InputReader } from '../input-reader.ts';
import { UPLINKS } from './any-frame.ts';

const MEMORY_BYTES = 1024 * 1024;
const LIMITS = { maxFlows: 6, maxAssociations: 3 };
const SETUP = { port: 443, connectionId: new Uint8Array(8), secret: new Uint8Array(32), ...LIMITS };
const MAX_ROUNDS = 100;
/** Around a message in a packet. */
const PACKET_BYTES = 32;
/** So many packets may follow on one input: the parts of a datagram over two paths, announcements sent again, feedback and probes. */
const MAX_PACKETS = 3 * MAX_PARTS;
const FIRST_PEER_FLOW = 2 ** 31;

/**
 * The datagrams of one end of a session, and a peer that sends any messages and frames in any order, while paths come and go and
 * applications send. Nothing is thrown, nothing in a packet ends the session, flows and memory are bounded, and nothing is kept in the end.
 */
export const datagrams: FuzzTarget = {
  name: 'datagrams',
  maxBytes: 2_048,
  seeds: () => [
    // A concentrator: a path, an announced flow, an answer, feedback, time.
    Uint8Array.of(
      0,
      0,
      0,
      1,
      0,
      0,
      0,
      3,
      0,
      0,
      1,
      0,
      2,
      80,
      4,
      9,
      9,
      9,
      9,
      8,
      0,
      7,
      0,
      2,
      0,
      0,
      1,
      3,
      11,
      30,
      11,
      200,
    ),
    // A client: setup, a path, an association, a flow, a datagram, feedback.
    Uint8Array.of(1, 5, 0, 9, 0, 9, 1, 6, 7, 0, 8, 0, 200, 2, 0, 0, 1, 1, 8, 0, 100, 11, 50, 8, 0, 90),
    Uint8Array.of(1, 5, 0, 9, 0, 6, 7, 0, 10, 0, 4, 1, 0, 0, 11, 255, 12, 4),
  ],
  run(input) {
    const reader = new InputReader(input);
    const run = new PlaneRun(reader.u8() % 2 === 1);
    while (!reader.isOver) run.step(reader);
    run.end();
  },
};

/** One session, driven by an input. */
class PlaneRun {
  readonly #session: Session;
  readonly #isClient: boolean;
  readonly #memory = new MemoryBudget(MEMORY_BYTES);
  readonly #flows: number[] = [];
  readonly #associations: number[] = [];
  readonly #paths: number[] = [];
  readonly #counters = new Map<number, number>();
  /** Bytes that came on a path and left on it, until its token has come there. */
  readonly #balance = new Map<number, number>();
  /** Of each path the last that was sent on it. */
  readonly #tokens = new Map<number, Uint8Array>();
  #randoms = 0;
  #nowMs = 0;
  #epoch = 1;

  constructor(isClient: boolean) {
    this.#isClient = isClient;
    this.#session = new Session({
      role: isClient ? 'client' : 'concentrator',
      maxStreams: 1,
      firstWindowBytes: FLOOR_WINDOW_BYTES,
      lingerMs: 1_000,
      memory: this.#memory,
      nowMs: 0,
    });
    const { subflows, datagrams } = this.#session;
    const id = isClient ? subflows.allocateId() : 0;
    subflows.add({ id, uplinkName: UPLINKS[0], isBackup: false, congestionControl: 'bbr' });
    if (isClient) this.#receiveFrame({ type: 'datagramSetup', epoch: 1, ...SETUP });
    else datagrams.offer(SETUP, this.#randomBytes);
    this.#settle();
  }

  step(reader: InputReader): void {
    this.#session.advance(this.#nowMs);
    try {
      this.#act(reader);
    } catch (error) {
      // A command may be refused.
      if (!(error instanceof StreamError)) throw error;
    }
    for (let rounds = 0; this.#settle(); rounds++) promise(rounds < MAX_ROUNDS, 'it never comes to rest');
    promise(this.#memory.usedBytes <= 2 * MEMORY_BYTES, `${this.#memory.usedBytes} bytes are promised`);
    promise(this.#memory.usedBytes >= 0, 'more memory was given back than taken');
    const { isClosed, deadlineMs } = this.#session;
    promise(isClosed || deadlineMs > this.#nowMs, 'the deadline is in the past: a timer would spin');
    // Some more than the peer may have, since ends may be overtaken by what begins others.
    const { flowCount, associations } = this.#session.datagrams.snapshot();
    promise(flowCount <= 2 * LIMITS.maxFlows, `${flowCount} flows`);
    promise(associations <= 2 * LIMITS.maxAssociations, `${associations} associations`);
  }

  end(): void {
    this.#session.advance(this.#nowMs);
    this.#session.close('goingAway');
    this.#settle();
    promise(this.#memory.usedBytes === 0, `${this.#memory.usedBytes} bytes are still promised at the end`);
  }

  #act(reader: InputReader): void {
    const { datagrams } = this.#session;
    switch (reader.u8() % 16) {
      case 0:
        this.#receive(
          reader,
          encodePath({ uplinkName: this.#isClient ? '' : UPLINKS[reader.u8() % 2]! }, reader.u16() % 1_500),
        );
        return;
      case 1:
        this.#receive(reader, anyFeedback(reader, this.#tokens));
        return;
      case 2:
      case 3:
        this.#receive(reader, anyDatagram(reader));
        return;
      case 4:
        this.#receive(reader, reader.short());
        return;
      case 5:
        this.#receiveFrame(this.#anyFrame(reader));
        return;
      case 6:
        if (this.#isClient) this.#associations.push(datagrams.openAssociation());
        return;
      case 7: {
        const destination = { host: '192.0.2.1', port: 1 + reader.u8() };
        const association = this.#associations[reader.u8() % Math.max(1, this.#associations.length)];
        if (association !== undefined) this.#flows.push(datagrams.openFlow(association, destination));
        return;
      }
      case 8:
        datagrams.send(this.#flow(reader), new Uint8Array(reader.u16()));
        return;
      case 9: {
        const path = this.#isClient ? datagrams.addPath(UPLINKS[reader.u8() % 2]!) : undefined;
        if (path !== undefined) this.#paths.push(path);
        return;
      }
      case 10:
        if (this.#isClient) datagrams.removePath(this.#path(reader));
        return;
      case 11:
        this.#nowMs += reader.u8();
        return;
      case 12:
        this.#nowMs += 16 * reader.u16();
        return;
      case 13:
        datagrams.endFlow(this.#flow(reader), 'cancelled');
        return;
      case 14:
        datagrams.onTooLong(this.#path(reader), reader.u16());
        return;
      default:
        this.#endOrSteer(reader);
    }
  }

  #endOrSteer(reader: InputReader): void {
    const { datagrams } = this.#session;
    const kind = reader.u8() % 3;
    if (kind === 0) datagrams.endAssociation(this.#associations[0] ?? reader.u8(), 'cancelled');
    else if (kind === 1 && this.#isClient) datagrams.steerFlow(this.#flow(reader), { mode: 'redundant' });
    else if (!this.#isClient) datagrams.offer(SETUP, this.#randomBytes);
  }

  #path(reader: InputReader): number {
    return this.#paths[reader.u8() % Math.max(1, this.#paths.length)] ?? reader.u8();
  }

  #flow(reader: InputReader): number {
    const index = reader.u8();
    return this.#flows[index % Math.max(1, this.#flows.length)] ?? index;
  }

  /** A packet that has authenticated. */
  #receive(reader: InputReader, message: Uint8Array): void {
    const path = this.#isClient ? this.#path(reader) : reader.u8() % 4;
    const jump = reader.u8();
    // Most follow on the last; some are repeats, some are from far ahead.
    const last = this.#counters.get(path) ?? 0;
    const counter =
      jump < 0xc0 ? last + 1 : jump < 0xe0 ? Math.max(1, last - reader.u8()) : last + reader.u16();
    this.#counters.set(path, Math.max(last, counter));
    if (message.length === 0) return;
    const packetBytes = message.length + PACKET_BYTES;
    const before = this.#balance.get(path) ?? 0;
    const isConfirmed = this.#confirms(path, message);
    this.#balance.set(path, isConfirmed ? Number.POSITIVE_INFINITY : before + packetBytes);
    if (!this.#session.datagrams.isNew(path, counter)) return;
    this.#session.datagrams.receive({
      epoch: this.#epoch,
      path,
      counter,
      message,
      packetBytes,
      isMoved: false,
    });
  }

  #confirms(path: number, message: Uint8Array): boolean {
    const feedback = kindOf(message) === MESSAGE_KIND.feedback ? decodeFeedback(message) : undefined;
    const token = this.#tokens.get(path);
    if (feedback?.path !== path || feedback.token === undefined || token === undefined) return false;
    return Buffer.compare(feedback.token, token) === 0;
  }

  readonly #randomBytes = (count: number): Uint8Array => {
    this.#randoms++;
    return Uint8Array.from({ length: count }, (_, i) => this.#randoms * 31 + i * 7);
  };

  #receiveFrame(frame: DatagramFrame): void {
    this.#session.advance(this.#nowMs);
    this.#session.receive(0, new LentChunk(encodeControl(frame)));
  }

  #anyFrame(reader: InputReader): DatagramFrame {
    const base = this.#isClient ? FIRST_PEER_FLOW : 0;
    const flowId = base + (reader.u8() % 16);
    const associationId = reader.u8() % 8;
    switch (reader.u8() % 5) {
      case 0:
        return {
          type: 'flow',
          flowId,
          associationId,
          mode: reader.u8(),
          host: 'o.example',
          port: 1 + reader.u8(),
        };
      case 1:
        return { type: 'flowEnd', id: reader.u8(), isAssociation: reader.u8() % 2 === 0, code: reader.u8() };
      case 2:
        return { type: 'datagram', message: anyDatagram(reader) };
      case 3:
        if (this.#isClient) return { type: 'datagramSetup', epoch: ++this.#epoch, ...SETUP };
        return { type: 'datagram', message: reader.short() };
      default:
        return {
          ...{ type: 'flowSteering', flowId: reader.u8(), generation: reader.u8(), mode: reader.u8() },
          ...{ maxRttMs: reader.u16(), maxLossMillionths: undefined, uplinks: [] },
        };
    }
  }

  /** @returns whether anything came of it */
  #settle(): boolean {
    const session = this.#session;
    session.advance(this.#nowMs);
    session.flush();
    const parser = new FrameParser();
    for (const bytes of session.subflows.takeOutput(0)) parser.push(bytes, IGNORE);
    if (!session.isClosed) session.subflows.setWritable(0, true);
    const packets = session.datagrams.takePackets();
    promise(packets.length <= MAX_PACKETS, `${packets.length} packets at once`);
    for (const { path, head, payload } of packets) {
      promise(head.length + payload.length > 0, 'an empty message');
      const token = kindOf(head) === MESSAGE_KIND.path ? decodePath(head)?.token : undefined;
      if (token !== undefined) this.#tokens.set(path, token);
      const rest = (this.#balance.get(path) ?? 0) - head.length - payload.length - PACKET_BYTES;
      this.#balance.set(path, rest);
      promise(
        this.#isClient || rest >= 0,
        `path ${path} is not validated, and gets ${-rest} bytes more than came on it`,
      );
    }
    let hadAny = packets.length > 0;
    for (let event = session.nextEvent(); event !== undefined; event = session.nextEvent()) {
      hadAny = true;
      if (event.type !== 'flow-opened') continue;
      const { flowId, associationId } = event.flow;
      this.#flows.push(flowId);
      if (!this.#associations.includes(associationId)) this.#associations.push(associationId);
    }
    return hadAny;
  }
}

const IGNORE: FrameSink = { onData() {}, onControl() {} };

function anyFeedback(reader: InputReader, tokens: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const choice = reader.u8();
  const path = choice % 4;
  const token = [undefined, new Uint8Array(8), tokens.get((path + 1) % 4), tokens.get(path)][choice >> 6];
  return encodeFeedback({
    ...{
      path,
      token,
      delayMs: reader.u8() % 8 === 7 ? undefined : reader.u8(),
      largest: reader.number(),
    },
    ...{ packets: reader.number(), firstRun: reader.u8() },
    gaps: Array.from({ length: reader.u8() % 32 }, () => ({ gap: reader.u8(), run: reader.u8() })),
  });
}

function anyDatagram(reader: InputReader): Uint8Array {
  const flags = reader.u8();
  const flowId = (flags & 8) !== 0 ? FIRST_PEER_FLOW + reader.u8() : reader.u8() % 16;
  const announcement = {
    associationId: reader.u8() % 8,
    mode: reader.u8(),
    host: '192.0.2.1',
    port: reader.u16(),
  };
  const part = { index: reader.u8(), count: reader.u8() };
  const head = encodeDatagramHead(
    flowId,
    reader.u8() * 16 + (reader.u8() % 16),
    (flags & 1) !== 0,
    (flags & 2) !== 0 ? encodeAnnouncement(announcement) : undefined,
    (flags & 4) !== 0 ? part : undefined,
  );
  return Buffer.concat([head, reader.short()]);
}
