import { describe, expect, it } from 'vitest';
import { type ControlFrame, encodeControl, writeDataHeader } from '../../../shared/protocol/codec/frame.ts';
import { DATA_HEADER_BYTES, FRAME_TYPE, SESSION_TYPES } from '../../../shared/protocol/codec/wire.ts';
import { hex, parseAll, toHex } from '../support.ts';

/** Written by hand from SPEC.md sections 3 and 6 to 8: type, flags, reserved, length, body. */
const CONTROL: readonly [name: string, bytes: string, frame: ControlFrame][] = [
  ['RESET', '11 00 0000 0000000a  0000000000000007 0060', { type: 'reset', streamId: 7, code: 0x60 }],
  [
    'OPEN',
    '12 00 0000 0000001a  0000000000000003 0000000000100000 01 00 01bb 05 612e6e6574',
    { type: 'open', streamId: 3, limit: 0x100000, mode: 1, host: 'a.net', port: 443 },
  ],
  [
    'OPEN to an IPv6 address',
    '12 00 0000 00000018  0000000000000000 0000000000000001 06 00 0050 03 3a3a31',
    { type: 'open', streamId: 0, limit: 1, mode: 6, host: '::1', port: 80 },
  ],
  [
    'OPENED, connected',
    '13 01 0000 00000012  0000000000000003 0000000000010000 0000',
    { type: 'opened', streamId: 3, limit: 0x10000, ok: true, code: 0 },
  ],
  [
    'OPENED, refused',
    '13 00 0000 00000012  0000000000000003 0000000000000000 0080',
    { type: 'opened', streamId: 3, limit: 0, ok: false, code: 0x80 },
  ],
  [
    'WINDOW',
    '14 00 0000 00000018  0000000000000002 0000000100000000 001fffffffffffff',
    { type: 'window', streamId: 2, ack: 2 ** 32, limit: 2 ** 53 - 1 },
  ],
  [
    'RECEIPT of two subflows',
    '15 00 0000 00000020  00000001 000003e8 0000000000010018  fffffffe 00000000 0000000000000008',
    {
      type: 'receipt',
      entries: [
        { subflowId: 1, delayMicroseconds: 1000, bytes: 0x10018 },
        { subflowId: 0xffff_fffe, delayMicroseconds: 0, bytes: 8 },
      ],
    },
  ],
  ['PING', '16 00 0000 00000000', { type: 'ping' }],
  ['SUBFLOW_STATE active', '17 00 0000 00000005  00000004 00', state('active')],
  ['SUBFLOW_STATE doubted', '17 00 0000 00000005  00000004 01', state('doubted')],
  ['SUBFLOW_STATE gone', '17 00 0000 00000005  00000004 02', state('gone')],
  [
    'PRIORITY',
    '18 00 0000 00000009  80000000 01 00000003',
    { type: 'priority', subflowId: 2 ** 31, backup: true, generation: 3 },
  ],
  [
    'PRIORITY, no backup',
    '18 00 0000 00000009  00000002 00 ffffffff',
    { type: 'priority', subflowId: 2, backup: false, generation: 2 ** 32 - 1 },
  ],
  [
    'ADDRESS_ADD, IPv4',
    '19 00 0000 00000008  09 04 01bb c0000201',
    { type: 'addressAdd', addressId: 9, address: hex('c0000201'), port: 443, joinHere: true },
  ],
  [
    'ADDRESS_ADD, IPv6, C flag',
    '19 01 0000 00000014  0a 06 20fb 20010db8000000000000000000000001',
    {
      type: 'addressAdd',
      addressId: 10,
      address: hex('20010db8000000000000000000000001'),
      port: 8443,
      joinHere: false,
    },
  ],
  [
    'DATAGRAM_SETUP',
    '20 00 0000 00000034  0002 01bb 0102030405060708' +
      '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 00000400 00000100',
    {
      type: 'datagramSetup',
      epoch: 2,
      port: 443,
      connectionId: hex('0102030405060708'),
      secret: Uint8Array.from({ length: 32 }, (_, i) => i),
      maxFlows: 1024,
      maxAssociations: 256,
    },
  ],
  [
    'FLOW',
    '21 00 0000 00000012  80000001 00000002 05 00 0035 05 612e6e6574',
    { type: 'flow', flowId: 2 ** 31 + 1, associationId: 2, mode: 5, port: 53, host: 'a.net' },
  ],
  [
    'FLOW_END of a flow',
    '22 00 0000 00000006  00000007 0086',
    { type: 'flowEnd', id: 7, isAssociation: false, code: 0x86 },
  ],
  [
    'FLOW_END of an association',
    '22 01 0000 00000006  00000007 0089',
    { type: 'flowEnd', id: 7, isAssociation: true, code: 0x89 },
  ],
  ['DATAGRAM', '23 00 0000 00000003  030000', { type: 'datagram', message: hex('030000') }],
  [
    'FLOW_STEERING',
    '86 00 0000 0000001e  00000003 00000002 02 01 0000 000000fa 000003e8 03 00000000 04 77696669',
    {
      type: 'flowSteering',
      flowId: 3,
      generation: 2,
      mode: 2,
      maxRttMs: 250,
      maxLossMillionths: 1_000,
      uplinks: [{ name: 'wifi', isOnly: true, isOrdered: true, weight: 0 }],
    },
  ],
  ['ADDRESS_REMOVE', '1a 00 0000 00000001  0a', { type: 'addressRemove', addressId: 10 }],
  ['SUBFLOWS_WISH', '80 00 0000 00000005  00000003 04', { type: 'subflowsWish', subflowId: 3, count: 4 }],
  [
    'STEERING, a mode alone',
    '81 00 0000 00000018  0000000000000004 00000001 02 00 0000 00000000 ffffffff',
    {
      type: 'steering',
      streamId: 4,
      generation: 1,
      mode: 2,
      maxRttMs: 0,
      maxLossMillionths: undefined,
      uplinks: [],
    },
  ],
  [
    'STEERING with uplinks and limits',
    '81 00 0000 0000002d  0000000000000004 00000002 01 02 0000 000000fa 00004e20' +
      '  03 000f4240 03 64736c  00 00000000 06 6c74652e5f2d',
    {
      type: 'steering',
      streamId: 4,
      generation: 2,
      mode: 1,
      maxRttMs: 250,
      maxLossMillionths: 20_000,
      uplinks: [
        { name: 'dsl', isOnly: true, isOrdered: true, weight: 1_000_000 },
        { name: 'lte._-', isOnly: false, isOrdered: false, weight: 0 },
      ],
    },
  ],
  [
    'RATE_LIMIT',
    '82 00 0000 00000010  00000003 0000000100000000 00000001',
    { type: 'rateLimit', subflowId: 3, bytesPerSecond: 2 ** 32, metered: false, generation: 1 },
  ],
  [
    'RATE_LIMIT, metered',
    '82 01 0000 00000010  fffffffe 0000000000000000 00000100',
    { type: 'rateLimit', subflowId: 0xffff_fffe, bytesPerSecond: 0, metered: true, generation: 256 },
  ],
  [
    'KEEP_ALIVE',
    '85 00 0000 0000000a  0000000000000004 003c',
    { type: 'keepAlive', streamId: 4, seconds: 60 },
  ],
  ['UTILIZATION', '84 00 0000 00000005  00000003 50', { type: 'utilization', subflowId: 3, percent: 80 }],
  [
    'PUBLISH',
    '1d 00 0000 0000000a  05 00 01bb 00000002 01 2a',
    { type: 'publish', slot: 5, generation: 2, withdrawn: false, once: false, port: 443, host: '*' },
  ],
  [
    'PUBLISH, withdrawn',
    '1d 01 0000 0000000a  ff 00 0000 ffffffff 01 2a',
    { type: 'publish', slot: 255, generation: 2 ** 32 - 1, withdrawn: true, once: false, port: 0, host: '*' },
  ],
  [
    'PUBLISH, once',
    '1d 02 0000 0000000e  00 00 0000 00000001 05 612e6e6574',
    { type: 'publish', slot: 0, generation: 1, withdrawn: false, once: true, port: 0, host: 'a.net' },
  ],
  [
    'PUBLISHED, listening',
    '1e 01 0000 00000010  05 00 01bb 00000002 00000007 0000 01 2a',
    { type: 'published', slot: 5, generation: 2, answer: 7, ok: true, port: 443, code: 0, text: '*' },
  ],
  [
    'PUBLISHED, refused',
    '1e 00 0000 00000011  05 00 0000 00000002 00000007 0020 02 6e6f',
    { type: 'published', slot: 5, generation: 2, answer: 7, ok: false, port: 0, code: 0x20, text: 'no' },
  ],
  [
    'INBOUND, IPv4',
    '1f 00 0000 00000024  0010000000000001 0000000000100000 05 04 c350 00000002 01bb 0000 cb007109 c6336407',
    {
      type: 'inbound',
      streamId: 2 ** 52 + 1,
      limit: 0x100000,
      slot: 5,
      generation: 2,
      visitor: hex('cb007109'),
      local: hex('c6336407'),
      visitorPort: 50_000,
      localPort: 443,
    },
  ],
  [
    'INBOUND, IPv6',
    '1f 00 0000 0000003c  0010000000000000 0000000000000001 00 06 ffff 00000001 0001 0000' +
      '  20010db8000000000000000000000001 20010db8000000000000000000000002',
    {
      type: 'inbound',
      streamId: 2 ** 52,
      limit: 1,
      slot: 0,
      generation: 1,
      visitor: hex('20010db8000000000000000000000001'),
      local: hex('20010db8000000000000000000000002'),
      visitorPort: 65_535,
      localPort: 1,
    },
  ],
  ['GOAWAY', '1b 00 0000 00000002  0084', { type: 'goaway', code: 0x84 }],
  ['CLOSE', '1c 00 0000 00000002  0085', { type: 'close', code: 0x85 }],
];

