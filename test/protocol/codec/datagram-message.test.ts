import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../../shared/protocol/codec/bytes.ts';
import {
  DatagramReader,
  decodeFeedback,
  decodePath,
  encodeAnnouncement,
  encodeDatagramHead,
  encodeFeedback,
  encodePath,
  type FeedbackMessage,
  kindOf,
} from '../../../shared/protocol/codec/datagram-message.ts';
import { hex, toHex } from '../support.ts';

const ANNOUNCED = { associationId: 5, mode: 1, host: 'a.net', port: 53 };

/** Written by hand from SPEC.md section 13. */
const DATAGRAMS = [
  {
    name: 'a whole datagram',
    head: encodeDatagramHead(7, 0x010203, false),
    bytes: '03 010203 00000007',
    read: {
      flowId: 7,
      sequence: 0x010203,
      isSpread: false,
      announcement: undefined,
      partIndex: 0,
      partCount: 1,
    },
  },
  {
    name: 'one of a flow of the concentrator that is spread',
    head: encodeDatagramHead(2 ** 31, 2 ** 24 - 1, true),
    bytes: '43 ffffff 80000000',
    read: { flowId: 2 ** 31, sequence: 2 ** 24 - 1, isSpread: true, partCount: 1 },
  },
  {
    name: 'one that is announced',
    head: encodeDatagramHead(7, 1, false, encodeAnnouncement(ANNOUNCED)),
    bytes: '13 000001 00000007 00000005 01 00 0035 05 612e6e6574',
    read: { flowId: 7, sequence: 1, announcement: ANNOUNCED, partCount: 1 },
  },
  {
    name: 'an announced part',
    head: encodeDatagramHead(7, 1, true, encodeAnnouncement(ANNOUNCED), { index: 254, count: 255 }),
    bytes: '73 000001 00000007 00000005 01 00 0035 05 612e6e6574 feff',
    read: { flowId: 7, announcement: ANNOUNCED, isSpread: true, partIndex: 254, partCount: 255 },
  },
];

const FEEDBACK: readonly (readonly [string, string, FeedbackMessage])[] = [
  [
    'without gaps',
    '02 03 0064 00000000000010 00000000000010 000f 00',
    { path: 3, delayMs: 3.2, largest: 16, packets: 16, firstRun: 15, gaps: [] },
  ],
  [
    'with gaps',
    '02 ff ffff 00010000000009 00000100000007 0001 02 0002 0003 0001 0004',
    {
      path: 255,
      delayMs: undefined,
      largest: 2 ** 40 + 9,
      packets: 2 ** 32 + 7,
      firstRun: 1,
      gaps: [
        { gap: 2, run: 3 },
        { gap: 1, run: 4 },
      ],
    },
  ],
  [
    'with a token',
    '12 03 0000 00000000000002 00000000000002 0001 01 0001 0001 0102030405060708',
    {
      ...{ path: 3, delayMs: 0, largest: 2, packets: 2, firstRun: 1 },
      gaps: [{ gap: 1, run: 1 }],
      token: hex('0102030405060708'),
    },
  ],
];

