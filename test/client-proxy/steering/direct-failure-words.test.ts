import { expect, test } from 'vitest';
import { directFailureWords } from '../../../client-proxy/steering/direct-failure-words.ts';
import { UplinkError } from '../../../client-proxy/uplink/uplink-error.ts';

const destination = { host: 'game.example', port: 3478 };

test.each([
  {
    what: 'name and port',
    said: 'game.example:3478 cannot be reached from 10.0.0.1',
    told: 'the destination cannot be reached from 10.0.0.1',
  },
  {
    what: 'the name alone',
    said: 'the name game.example does not resolve, www.game.example does',
    told: 'the name the destination does not resolve, www.game.example does',
  },
  { what: 'an address', said: 'to 192.0.2.7:3478: refused', told: 'to the destination: refused' },
  { what: 'an IPv6 address', said: 'to [2001:db8::7]:3478: refused', told: 'to the destination: refused' },
])('$what of the destination is left out', ({ said, told }) => {
  const words = directFailureWords(new UplinkError('wan0', 'networkFailure', said), destination);
  expect(words).toContain(told);
  expect(words).not.toContain('game.example:');
});

test("errors of the system are told in words of our own, whatever characters the host's name has", () => {
  const error = Object.assign(new Error('sendto ENETUNREACH'), { code: 'ENETUNREACH' });
  expect(directFailureWords(error, { host: 'a(b[c', port: 1 })).toBe('no route to it (ENETUNREACH)');
});
