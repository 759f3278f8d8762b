import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../../../shared/protocol/codec/frame.ts';
import { FrameParser } from '../../../shared/protocol/codec/frame-parser.ts';
import {
  FIRST_IGNORABLE_TYPE,
  FRAME_TYPE,
  MAX_BODY_BYTES,
  SESSION_TYPES,
} from '../../../shared/protocol/codec/wire.ts';
import { hex, malformed, parseAll, RecordingSink, thrownBy } from '../support.ts';

const unsupported = { code: 'unsupportedMessage', name: 'ProtocolViolation' };
const SAFE = '001fffffffffffff';
const UNSAFE = '0020000000000000';
const u32 = (value: number) => value.toString(16).padStart(8, '0');

/** Session frames with the shortest body that is right. */
const SHORTEST: readonly [string, number, string][] = [
  ['RESET', 0x11, '0000000000000001 0000'],
  ['OPEN', 0x12, '0000000000000001 0000000000000001 00 00 0001 01 61'],
  ['OPENED', 0x13, '0000000000000001 0000000000000001 0000'],
  ['WINDOW', 0x14, '0000000000000001 0000000000000001 0000000000000001'],
  ['RECEIPT', 0x15, '00000001 00000001 0000000000000001'],
  ['SUBFLOW_STATE', 0x17, '00000001 01'],
  ['PRIORITY', 0x18, '00000001 01 00000001'],
  ['ADDRESS_ADD, IPv4', 0x19, '01 04 0001 01020304'],
  ['ADDRESS_ADD, IPv6', 0x19, '01 06 0001 01020304010203040102030401020304'],
  ['ADDRESS_REMOVE', 0x1a, '01'],
  ['GOAWAY', 0x1b, '0000'],
  ['CLOSE', 0x1c, '0000'],
  ['PUBLISH', 0x1d, '00 00 0001 00000001 01 2a'],
  ['PUBLISHED', 0x1e, '00 00 0001 00000001 00000001 0000 01 2a'],
  [
    'INBOUND, IPv4',
    0x1f,
    '0010000000000000 0000000000000001 00 04 0001 00000001 0001 0000 01020304 01020304',
  ],
  [
    'INBOUND, IPv6',
    0x1f,
    '0010000000000000 0000000000000001 00 06 0001 00000001 0001 0000' +
      '01020304010203040102030401020304 01020304010203040102030401020304',
  ],
  [
    'DATAGRAM_SETUP',
    0x20,
    '0001 01bb 0102030405060708 0102030405060708010203040506070801020304050607080102030405060708 00000001 00000001',
  ],
  ['FLOW', 0x21, '00000001 00000002 01 00 0035 01 61'],
  ['FLOW_END', 0x22, '00000001 0089'],
  ['SUBFLOWS_WISH', 0x80, '00000001 01'],
  ['STEERING', 0x81, '0000000000000001 00000001 03 00 0000 00000000 ffffffff'],
  [
    'STEERING with an uplink',
    0x81,
    '0000000000000001 00000001 03 01 0000 00000000 000f4240 02 00000000 03 64736c',
  ],
  ['UTILIZATION', 0x84, '00000001 64'],
  ['KEEP_ALIVE', 0x85, '0000000000000001 000a'],
  ['FLOW_STEERING', 0x86, '00000001 00000001 03 00 0000 00000000 ffffffff'],
  [
    'FLOW_STEERING with an uplink',
    0x86,
    '00000001 00000001 03 01 0000 00000000 000f4240 02 00000000 03 64736c',
  ],
  ['RATE_LIMIT', 0x82, '00000001 0000000000000001 00000001'],
];

