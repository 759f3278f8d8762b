import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeAnnouncement, encodeDatagramHead } from '../../../shared/protocol/codec/datagram-message.ts';
import { type ControlFrame, encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { FrameParser } from '../../../shared/protocol/codec/frame-parser.ts';
import { FIRST_CONCENTRATOR_FLOW } from '../../../shared/protocol/codec/wire.ts';
import { MAX_REFUSALS } from '../../../shared/protocol/datagram/flow/peer-flows.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { PIECE_BYTES } from '../../../shared/protocol/memory/footprint.ts';
import { hex, RecordingSink } from '../support.ts';
import { DatagramPair, randomBytes, SETUP } from './datagram-pair.ts';
import { HOST, Hostile, MEBIBYTE } from './hostile-peer.ts';

const ANNOUNCED = encodeAnnouncement({ associationId: 0, mode: 1, host: HOST, port: 53 });
const ROUNDS = 5_000;

const flowHead = (flowId: number, sequence = 0, announcement?: Uint8Array) =>
  encodeDatagramHead(flowId, sequence, false, announcement);

const MESSAGES: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['a kind that nobody knows', '0f 0102030405060708'],
  ['kind 0', '00 0102030405060708'],
  ['flags alone', 'f0'],
  ['a PATH that is cut short', '01 40 6162'],
  ['a PATH with a name of no uplink', '01 02 2f2e'],
  ['a PATH with an uplink that is not there', '01 03 6c7465'],
  ['FEEDBACK that is cut short', '02 00 0000'],
  ['FEEDBACK about a path that is not there', '02 fe 0000 00000000000001 00000000000001 0000 00'],
  ['FEEDBACK about more than was sent', '02 00 0000 000000ffffffff 00000000000001 0000 00'],
  ['FEEDBACK about nothing', '02 00 0000 00000000000000 00000000000000 0000 00'],
  ['FEEDBACK with runs below 0', '02 00 0000 00000000000001 00000000000001 ffff 02 ffffffff ffffffff'],
  ['FEEDBACK with a counter above 2^53', '02 00 0000 ffffffffffffff ffffffffffffff ffff 00'],
  ['a DATAGRAM that is cut short', '03 000000 0000'],
  ['a DATAGRAM of no flow', '03 000000 00000063 61'],
  ['an announcement without a host', '13 000000 00000063 00000000 01 00 0035 00 61'],
  ['an announcement that is longer than the message', '13 000000 00000063 00000000 01 00 0035 ff 61'],
  ['an announcement of port 0', '13 000000 00000063 00000000 01 00 0000 01 61 61'],
  ['a part behind the last', '23 000000 00000000 0505 61'],
  ['a part of one', '23 000000 00000000 0001 61'],
];