describe('messages of the datagram plane', () => {
  it.each(DATAGRAMS)('DATAGRAM: $name is written and read as SPEC.md says', ({ head, bytes, read }) => {
    expect(toHex(head)).toBe(toHex(hex(bytes)));
    const reader = new DatagramReader();
    expect(reader.read(concatBytes(head, hex('aabb')))).toBe(true);
    expect(reader).toMatchObject(read);
    expect(toHex(reader.payload)).toBe('aabb');
  });

  it.each(DATAGRAMS)('DATAGRAM: $name may have no payload, but no shorter head', ({ head }) => {
    const reader = new DatagramReader();
    expect(reader.read(head)).toBe(true);
    expect(reader.payload).toHaveLength(0);
    for (let length = 0; length < head.length; length++)
      expect(reader.read(head.subarray(0, length))).toBe(false);
  });

  it('DATAGRAM: space for the header of a frame may be in front', () => {
    const head = encodeDatagramHead(7, 1, false, undefined, { index: 0, count: 2 }, 8);
    expect(toHex(head)).toBe(toHex(hex('0000000000000000 23 000001 00000007 0002')));
  });

  it.each([
    ['a part of one', '23 000001 00000007 0001'],
    ['a part of none', '23 000001 00000007 0000'],
    ['a part behind the last', '23 000001 00000007 0202'],
    ['an announcement without a host', '13 000001 00000007 00000005 01 00 0035 00'],
    ['an announcement of port 0', '13 000001 00000007 00000005 01 00 0000 01 61'],
    ['a host that is not UTF-8', '13 000001 00000007 00000005 01 00 0035 02 c328'],
  ])('DATAGRAM: %s is not read', (_, text) => {
    expect(new DatagramReader().read(hex(text))).toBe(false);
  });

  it.each(FEEDBACK)('FEEDBACK %s is written and read as SPEC.md says', (_, text, feedback) => {
    const message = hex(text);
    expect(toHex(encodeFeedback(feedback))).toBe(toHex(message));
    expect(decodeFeedback(message)).toEqual(feedback);
    for (let length = 0; length < message.length; length++) {
      expect(decodeFeedback(message.subarray(0, length))).toBeUndefined();
    }
  });

  it.each([
    ['a counter above 2^53', '02 00 0000 20000000000000 00000000000001 0000 00'],
    ['more gaps than 31', `02 00 0000 00000000000001 00000000000001 0000 20 ${'00010001'.repeat(32)}`],
  ])('FEEDBACK with %s is not read', (_, text) => {
    expect(decodeFeedback(hex(text))).toBeUndefined();
  });

  it("PATH has the name of the client's uplink, and zeros behind it", () => {
    const message = encodePath({ uplinkName: 'wifi' }, 1_168);
    expect([message.length, toHex(message.subarray(0, 8))]).toEqual([1_168, '0104776966690000']);
    expect(message.subarray(6).every((byte) => byte === 0)).toBe(true);
    expect(decodePath(message)).toEqual({ uplinkName: 'wifi' });
  });

  it('PATH of the concentrator has a token, which FEEDBACK repeats, and neither is longer than what it answers', () => {
    const token = hex('0102030405060708');
    const [client, concentrator] = [
      encodePath({ uplinkName: 'a' }, 0),
      encodePath({ uplinkName: '', token }, 0),
    ];
    expect(toHex(concentrator.subarray(0, 11))).toBe('1100010203040506070800');
    expect(decodePath(concentrator)).toEqual({ uplinkName: '', token });
    expect(decodePath(encodePath({ uplinkName: 'wifi', token }, 0))).toEqual({ uplinkName: 'wifi', token });
    const feedback = { path: 0, delayMs: 0, largest: 1, packets: 1, firstRun: 0, gaps: [] };
    // With header and tag.
    const lengthOf = (message: Uint8Array) => 32 + message.length;
    expect(lengthOf(client)).toBeGreaterThanOrEqual(
      lengthOf(encodeFeedback(feedback)) + lengthOf(concentrator),
    );
    expect(lengthOf(concentrator)).toBeGreaterThanOrEqual(lengthOf(encodeFeedback({ ...feedback, token })));
  });

  it.each([
    ['nothing', '01'],
    ['less than its name', '01 05 77696669'],
    ['a name of no uplink', '01 01 20'],
    ['a name that is not UTF-8', '01 02 c328'],
    ['a token that is cut short', '11 04 77696669 01020304050607'],
  ])('PATH with %s is not read', (_, text) => {
    expect(decodePath(hex(text))).toBeUndefined();
  });

  it('of any bytes are read without an error', () => {
    const reader = new DatagramReader();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(kindOf(bytes)).toBeLessThan(16);
        decodePath(bytes);
        const feedback = decodeFeedback(bytes);
        if (feedback !== undefined) expect(decodeFeedback(encodeFeedback(feedback))).toEqual(feedback);
        if (reader.read(bytes)) {
          expect(reader.payload.length).toBeLessThanOrEqual(bytes.length - 8);
          expect(reader.partIndex).toBeLessThan(reader.partCount);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
