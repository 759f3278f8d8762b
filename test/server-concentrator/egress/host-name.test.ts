import { expect, test } from 'vitest';
import { normalizeHost } from '../../../server-concentrator/egress/host-name.ts';

test.each([
  ['Example.ORG', 'example.org'],
  ['example.org.', 'example.org'],
  ['_sip._tcp.example.org', '_sip._tcp.example.org'],
  // What IDNA would not let pass, and name servers know.
  ['r3---sn-4g5e6nzz.example.org', 'r3---sn-4g5e6nzz.example.org'],
  ['XN--a.example', 'xn--a.example'],
  ['xn--ls8h.la', 'xn--ls8h.la'],
  ['-a-.example', '-a-.example'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['ｅｘａｍｐｌｅ.org', 'example.org'],
  ['example。org', 'example.org'],
  ['ex\u00adample.org', 'example.org'],
  ['localhost', 'localhost'],
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001:db8::1'],
  // What inet_aton(3) takes for addresses must meet the policy as such.
  ['127.1', '127.0.0.1'],
  ['127.0.0.1.', '127.0.0.1'],
  ['0x7f000001', '127.0.0.1'],
  ['0x7f.1', '127.0.0.1'],
  ['2130706433', '127.0.0.1'],
  ['0177.0.0.1', '127.0.0.1'],
  ['１２７.０.０.１', '127.0.0.1'],
])('%s reads as %s', (host, expected) => {
  expect(normalizeHost(host)).toBe(expected);
});

test.each([
  '',
  '.',
  '..',
  'a..b',
  'a b',
  'a\0b.org',
  'a\nb.org',
  'a/b',
  'a@b',
  'a:80',
  '[::1]',
  '%31.org',
  'example.org..',
  '1.2.3.256',
  'foo.1',
  `${'x'.repeat(64)}.org`,
  `${'x.'.repeat(127)}org`,
  'x'.repeat(10_000),
])('%j is refused', (host) => {
  expect(normalizeHost(host)).toBeUndefined();
});