describe('bodies', () => {
  it('are tried of every control frame that has one', () => {
    const tried = new Set(SHORTEST.map(([, type]) => type));
    const others = [...SESSION_TYPES].filter((type) => !tried.has(type));
    // DATAGRAM has a message for a body, which is read by the plane.
    expect(others).toEqual([FRAME_TYPE.data, FRAME_TYPE.ping, FRAME_TYPE.datagram]);
  });

  it.each(SHORTEST)('%s: every shorter body is malformed', (_, type, text) => {
    const body = hex(text);
    for (let length = 0; length < body.length; length++) {
      expect(thrownBy(() => parseAll(encodeFrame(type, 0, body.subarray(0, length))))).toEqual(malformed);
    }
  });

  it.each(SHORTEST)('%s: bytes behind the known fields are ignored', (_, type, text) => {
    const body = hex(text);
    const plain = parseAll(encodeFrame(type, 0, body));
    expect(plain).toHaveLength(1);
    for (const extra of [1, 7, 15]) {
      const longer = Buffer.concat([body, Buffer.alloc(extra, 0xab)]);
      expect(parseAll(encodeFrame(type, 0, longer))).toEqual(plain);
    }
    // With the longest body that is allowed, too; RECEIPT has no fields but its entries.
    if (type === FRAME_TYPE.receipt) return;
    const longest = Buffer.concat([body, Buffer.alloc(2048 - body.length)]);
    expect(parseAll(encodeFrame(type, 0, longest))).toEqual(plain);
  });

  it.each(SHORTEST)('%s: unnamed flags and reserved bytes are ignored', (_, type, text) => {
    const frame = encodeFrame(type, 0, hex(text));
    const plain = parseAll(frame);
    // PUBLISH has two flags, no other frame more than one.
    frame.set([type === FRAME_TYPE.publish ? 0xfc : 0xfe, 0xff, 0xff], 1);
    expect(parseAll(frame)).toEqual(plain);
  });

  it('PING may have a body', () => {
    expect(parseAll(hex('16 ff ffff 00000002 0102'))).toEqual([{ kind: 'control', frame: { type: 'ping' } }]);
  });

  it.each(SHORTEST)('%s: more than 2048 bytes are refused by the header alone', (_, type) => {
    const header = Uint8Array.of(type, 0, 0, 0, 0, 0, 0x08, 0x01);
    expect(thrownBy(() => parseAll(header))).toEqual(malformed);
  });
});

describe('DATA', () => {
  const header = (flags: number, length: string, stream: string, dsn: string) =>
    hex(`10 ${flags.toString(16).padStart(2, '0')} 0000 ${length} ${stream} ${dsn}`);
  const ONE = '0000000000000001';

  it('takes the longest payload', () => {
    const frame = Buffer.concat([
      header(0, u32(MAX_BODY_BYTES), ONE, ONE),
      Buffer.alloc(MAX_BODY_BYTES - 16, 7),
    ]);
    expect(parseAll(frame)).toMatchObject([{ streamId: 1, dsn: 1, fin: false }]);
  });

  it('refuses one byte more', () => {
    expect(thrownBy(() => parseAll(hex(`10 00 0000 ${u32(MAX_BODY_BYTES + 1)}`)))).toEqual(malformed);
    expect(thrownBy(() => parseAll(hex('10 00 0000 ffffffff')))).toEqual(malformed);
  });

  it('refuses a body without room for stream and DSN', () => {
    for (let length = 0; length < 16; length++) {
      expect(thrownBy(() => parseAll(Uint8Array.of(0x10, 1, 0, 0, 0, 0, 0, length)))).toEqual(malformed);
    }
  });

  it('refuses neither payload nor FIN, whatever other flags are set', () => {
    expect(thrownBy(() => parseAll(header(0x00, '00000010', ONE, ONE)))).toEqual(malformed);
    expect(thrownBy(() => parseAll(header(0xfe, '00000010', ONE, ONE)))).toEqual(malformed);
  });

  it('ignores flags but FIN', () => {
    expect(parseAll(header(0xff, '00000010', ONE, ONE))).toMatchObject([{ payload: '', fin: true }]);
    const frame = Buffer.concat([header(0xfe, '00000011', ONE, ONE), hex('61')]);
    expect(parseAll(frame)).toMatchObject([{ payload: '61', fin: false }]);
  });

  it('takes stream ids and DSNs up to 2^53 - 1 and no further', () => {
    expect(parseAll(header(1, '00000010', SAFE, SAFE))).toEqual([
      { kind: 'data', streamId: 2 ** 53 - 1, dsn: 2 ** 53 - 1, payload: '', fin: true },
    ]);
    expect(thrownBy(() => parseAll(header(1, '00000010', UNSAFE, ONE)))).toEqual(malformed);
    expect(thrownBy(() => parseAll(header(1, '00000010', ONE, UNSAFE)))).toEqual(malformed);
    expect(thrownBy(() => parseAll(header(1, '00000010', ONE, 'ffffffffffffffff')))).toEqual(malformed);
  });

  it('refuses a payload that would end above 2^53 - 1, before any of it', () => {
    expect(thrownBy(() => parseAll(header(0, '00000011', ONE, SAFE)))).toEqual(malformed);
    expect(parseAll(header(0, '00000012', ONE, '001ffffffffffffd'))).toEqual([]);
  });
});

