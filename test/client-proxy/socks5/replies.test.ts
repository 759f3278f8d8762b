import { expect, it } from 'vitest';
import { encodeErrorReply, encodeReply, encodeSuccessReply } from '../../../client-proxy/socks5/replies.ts';
import { SOCKS_REPLY } from '../../../shared/protocol/errors.ts';
import { hex } from './socks-bed.ts';

it('encodes replies with an unspecified, an IPv4 and an IPv6 bound address', () => {
  expect(hex(encodeReply(SOCKS_REPLY.ttlExpired))).toBe('05060001000000000000');
  expect(hex(encodeSuccessReply())).toBe('05000001000000000000');
  expect(hex(encodeSuccessReply({ host: '10.1.2.3', port: 40000 }))).toBe('050000010a0102039c40');
  expect(hex(encodeSuccessReply({ host: '2001:db8::1', port: 443 }))).toBe(
    '0500000420010db800000000000000000000000101bb',
  );
  expect(hex(encodeSuccessReply({ host: 'a.bc', port: 0 }))).toBe('0500000304612e62630000');
});

it('tells the application the reason of a failure', () => {
  const replies = (
    [
      'connectionRefused',
      'nameNotFound',
      'notAuthorized',
      'timedOut',
      'uplinksLost',
      'unsupportedMessage',
    ] as const
  ).map((error) => encodeErrorReply(error)[1]);
  expect(replies).toEqual([0x05, 0x04, 0x02, 0x06, 0x03, 0x07]);
  expect(encodeErrorReply('internalError')[1]).toBe(0x01);
});
