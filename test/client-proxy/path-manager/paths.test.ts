import { describe, expect, it } from 'vitest';
import { type PathMode, pathNumber, pathsOf } from '../../../client-proxy/path-manager/paths.ts';
import type { UplinkBinding } from '../../../client-proxy/uplink/uplink.ts';

const WIFI: UplinkBinding = { kind: 'interface', interface: 'wlan0' };
const ADDRESSES = [
  { host: '192.0.2.1', port: 443 },
  { host: '2001:db8::1', port: 443 },
  { host: '192.0.2.2', port: 443 },
];
const NAME = { host: 'vps.example', port: 443 };

/** Each path's targets as text. */
function shown(
  mode: PathMode,
  binding = WIFI,
  addresses: readonly { host: string; port: number }[] = ADDRESSES,
) {
  return [...pathsOf(mode, binding, addresses, 8).values()].map((targets) =>
    targets.map(({ host, families }) => `${host} ${families.join('+')}`),
  );
}

describe('the paths of an uplink', () => {
  it('are one, one for each family, or one for each address', () => {
    expect(shown('per-uplink')).toEqual([['192.0.2.1 4', '2001:db8::1 6', '192.0.2.2 4']]);
    expect(shown('per-family')).toEqual([['192.0.2.1 4', '192.0.2.2 4'], ['2001:db8::1 6']]);
    expect(shown('fullmesh')).toEqual([['192.0.2.1 4'], ['2001:db8::1 6'], ['192.0.2.2 4']]);
  });

  it('take a name for both families', () => {
    expect(shown('per-uplink', WIFI, [NAME])).toEqual([['vps.example 6+4']]);
    expect(shown('per-family', WIFI, [NAME, ADDRESSES[0]!])).toEqual([
      ['vps.example 6'],
      ['vps.example 4', '192.0.2.1 4'],
    ]);
    expect(shown('fullmesh', WIFI, [NAME])).toEqual([['vps.example 6'], ['vps.example 4']]);
  });

  it('are of its own family where it is bound to an address', () => {
    const six: UplinkBinding = { kind: 'address', address: 'fd00::2' };
    expect(shown('per-uplink', six, [...ADDRESSES, NAME])).toEqual([['2001:db8::1 6', 'vps.example 6']]);
    expect(shown('per-family', six, [NAME])).toEqual([['vps.example 6']]);
    expect(shown('per-uplink', six, [ADDRESSES[0]!])).toEqual([['192.0.2.1 4']]);
  });

  it('leave names whole to a proxy', () => {
    const proxy: UplinkBinding = { kind: 'proxy', host: '127.0.0.1', port: 1080 };
    expect(shown('fullmesh', proxy, [NAME, ADDRESSES[0]!])).toEqual([['vps.example 6+4'], ['192.0.2.1 4']]);
  });

  it('are bounded', () => {
    const hosts = (mode: PathMode, most: number) =>
      [...pathsOf(mode, WIFI, ADDRESSES, most).values()].map((targets) => targets.map(({ host }) => host));
    expect(hosts('fullmesh', 2)).toEqual([['192.0.2.1'], ['2001:db8::1', '192.0.2.2']]);
    expect(hosts('per-family', 1)).toEqual([['192.0.2.1', '2001:db8::1', '192.0.2.2']]);
  });

  it('are told apart by family, as bottlenecks, unless they are one', () => {
    const [four, six] = [ADDRESSES[0]!, ADDRESSES[1]!];
    const numbers = (mode: PathMode) => [four, six, NAME].map((address) => pathNumber(mode, address));
    expect(numbers('per-uplink')).toEqual([0, 0, 0]);
    expect(numbers('per-family')).toEqual([4, 6, 0]);
    expect(numbers('fullmesh')).toEqual([4, 6, 0]);
  });
});