describe.each(['client', 'concentrator'] as const)('a %s', (role) => {
  it.each(MESSAGES)('goes on after %s, in a packet or a frame', (_, text) => {
    const hostile = new Hostile(role);
    const message = hex(text);
    hostile.packet(message);
    hostile.packet(message, 77);
    hostile.frame({ type: 'datagram', message });
    hostile.run(500);
    expect(hostile.victim.session.isClosed).toBe(false);
    expect(hostile.victim.texts).toEqual([]);
    expect(hostile.victim.session.datagrams.snapshot().paths).toHaveLength(1);
  });

  it('takes no flow from a datagram with a number of its own', () => {
    const hostile = new Hostile(role);
    const flowId = role === 'client' ? 9 : FIRST_CONCENTRATOR_FLOW + 9;
    hostile.packet(flowHead(flowId, 0, ANNOUNCED));
    hostile.run();
    expect(hostile.victim.eventsOf('flow-opened').map(({ flow }) => flow.flowId)).not.toContain(flowId);
    expect(hostile.victim.drops).toEqual({ 'unknown-flow': 1 });
  });

  it('goes on after any messages', () => {
    const hostile = new Hostile(role);
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc
        .tuple(fc.constantFrom(1, 2, 3, 0x13, 0x23, 0x33, 0x43, 0x63), fc.uint8Array({ maxLength: 60 }))
        .map(([kind, rest]) => Uint8Array.of(kind, ...rest)),
    );
    fc.assert(
      fc.property(message, fc.integer({ min: 0, max: 255 }), (bytes, path) => {
        hostile.packet(bytes, path);
        hostile.frame({ type: 'datagram', message: bytes });
        hostile.run(5);
        expect(hostile.victim.session.isClosed).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });
});

it('a session that is over takes nothing that comes later', () => {
  const hostile = new Hostile();
  const { session, memory } = hostile.victim;
  session.close('goingAway');
  hostile.run();
  const before = hostile.victim.eventsOf('flow-opened').length;
  hostile.packet(flowHead(99, 0, ANNOUNCED));
  // Nor does it when new keys were due just then.
  session.datagrams.offer(SETUP, randomBytes);
  hostile.packet(flowHead(100, 0, ANNOUNCED));
  hostile.run();
  expect(hostile.victim.eventsOf('flow-opened')).toHaveLength(before);
  expect(memory.usedBytes).toBe(0);
});

/** What a client sends in one round of a flood. */
const FLOODS: readonly (readonly [string, (hostile: Hostile, round: number) => void])[] = [
  ['flows that datagrams announce', (hostile, round) => hostile.packet(flowHead(round, 0, ANNOUNCED))],
  [
    'FLOWs',
    (hostile, round) =>
      hostile.frame({ type: 'flow', flowId: round, associationId: 0, mode: 0, host: HOST, port: 1 }),
  ],
  [
    'associations',
    (hostile, round) =>
      hostile.frame({ type: 'flow', flowId: round, associationId: round, mode: 0, host: HOST, port: 1 }),
  ],
  [
    'flows with numbers far apart',
    (hostile, round) => hostile.packet(flowHead((round * 104_729) % 2 ** 31, 0, ANNOUNCED)),
  ],
  ['datagrams of flows that are not there', (hostile, round) => hostile.packet(flowHead(round))],
  [
    'steering of flows that are not there',
    (hostile, round) =>
      hostile.frame({
        type: 'flowSteering',
        flowId: round,
        generation: 1,
        mode: 2,
        maxRttMs: round,
        maxLossMillionths: undefined,
        uplinks: [],
      }),
  ],
  [
    'different policies for one flow',
    (hostile, round) => {
      if (round === 0) hostile.packet(flowHead(0, 0, ANNOUNCED));
      hostile.frame({
        type: 'flowSteering',
        flowId: 0,
        generation: round + 1,
        mode: 2,
        maxRttMs: round + 1,
        maxLossMillionths: undefined,
        uplinks: [],
      });
    },
  ],
  ['ends of what is not there', (hostile, round) => hostile.frame({ ...END, id: round })],
  [
    'parts that stay alone',
    (hostile, round) => {
      const head = encodeDatagramHead(0, round, false, ANNOUNCED, { index: 0, count: 64 });
      hostile.packet(Buffer.concat([head, Buffer.alloc(1_200)]));
    },
  ],
  [
    'parts of one datagram that are cut in all ways',
    (hostile, round) => {
      const part = { index: round % 2, count: 2 + (round % 63) };
      hostile.packet(Buffer.concat([encodeDatagramHead(0, 0, false, ANNOUNCED, part), Buffer.alloc(60_000)]));
    },
  ],
  [
    'datagrams that wait for others',
    (hostile, round) => {
      const head = encodeDatagramHead(round % 10, (2 * round) % 2 ** 24, true, ANNOUNCED);
      hostile.packet(Buffer.concat([head, Buffer.alloc(1_200)]));
    },
  ],
  ['paths', (hostile, round) => hostile.packet(Uint8Array.of(1, 4, 119, 105, 102, 105), round % 256)],
];

const END = { type: 'flowEnd', id: 0, isAssociation: false, code: 0x89 } as const;

describe('a flood of', () => {
  it.each(FLOODS)('%s takes bounded memory, and gets bounded answers', (_, send) => {
    const hostile = new Hostile();
    const { session, memory } = hostile.victim;
    for (let round = 0; round < ROUNDS; round++) {
      send(hostile, round);
      if (round % 100 === 99) hostile.run();
    }
    const { flowCount, associations, paths } = session.datagrams.snapshot();
    const spare = 1.25;
    expect(session.isClosed).toBe(false);
    expect(flowCount).toBeLessThanOrEqual(SETUP.maxFlows * spare);
    expect(associations).toBeLessThanOrEqual(SETUP.maxAssociations * spare);
    expect(paths.length).toBeLessThanOrEqual(32);
    expect(memory.usedBytes).toBeLessThan(16 * MEBIBYTE);
    session.close('goingAway');
    expect(memory.usedBytes).toBe(0);
  });

  it.each(FLOODS)('%s does not take memory that is not there', (_, send) => {
    const hostile = new Hostile('concentrator', MEBIBYTE / 4);
    const { session, memory } = hostile.victim;
    for (let round = 0; round < 2_000; round++) {
      send(hostile, round);
      if (round % 100 === 99) hostile.run();
      // Refusals that nobody confirms are counted, too.
      expect(memory.usedBytes).toBeLessThanOrEqual(MEBIBYTE / 4 + 2 * MAX_REFUSALS * PIECE_BYTES);
    }
    session.close('goingAway');
    expect(memory.usedBytes).toBe(0);
  });

  it('flows is answered by no more refusals than the peer listens to', () => {
    const hostile = new Hostile();
    const { session } = hostile.victim;
    const sink = new RecordingSink();
    const parser = new FrameParser();
    for (let round = 0; round < 5_000; round++) hostile.packet(flowHead(round, 0, ANNOUNCED));
    for (let turn = 0; turn < 10; turn++) {
      session.flush();
      for (const output of session.subflows.takeOutput(0)) parser.push(output, sink);
      session.subflows.setWritable(0, true);
    }
    const ends = sink.parsed.filter((item) => item.kind === 'control' && item.frame.type === 'flowEnd');
    expect(ends).toHaveLength(MAX_REFUSALS);
    expect(session.datagrams.snapshot().refusedFlows).toBe(5_000 - SETUP.maxFlows * 1.25);
  });
});

const STEERING = { generation: 1, mode: 0, maxRttMs: 0, maxLossMillionths: undefined, uplinks: [] };

/** Frames that no right peer sends. */
const VIOLATIONS: readonly (readonly [string, 'client' | 'concentrator', ControlFrame])[] = [
  ['DATAGRAM_SETUP from a client', 'concentrator', { type: 'datagramSetup', ...SETUP, epoch: 2 }],
  ['FLOW_STEERING from a concentrator', 'client', { type: 'flowSteering', flowId: 0, ...STEERING }],
  [
    'FLOW with a number of the concentrator from a client',
    'concentrator',
    { type: 'flow', flowId: FIRST_CONCENTRATOR_FLOW, associationId: 0, mode: 0, host: HOST, port: 1 },
  ],
  [
    'FLOW with a number of the client from a concentrator',
    'client',
    { type: 'flow', flowId: 7, associationId: 0, mode: 0, host: HOST, port: 1 },
  ],
];

describe('violations', () => {
  it.each(VIOLATIONS)('%s ends the session', (_, role, frame) => {
    const hostile = new Hostile(role);
    hostile.frame(frame);
    hostile.run();
    expect(hostile.victim.eventsOf('session-closed')).toMatchObject([
      { error: 'malformedMessage', by: 'us' },
    ]);
  });

  it('an old epoch is no violation, and changes nothing', () => {
    const hostile = new Hostile('client');
    const setup = { ...SETUP, secret: new Uint8Array(32) };
    for (const epoch of [1, 0]) hostile.frame({ type: 'datagramSetup', ...setup, epoch });
    expect(hostile.victim.session.datagrams.setup?.secret).toEqual(SETUP.secret);
  });

  it('a client that sends before the offer gets no flow', () => {
    const pair = new DatagramPair();
    const { session } = pair.concentrator;
    const frame = { type: 'flow', flowId: 0, associationId: 0, mode: 0, host: HOST, port: 1 } as const;
    session.receive(0, new OwnBytes(encodeControl(frame)));
    session.receive(0, new OwnBytes(encodeControl({ type: 'datagram', message: flowHead(1, 0, ANNOUNCED) })));
    pair.settle();
    expect([pair.concentrator.eventsOf('flow-opened'), session.isClosed]).toEqual([[], false]);
  });
});
