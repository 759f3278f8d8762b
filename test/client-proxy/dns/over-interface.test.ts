import { describe, expect, test } from 'vitest';
import { OverInterface } from '../../../client-proxy/dns/over-interface.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import { NameServers } from '../../../shared/runtime/dns/name-servers.ts';
import { DnsResolver } from '../../../shared/runtime/dns/resolver.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { useCleanups } from '../../support/cleanups.ts';
import { type NameServerReply, startNameServer } from '../../support/name-server.ts';
import { needs } from '../../support/needs.ts';

const { native } = loadNative();
const after = useCleanups();
const clock = () => performance.now();
const never = new Cancellation();

async function server(reply: (type: 'A' | 'AAAA', name: string) => NameServerReply) {
  const started = await startNameServer(reply);
  after(() => started.close());
  return started;
}

describe('names asked over one interface', needs('libc'), () => {
  const over = (device: string, servers: readonly string[]) =>
    new NameServers({ servers, way: new OverInterface(device, native!) }, clock);

  test('both families, with their time to live', async () => {
    const { address } = await server((type) => ({
      addresses: type === 'A' ? ['198.41.0.4', '198.41.0.5'] : ['2620:fe::fe'],
      ttlSeconds: 7,
    }));
    expect(await over('lo', [address]).ask('www.example.org', 'A', never)).toEqual([
      { value: '198.41.0.4', ttl: 7 },
      { value: '198.41.0.5', ttl: 7 },
    ]);
    expect(await over('lo', [address]).ask('www.example.org', 'AAAA', never)).toEqual([
      { value: '2620:fe::fe', ttl: 7 },
    ]);
  });

  test('by TCP where the answer is too long for a datagram', async () => {
    const addresses = Array.from({ length: 100 }, (_, index) => `198.41.0.${index}`);
    const { address, queries } = await server(() => ({ addresses, isTruncated: true }));
    expect(await over('lo', [address]).ask('www.example.org', 'A', never)).toHaveLength(100);
    // A machine that is busy for half a second asks again.
    expect([...new Set(queries)]).toEqual(['A www.example.org', 'A www.example.org by TCP']);
  });

  test('from the source address that a rule wants', async () => {
    const { address } = await server(() => ({ addresses: ['198.41.0.4'] }));
    const from = (source: string) =>
      new NameServers({ servers: [address], way: new OverInterface('lo', native!, () => source) }, clock);
    expect(await from('127.0.0.6').ask('www.example.org', 'A', never)).toHaveLength(1);
    const socket = await new OverInterface('lo', native!, () => '127.0.0.6').openUdp(4);
    after(() => socket.close());
    expect(socket.address().address).toBe('127.0.0.6');
    await expect(from('0.0.0.1').ask('www.example.org', 'A', never)).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
    });
  });

  test('an interface that is not there is said', async () => {
    await expect(over('missing0', ['127.0.0.1:9']).ask('www.example.org', 'A', never)).rejects.toMatchObject({
      code: 'ENODEV',
    });
  });

  test('by a resolver', async () => {
    const { address } = await server((type) => ({ addresses: type === 'A' ? ['198.41.0.4'] : [] }));
    const resolver = new DnsResolver({
      timeoutMs: 5_000,
      clock,
      hostsPath: '/nonexistent',
      route: () => ({ servers: [address], way: new OverInterface('lo', native!) }),
    });
    expect(await resolver.resolve('www.example.org', never)).toEqual(['198.41.0.4']);
  });
});
