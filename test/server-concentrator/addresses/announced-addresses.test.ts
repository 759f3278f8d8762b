import { describe, expect, it } from 'vitest';
import { addressBytes, announcedNow } from '../../../server-concentrator/addresses/announced-addresses.ts';
import { formatDestination } from '../../../shared/protocol/destination.ts';

const NOWHERE = { own: [], listen: [], public: [] };

function auto(own: readonly string[], listen: readonly string[], joinHere = true) {
  const { addresses, ...rest } = announcedNow(
    { addresses: 'auto', joinHere },
    {
      own,
      listen: listen.map((host, i) => ({ host, port: 8443 + i })),
      public: [
        { host: '8.8.8.8', port: 443 },
        { host: 'vps.example', port: 8443 },
        { host: '10.0.0.1', port: 8443 },
      ],
    },
  );
  return { ...rest, addresses: addresses.map(formatDestination) };
}

describe('what a concentrator announces', () => {
  it('is what is listed', () => {
    const addresses = [{ host: '10.0.0.1', port: 443 }];
    expect(announcedNow({ addresses, joinHere: false }, NOWHERE)).toEqual({ addresses, joinHere: false });
  });

  it('automatically are its public addresses, with the ports that it listens at there', () => {
    const own = ['127.0.0.1', '192.168.1.2', '9.9.9.9', 'fe80::1', '2a00::9', '::1'];
    expect(auto(own, ['0.0.0.0', '::']).addresses).toEqual([
      '8.8.8.8:443',
      '9.9.9.9:8443',
      '9.9.9.9:8444',
      '[2a00::9]:8444',
    ]);
    expect(auto(own, ['9.9.9.9', '2a00:0::9', '192.168.1.2']).addresses).toEqual([
      '8.8.8.8:443',
      '9.9.9.9:8443',
      '[2a00::9]:8444',
    ]);
  });

  it('is bounded', () => {
    const own = Array.from({ length: 20 }, (_, i) => `9.9.9.${i + 1}`);
    expect(auto(own, ['0.0.0.0']).addresses).toHaveLength(8);
  });

  it('does not send clients elsewhere when it has nothing to name', () => {
    expect(announcedNow({ addresses: 'auto', joinHere: false }, NOWHERE)).toEqual({
      addresses: [],
      joinHere: true,
    });
    expect(auto([], ['::'], false).joinHere).toBe(false);
  });

  it('goes to the wire as 4 or 16 bytes', () => {
    expect([...addressBytes('192.0.2.1')]).toEqual([192, 0, 2, 1]);
    expect([...addressBytes('::1')]).toEqual([...Array(15).fill(0), 1]);
  });
});