describe('fields of control frames', () => {
  it.each([
    ['RESET stream', `11 00 0000 0000000a ${UNSAFE} 0000`],
    ['OPEN stream', `12 00 0000 00000016 ${UNSAFE} ${SAFE} 00 00 0001 01 61`],
    ['OPEN limit', `12 00 0000 00000016 ${SAFE} ${UNSAFE} 00 00 0001 01 61`],
    ['OPENED limit', `13 01 0000 00000012 ${SAFE} ${UNSAFE} 0000`],
    ['WINDOW ack', `14 00 0000 00000018 ${SAFE} ${UNSAFE} ${SAFE}`],
    ['WINDOW limit', `14 00 0000 00000018 ${SAFE} ${SAFE} ${UNSAFE}`],
    ['RECEIPT bytes', `15 00 0000 00000010 00000001 00000000 ${UNSAFE}`],
    ['OPEN port 0', `12 00 0000 00000016 ${SAFE} ${SAFE} 00 00 0000 01 61`],
    ['OPEN without a host', `12 00 0000 00000015 ${SAFE} ${SAFE} 00 00 0001 00`],
    ['OPEN with a host that is not UTF-8', `12 00 0000 00000016 ${SAFE} ${SAFE} 00 00 0001 01 ff`],
    ['SUBFLOW_STATE 3', '17 00 0000 00000005 00000001 03'],
    ['ADDRESS_ADD family 5', '19 00 0000 00000008 01 05 0001 01020304'],
    ['ADDRESS_ADD port 0', '19 00 0000 00000008 01 04 0000 01020304'],
    ['STEERING stream', `81 00 0000 00000018 ${UNSAFE} 00000001 00 00 0000 00000000 ffffffff`],
    ['STEERING with more loss than all', `81 00 0000 00000018 ${SAFE} 00000001 00 00 0000 00000000 000f4241`],
    [
      'STEERING without one uplink of two',
      `81 00 0000 0000001f ${SAFE} 00000001 00 02 0000 00000000 ffffffff 00 00000000 01 61`,
    ],
    [
      'STEERING with an empty name',
      `81 00 0000 0000001e ${SAFE} 00000001 00 01 0000 00000000 ffffffff 00 00000000 00`,
    ],
    [
      'STEERING with a name of no uplink',
      `81 00 0000 0000001f ${SAFE} 00000001 00 01 0000 00000000 ffffffff 00 00000000 01 20`,
    ],
    [
      'STEERING with an uplink twice',
      `81 00 0000 00000026 ${SAFE} 00000001 00 02 0000 00000000 ffffffff 00 00000000 01 61 01 00000000 01 61`,
    ],
    ['STEERING of more than 24 uplinks', `81 00 0000 00000018 ${SAFE} 00000001 00 19 0000 00000000 ffffffff`],
    ['PUBLISH port 0', '1d 00 0000 0000000a 00 00 0000 00000001 01 2a'],
    ['PUBLISH without a host', '1d 00 0000 00000009 00 00 0001 00000001 00'],
    [
      'INBOUND for an id of the client',
      '1f 00 0000 00000024 000fffffffffffff 0000000000000001 00 04 0001 00000001 0001 0000 01020304 01020304',
    ],
    [
      'INBOUND family 5',
      '1f 00 0000 00000024 0010000000000000 0000000000000001 00 05 0001 00000001 0001 0000 01020304 01020304',
    ],
    [
      'INBOUND limit',
      `1f 00 0000 00000024 0010000000000000 ${UNSAFE} 00 04 0001 00000001 0001 0000 01020304 01020304`,
    ],
    ['FLOW port 0', '21 00 0000 0000000e 00000001 00000002 01 00 0000 01 61'],
    ['FLOW without a host', '21 00 0000 0000000d 00000001 00000002 01 00 0035 00'],
    [
      'FLOW_STEERING with more loss than all',
      '86 00 0000 00000014 00000001 00000001 00 00 0000 00000000 000f4241',
    ],
    [
      'FLOW_STEERING of more than 24 uplinks',
      '86 00 0000 00000014 00000001 00000001 00 19 0000 00000000 ffffffff',
    ],
    ['SUBFLOWS_WISH 0', '80 00 0000 00000005 00000001 00'],
    ['KEEP_ALIVE after no time', '85 00 0000 0000000a 0000000000000001 0000'],
    ['UTILIZATION above 100 %', '84 00 0000 00000005 00000001 65'],
    ['RATE_LIMIT bytes per second', `82 00 0000 00000010 00000001 ${UNSAFE} 00000001`],
    ['RECEIPT without entries', '15 00 0000 00000000'],
  ])('%s is malformed', (_, text) => {
    expect(thrownBy(() => parseAll(hex(text)))).toEqual(malformed);
  });

  it('OPEN takes an unknown mode (it is read as aggregate later)', () => {
    const open = `12 00 0000 00000016 ${SAFE} ${SAFE} c8 00 0001 01 61`;
    expect(parseAll(hex(open))).toMatchObject([
      { frame: { type: 'open', mode: 200, streamId: 2 ** 53 - 1 } },
    ]);
  });
});

