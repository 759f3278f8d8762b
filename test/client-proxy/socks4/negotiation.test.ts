import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NegotiationAction } from '../../../client-proxy/front/message-negotiation.ts';
import { Socks4Negotiation } from '../../../client-proxy/socks4/negotiation.ts';
import { encodeErrorReply, encodeSuccessReply } from '../../../client-proxy/socks4/replies.ts';
import { MisuseError } from '../../../shared/protocol/errors.ts';
import { fromHex, hex } from '../socks5/socks-bed.ts';

const FAILED = '005b000000000000';
const REFUSED_USER = '005d000000000000';
const NAME = Buffer.from('example.org').toString('hex');

const COMPLETE: [name: string, input: string, line: string][] = [
  ['SOCKS4, no user id', '04 01 0050 c0000201 00', 'request 192.0.2.1 80 early '],
  ['SOCKS4, user id', '04 01 1f90 7f000001 616461 00', 'request 127.0.0.1 8080 early '],
  ['SOCKS4, early data', '04 01 0050 c0000201 00 474554', 'request 192.0.2.1 80 early 474554'],
  ['SOCKS4, the unspecified address', '04 01 0050 00000000 00', 'request 0.0.0.0 80 early '],
  ['SOCKS4a', `04 01 01bb 00000001 00 ${NAME} 00`, 'request example.org 443 early '],
  ['SOCKS4a, user id', `04 01 01bb 000000ff 6164 00 ${NAME} 00 16`, 'request example.org 443 early 16'],
  ['SOCKS4a, an address as text', '04 01 0016 00000001 00 3a3a31 00', 'request ::1 22 early '],
  [
    'SOCKS4a, an international name',
    '04 01 0050 00000001 00 62c3bc636865722e6465 00',
    'request xn--bcher-kva.de 80 early ',
  ],
  ['RESOLVE', `04 f0 0000 00000001 00 ${NAME} 00`, 'ipv4 of example.org 0 early '],
  ['RESOLVE with a port', `04 f0 0050 00000001 6164 00 ${NAME} 00`, 'ipv4 of example.org 0 early '],
  ['RESOLVE of an address', '04 f0 0000 c0000201 00', 'ipv4 of 192.0.2.1 0 early '],
  ['the longest user id', `04 01 0050 c0000201 ${'61'.repeat(255)} 00`, 'request 192.0.2.1 80 early '],
];

const REFUSED: [name: string, input: string, line: string][] = [
  ['BIND', '04 02', `failure unsupportedCommand ${FAILED}`],
  ['RESOLVE of no name', '04 f0 0000 00000001 00 00', `failure badDestination ${FAILED}`],
  ['RESOLVE_PTR', '04 f1', `failure unsupportedCommand ${FAILED}`],
  ['an unknown command', '04 03', `failure unsupportedCommand ${FAILED}`],
  ['port 0', '04 01 0000 c0000201 00', `failure badDestination ${FAILED}`],
  ['an empty name', '04 01 0050 00000001 00 00', `failure badDestination ${FAILED}`],
  ['blanks in the name', '04 01 0050 00000001 00 612062 00', `failure badDestination ${FAILED}`],
  ['an endless user id', `04 01 0050 c0000201 ${'61'.repeat(256)}`, `failure badDestination ${FAILED}`],
  ['an endless name', `04 01 0050 00000001 00 ${'61'.repeat(256)}`, `failure badDestination ${FAILED}`],
  ['another version', '05 01', `failure badVersion ${FAILED}`],
];

function line(action: NegotiationAction | undefined): string {
  if (action?.kind === 'request') {
    const { destination, lookup, earlyData } = action;
    const asked = lookup === undefined ? 'request' : `${lookup} of`;
    return `${asked} ${destination.host} ${destination.port} early ${hex(earlyData)}`;
  }
  return action?.kind === 'failure' ? `failure ${action.reason} ${hex(action.farewell!)}` : 'nothing';
}

function run(negotiation: Socks4Negotiation, pieces: readonly Uint8Array[]): string {
  for (const [index, piece] of pieces.entries()) {
    const lent = Uint8Array.from(piece);
    const [action, ...others] = negotiation.receive(lent);
    lent.fill(0xdd);
    expect(others).toEqual([]);
    if (action === undefined) continue;
    const rest = Buffer.concat(pieces.slice(index + 1));
    return action.kind === 'request' ? line(action) + hex(rest) : line(action);
  }
  return 'nothing';
}

const bytewise = (bytes: Uint8Array) => [...bytes].map((byte) => Uint8Array.of(byte));

describe('SOCKS4 negotiation', () => {
  it.each([...COMPLETE, ...REFUSED])('%s', (_name, input, expected) => {
    expect(run(new Socks4Negotiation(false), [fromHex(input)])).toBe(expected);
    expect(run(new Socks4Negotiation(false), bytewise(fromHex(input)))).toBe(expected);
  });

  it.each(COMPLETE)('is refused where users are configured: %s', (_name, input) => {
    const expected = `failure noAcceptableMethod ${REFUSED_USER}`;
    expect(run(new Socks4Negotiation(true), [fromHex(input)])).toBe(expected);
    expect(run(new Socks4Negotiation(true), bytewise(fromHex(input)))).toBe(expected);
  });

  it('tells what to set instead', () => {
    const [action] = new Socks4Negotiation(true).receive(fromHex('04 01'));
    expect(action).toMatchObject({ detail: expect.stringMatching(/no passwords.*socks5h:\/\//) });
  });

  it('waits for more at every truncation', () => {
    for (const [, input, expected] of COMPLETE) {
      const bytes = fromHex(input);
      const early = expected.slice(expected.lastIndexOf(' ') + 1).length / 2;
      for (let length = 0; length < bytes.length - early; length += 1) {
        expect(run(new Socks4Negotiation(false), [bytes.subarray(0, length)])).toBe('nothing');
      }
    }
  });

  it('keeps no more than a request of any bytes, and answers once', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.uint8Array({ maxLength: 1_000 }), (asksForLogin, bytes) => {
        const all = Uint8Array.of(4, ...bytes);
        const whole = run(new Socks4Negotiation(asksForLogin), [all]);
        expect(run(new Socks4Negotiation(asksForLogin), bytewise(all))).toBe(whole);
        if (all.length > 530) expect(whole).not.toBe('nothing');
      }),
    );
  });

  it('takes no bytes after its end, and knows no login', () => {
    const one = new Socks4Negotiation(false);
    one.receive(fromHex('04 02'));
    expect(() => one.receive(Uint8Array.of(4))).toThrow(MisuseError);
    expect(() => one.answerLogin()).toThrow(MisuseError);
  });
});

it('encodes replies, with the bound address where there is room for it', () => {
  expect(hex(encodeSuccessReply())).toBe('005a000000000000');
  expect(hex(encodeSuccessReply({ host: '10.1.2.3', port: 40000 }))).toBe('005a9c400a010203');
  expect(hex(encodeSuccessReply({ host: '2001:db8::1', port: 443 }))).toBe('005a000000000000');
  expect(hex(encodeErrorReply('nameNotFound'))).toBe(FAILED);
});
