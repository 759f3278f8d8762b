import { expect, test } from 'vitest';
import { directRefusal } from '../../../client-proxy/direct/direct-destination.ts';

const OWN = ['192.168.1.5', 'fe80::1%eth0', '2001:470::5'];

test.each([
  '198.41.0.4',
  '192.168.1.1',
  '10.0.0.1',
  '172.16.0.1',
  '100.64.0.1',
  '100.100.100.201',
  '192.0.0.9',
  'fd00::1',
  '2620:fe::fe',
])('%s may be dialled', (address) => {
  expect(directRefusal(address, OWN)).toBeUndefined();
});

test.each([
  ['127.0.0.1', 'loopback'],
  ['127.255.0.1', 'loopback'],
  ['::1', 'loopback'],
  ['0.0.0.0', 'unspecified'],
  ['::', 'unspecified'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['64:ff9b::7f00:1', 'loopback'],
  ['169.254.169.254', 'cloud metadata'],
  ['169.254.1.1', 'link-local'],
  ['fe80::5', 'link-local'],
  ['fd00:ec2::254', 'cloud metadata'],
  ['fd00:ec2::23', 'cloud metadata'],
  ['fd00:c1::a9fe:a9fe', 'cloud metadata'],
  ['fd00:42::42', 'cloud metadata'],
  ['fd00:a9fe:a9fe::1', 'cloud metadata'],
  ['fd20:ce::254', 'cloud metadata'],
  ['168.63.129.16', 'cloud metadata'],
  ['100.100.100.200', 'cloud metadata'],
  ['192.0.0.192', 'cloud metadata'],
  ['::ffff:100.100.100.200', 'cloud metadata'],
  ['::ffff:6464:64c8', 'cloud metadata'],
  ['64:ff9b::192.0.0.192', 'cloud metadata'],
  ['2002:a9fe:a9fe::', 'cloud metadata'],
  ['2001:0:a83f:8110:8000:63bf:3fff:fdd2', 'cloud metadata'],
  ['64:ff9b:1::192.0.0.192', 'local-use NAT64'],
  ['224.0.0.1', 'multicast'],
  ['ff02::1', 'multicast'],
  ['255.255.255.255', 'broadcast'],
  ['240.0.0.1', 'reserved'],
  ['192.168.1.5', 'this machine itself'],
  ['::ffff:192.168.1.5', 'this machine itself'],
  ['2001:470:0::5', 'this machine itself'],
  ['fe80::1%eth0', 'not an IP address without a zone'],
])('%s may not: %s', (address, why) => {
  expect(directRefusal(address, OWN)).toContain(why);
});
