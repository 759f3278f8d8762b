import { describe, expect, test } from 'vitest';
import { endpointHosts, requestedPath } from '../../../shared/runtime/observe/requested-path.ts';

const PORT = 9101;
const names = { port: PORT, hosts: endpointHosts(['Stats.Example.org.', '2001:DB8:0::7']) };
const asked = (host: string | readonly string[], url = '/status?x=1') =>
  requestedPath({ url, rawHeaders: [host].flat().flatMap((value) => ['hOsT', value]) }, names);

describe('a request is meant for this endpoint', () => {
  test.each([
    '127.0.0.1:9101',
    '127.0.0.1:09101',
    '192.168.1.5:9101',
    '[::1]:9101',
    '[2001:db8::5]:9101',
    'localhost:9101',
    'LocalHost:9101',
    'localhost.:9101',
    // Its own names, behind whatever port.
    'stats.example.org',
    'STATS.example.ORG.:443',
    'stats.example.org:',
    '[2001:db8::7]:80',
  ])('when its host is %s', (host) => {
    expect(asked(host)).toBe('/status');
  });

  test('at port 80 without a port', () => {
    const at80 = { port: 80, hosts: new Set<string>() };
    for (const host of ['127.0.0.1', '127.0.0.1:', 'localhost', '[::1]', '[::1]:80']) {
      expect(requestedPath({ url: '/', rawHeaders: ['Host', host] }, at80)).toBe('/');
    }
  });
});

describe('a request is meant for another', () => {
  test.each([
    'attacker.example',
    'attacker.example:9101',
    'localhost.attacker.example:9101',
    '127.0.0.1.attacker.example:9101',
    'attacker.example.localhost:9101',
    'stats.example.org.attacker.example',
    'notstats.example.org',
    '.:9101',
    '',
    ':9101',
    'localhost..:9101',
    '127.0.0.1',
    'localhost:9102',
    'stats.example.org:65536',
    'stats.example.org:99999999999999999999',
    'localhost:9101x',
    'localhost:-1',
    'localhost:9101:9101',
    // Not written as browsers write addresses: a name of digits, for all this end knows.
    '127.1:9101',
    '2130706433:9101',
    '0x7f.0.0.1:9101',
    '0177.0.0.1:9101',
    '::1:9101',
    '[::1',
    '[::1]9101',
    '[127.0.0.1]:9101',
    '[fe80::1%25eth0]:9101',
    '[attacker.example]:9101',
    'user@127.0.0.1:9101',
    '127.0.0.1:9101@attacker.example',
    'attacker.example#127.0.0.1:9101',
    '127.0.0.1:9101, attacker.example',
    '127.0.0.1:9101 attacker.example',
    'ⓛocalhost:9101',
  ])('when its host is %j', (host) => {
    expect(asked(host)).toBeUndefined();
  });

  test('without a host, or with several', () => {
    expect(asked([])).toBeUndefined();
    expect(asked(['127.0.0.1:9101', 'attacker.example'])).toBeUndefined();
    expect(asked(['127.0.0.1:9101', '127.0.0.1:9101'])).toBeUndefined();
  });
});

test.each([
  ['http://127.0.0.1:9101/metrics?x', '/metrics'],
  ['HTTP://[::1]:9101/metrics', '/metrics'],
  ['http://localhost:9101', '/'],
  ['http://localhost:9101?x=/metrics', '/'],
  ['http://attacker.example/metrics', undefined],
  ['http://attacker.example:9101/metrics', undefined],
  ['http://127.0.0.1:9101@attacker.example/metrics', undefined],
  ['http:///metrics', undefined],
  // Not in absolute form for this server: no path that is served.
  ['https://127.0.0.1:9101/metrics', 'https://127.0.0.1:9101/metrics'],
  ['*', '*'],
])('the target %s asks for %s', (url, path) => {
  expect(asked('127.0.0.1:9101', url)).toBe(path);
});
