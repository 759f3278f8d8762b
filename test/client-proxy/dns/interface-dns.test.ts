import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { InterfaceDns, OverInterface } from '../../../client-proxy/dns/interface-dns.ts';
import { DnsResolver } from '../../../shared/runtime/dns/resolver.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { useCleanups } from '../../support/cleanups.ts';
import { type NameServerReply, startNameServer } from '../../support/name-server.ts';
import { needs } from '../../support/needs.ts';

const { native } = loadNative();
const after = useCleanups();

async function server(reply: (type: 'A' | 'AAAA', name: string) => NameServerReply) {
  const started = await startNameServer(reply);
  after(() => started.close());
  return started;
}

const overLoopback = (servers: readonly string[], device = 'lo') =>
  new InterfaceDns({ interface: device, servers, native: native!, firstTryMs: 60, tries: 2 });

describe('names asked over one interface', needs('libc'), () => {
  test('both families, with their time to live', async () => {
    const { address } = await server((type) => ({
      addresses: type === 'A' ? ['198.41.0.4', '198.41.0.5'] : ['2620:fe::fe'],
      ttlSeconds: 7,
    }));
    const dns = overLoopback([address]);
    expect(await dns.resolve4('www.example.org')).toEqual([
      { address: '198.41.0.4', ttl: 7 },
      { address: '198.41.0.5', ttl: 7 },
    ]);
    expect(await dns.resolve6('www.example.org')).toEqual([{ address: '2620:fe::fe', ttl: 7 }]);
  });

  test.each<[string, NameServerReply, string]>([
    ['no such name', 'nxdomain', 'ENOTFOUND'],
    ['no address', { addresses: [] }, 'ENODATA'],
    ['a failing server', 'servfail', 'ESERVFAIL'],
    ['a silent server', 'silence', 'ETIMEOUT'],
  ])('%s', async (_, reply, code) => {
    const { address } = await server(() => reply);
    await expect(overLoopback([address]).resolve4('www.example.org')).rejects.toMatchObject({ code });
  });

  test('a failing, a silent and an absent server are passed over', async () => {
    const failing = await server(() => 'servfail');
    const silent = await server(() => 'silence');
    const absent = await startNameServer(() => 'silence');
    absent.close();
    const good = await server(() => ({ addresses: ['198.41.0.4'] }));
    const servers = [failing, silent, absent, good].map(({ address }) => address);
    expect(await overLoopback(servers).resolve4('www.example.org')).toHaveLength(1);
  });

  test('a lost question is asked again', async () => {
    let count = 0;
    const { address, queries } = await server(() =>
      ++count === 1 ? 'silence' : { addresses: ['198.41.0.4'] },
    );
    expect(await overLoopback([address]).resolve4('www.example.org')).toHaveLength(1);
    expect(queries).toHaveLength(2);
  });

  test('an answer that is too long comes over TCP', async () => {
    const udp = createSocket('udp4');
    const tcp = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (asked) => {
        const record = Buffer.from('c00c00010001000000070004c6290004', 'hex');
        const answer = Buffer.concat([asked.subarray(2), ...Array(100).fill(record)]);
        answer.writeUInt16BE(0x8180, 2);
        answer.writeUInt16BE(100, 6);
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        socket.write(length.subarray(0, 1));
        setTimeout(() => socket.write(Buffer.concat([length.subarray(1), answer])), 10);
      });
    });
    udp.on('message', (asked, from) => {
      asked.writeUInt16BE(0x8380, 2);
      udp.send(asked, from.port, from.address);
    });
    // In this order: connections take TCP ports by chance, next to nothing takes UDP ports.
    tcp.listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const { port } = tcp.address() as AddressInfo;
    udp.bind(port, '127.0.0.1');
    await once(udp, 'listening');
    after(() => {
      udp.close();
      tcp.close();
    });
    const dns = new InterfaceDns({
      interface: 'lo',
      servers: [`127.0.0.1:${port}`],
      native: native!,
      firstTryMs: 2_000,
      tries: 1,
    });
    expect(await dns.resolve4('www.example.org')).toHaveLength(100);
  });

  test('an interface that is not there is said', async () => {
    const dns = overLoopback(['127.0.0.1:9'], 'missing0');
    await expect(dns.resolve4('www.example.org')).rejects.toMatchObject({ code: 'ENODEV' });
  });

  test('stands in for c-ares in the resolver', async () => {
    const { address } = await server((type) => ({ addresses: type === 'A' ? ['198.41.0.4'] : [] }));
    const over = new OverInterface('lo', native!);
    const resolver = new DnsResolver({
      timeoutMs: 5_000,
      clock: () => performance.now(),
      hostsPath: '/nonexistent',
      route: () => ({ servers: [address], over }),
    });
    expect(await resolver.resolve('www.example.org', new AbortController().signal)).toEqual(['198.41.0.4']);
  });
});

test.each(['127.0.0.2', undefined])('c-ares asks from the address %s', async (localAddress) => {
  const heard: string[] = [];
  const socket = createSocket('udp4').on('message', (_, from) => heard.push(from.address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  after(() => socket.close());
  const resolver = new DnsResolver({
    timeoutMs: 300,
    clock: () => performance.now(),
    hostsPath: '/nonexistent',
    route: () => ({
      servers: [`127.0.0.1:${socket.address().port}`],
      ...(localAddress === undefined ? {} : { localAddress }),
    }),
  });
  await resolver.resolve('www.example.org', new AbortController().signal).catch(() => {});
  expect(new Set(heard)).toEqual(new Set([localAddress ?? '127.0.0.1']));
});
