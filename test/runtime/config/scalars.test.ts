import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDestination } from '../../../shared/protocol/destination.ts';
import { parseHostPort } from '../../../shared/runtime/address/host-port.ts';
import { formatByteSize, parseByteSize } from '../../../shared/runtime/config/byte-size.ts';
import { formatDuration, parseDuration } from '../../../shared/runtime/config/duration.ts';
import { parseListenAddress } from '../../../shared/runtime/config/schema-pieces.ts';

describe('durations', () => {
  it.each([
    ['250ms', 250],
    ['10s', 10_000],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1_500],
    ['0s', 0],
    ['1d', 86_400_000],
  ])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['', '10', '10 s', 's', '-1s', '1e3s', '10sec', '1h 30m', '10S', 'Infinitys', '1..5s'])(
    '%j is refused',
    (text) => expect(parseDuration(text)).toBeUndefined(),
  );

  it('reads what it writes', () => {
    fc.assert(fc.property(fc.nat(), (ms) => parseDuration(formatDuration(ms)) === ms));
  });
});

describe('byte sizes', () => {
  it.each([
    ['64MiB', 67_108_864],
    ['512KiB', 524_288],
    ['1GB', 1_000_000_000],
    ['2TB', 2_000_000_000_000],
    ['1.5GiB', 1_610_612_736],
    ['100B', 100],
    ['1234567890123B', 1_234_567_890_123],
    ['9000000000000000B', 9e15],
    ['8 KB', 8_000],
  ])('%s is %d bytes', (text, bytes) => expect(parseByteSize(text)).toBe(bytes));

  it.each(['', '64', '64mb', '64Mb', '64M', '-1MiB', 'MiB', '1PiB'])('%j is refused', (text) =>
    expect(parseByteSize(text)).toBeUndefined(),
  );

  it('reads what it writes', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseByteSize(formatByteSize(bytes)) === bytes));
  });
});

describe('host and port', () => {
  it.each([
    ['vps.example.org:8443', { host: 'vps.example.org', port: 8443 }],
    ['127.0.0.1:1', { host: '127.0.0.1', port: 1 }],
    ['[::1]:65535', { host: '::1', port: 65535 }],
    ['localhost:80', { host: 'localhost', port: 80 }],
  ])('%s is read, and written again', (text, expected) => {
    const read = parseHostPort(text);
    expect(read).toEqual(expected);
    expect(read && formatDestination(read)).toBe(text);
  });

  it.each([
    '',
    ':80',
    'host',
    'host:',
    'host:0',
    'host:65536',
    'host:1e3',
    '::1:80',
    '[::1]',
    '[::1%eth0]:80',
    '[127.0.0.1]:80',
    'a b:80',
    '-a:80',
    'a..b:80',
    '127.1:80',
    '0x7f.0x1:80',
    '256.1.1.1:80',
    'host:80:90',
    `${'a'.repeat(64)}:80`,
  ])('%j is refused', (text) => expect(parseHostPort(text)).toBeUndefined());

  it('takes a default port', () => {
    expect(parseHostPort('host', 8443)).toEqual({ host: 'host', port: 8443 });
    expect(parseHostPort('[::1]', 8443)).toEqual({ host: '::1', port: 8443 });
    expect(parseHostPort('host:', 8443)).toBeUndefined();
  });

  it('listens at addresses, also at a port that the kernel chooses', () => {
    expect(parseListenAddress('127.0.0.1:0')).toEqual({ host: '127.0.0.1', port: 0 });
    expect(parseListenAddress('[::]:443')).toEqual({ host: '::', port: 443 });
    expect(parseListenAddress('localhost:80')).toBeUndefined();
    expect(parseListenAddress(':0')).toBeUndefined();
  });
});