const DATA: readonly [string, string, { dsn: number; payload: string; fin: boolean }][] = [
  [
    'DATA',
    '10 00 0000 00000013  0000000000000005 0000000000000100 616263',
    { dsn: 0x100, payload: '616263', fin: false },
  ],
  [
    'DATA with FIN',
    '10 01 0000 00000012  0000000000000005 001ffffffffffffd 6162',
    { dsn: 2 ** 53 - 3, payload: '6162', fin: true },
  ],
  [
    'FIN alone',
    '10 01 0000 00000010  0000000000000005 0000000000000103',
    { dsn: 0x103, payload: '', fin: true },
  ],
];

function state(value: 'active' | 'doubted' | 'gone'): ControlFrame {
  return { type: 'subflowState', subflowId: 4, state: value };
}

describe('the bytes of every session frame, by hand from SPEC.md', () => {
  it('are all there', () => {
    const shown = new Set(CONTROL.map(([, , { type }]) => FRAME_TYPE[type]));
    expect([...SESSION_TYPES].filter((type) => !shown.has(type as never))).toEqual([FRAME_TYPE.data]);
  });

  it.each(CONTROL)('%s is written so', (_, bytes, frame) => {
    expect(toHex(encodeControl(frame))).toBe(toHex(hex(bytes)));
  });

  it.each(CONTROL)('%s is read so', (_, bytes, frame) => {
    expect(parseAll(hex(bytes))).toEqual([{ kind: 'control', frame }]);
  });

  it.each(DATA)('%s is written so', (_, bytes, { dsn, payload, fin }) => {
    const frame = new Uint8Array(DATA_HEADER_BYTES + payload.length / 2);
    writeDataHeader(frame, 0, 5, dsn, payload.length / 2, fin);
    frame.set(hex(payload), DATA_HEADER_BYTES);
    expect(toHex(frame)).toBe(toHex(hex(bytes)));
  });

  it.each(DATA)('%s is read so', (_, bytes, expected) => {
    expect(parseAll(hex(bytes))).toEqual([{ kind: 'data', streamId: 5, ...expected }]);
  });
});