describe('unknown types', () => {
  it('closes with unsupportedMessage for every critical one, by the header alone, whatever its length', () => {
    for (let type = 0; type < FIRST_IGNORABLE_TYPE; type++) {
      if (SESSION_TYPES.has(type)) continue;
      for (const length of ['00000000', '00000010', '00000801', 'ffffffff']) {
        const header = Buffer.concat([Uint8Array.of(type, 0, 0, 0), hex(length)]);
        expect(thrownBy(() => parseAll(header))).toEqual(unsupported);
      }
    }
  });

  it('skips every ignorable one, whatever its length and however it is cut', () => {
    const ping = hex('16 00 0000 00000000');
    for (let type = FIRST_IGNORABLE_TYPE; type <= 0xff; type++) {
      if (SESSION_TYPES.has(type)) continue;
      for (const length of [0, 1, 2048, 2049, MAX_BODY_BYTES]) {
        const sink = new RecordingSink();
        const parser = new FrameParser();
        const frame = Buffer.concat([encodeFrame(type, 0xff, new Uint8Array(length)), ping]);
        parser.push(frame.subarray(0, 9), sink);
        parser.push(frame.subarray(9), sink);
        expect(sink.parsed).toEqual([{ kind: 'control', frame: { type: 'ping' } }]);
      }
    }
  });

  it('refuses an ignorable one that is longer than any frame', () => {
    expect(thrownBy(() => parseAll(hex(`ff 00 0000 ${u32(MAX_BODY_BYTES + 1)}`)))).toEqual(malformed);
  });
});
