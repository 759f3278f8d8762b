import { once } from 'node:events';
import { connect, isIPv4 } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SOCKS_REPLY } from '../../shared/protocol/errors.ts';
import { type NameServer, startNameServer } from '../support/name-server.ts';
import { needs } from '../support/needs.ts';
import { Pair } from './support/pair.ts';
import { readAll } from './support/socks-client.ts';

const RESOLVE = 0xf0;
const RESOLVE_PTR = 0xf1;
const { hostUnreachable, notAllowed, commandNotSupported } = SOCKS_REPLY;

/** What the concentrator's name server knows. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'both.test': ['198.41.0.7', '2001:4860::7'],
  'six.test': ['2001:4860::6'],
  'inside.test': ['10.9.8.7'],
  'mixed.test': ['10.9.8.7', '198.41.0.8'],
};
const REVERSE: Readonly<Record<string, readonly string[]>> = {
  '7.0.41.198.in-addr.arpa': ['Host7.example'],
  '7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.8.4.1.0.0.2.ip6.arpa': ['host6.example'],
  '9.0.41.198.in-addr.arpa': ['not a name', '1.2.3.4'],
};

describe('RESOLVE and RESOLVE_PTR, as Tor has them', needs('mounts'), () => {
  let pair: Pair;
  let ofLeft: NameServer;
  beforeAll(async () => {
    ofLeft = await startNameServer(
      (type, name) => ({ addresses: type === 'A' && name === 'direct.test' ? ['198.41.0.20'] : [] }),
      (name) => (name === '20.0.41.198.in-addr.arpa' ? ['direct.example'] : []),
    );
    pair = await Pair.start({
      nameServer: true,
      names: (type, name) => {
        const known = NAMES[name];
        if (known === undefined) return 'nxdomain';
        return { addresses: known.filter((address) => isIPv4(address) === (type === 'A')) };
      },
      namesOf: (name) => REVERSE[name] ?? [],
      concentrator: { egress: { allow: [], deny: ['*:25', 'denied.test'] } },
      client: {
        steering: {
          rules: [
            { host: ['blocked.test'], block: true },
            { cidr: '198.41.0.66', block: true },
            { host: 'direct.test', direct: 'left' },
            { cidr: ['198.41.0.20', '127.0.0.0/8'], direct: 'left' },
            // Says nothing of a question, which has no port.
            { port: 80, block: true },
          ],
        },
        uplinks: [
          { name: 'left', address: '127.0.0.2', nameServers: [ofLeft.address] },
          { name: 'right', address: '127.0.0.3' },
        ],
      },
    });
  });
  afterAll(async () => {
    ofLeft.close();
    await pair.close();
  });

  it.each<[string, number, string | number]>([
    // [what is asked, command, the answer, or the reply that says why there is none]
    ['both.test', RESOLVE, '198.41.0.7'],
    ['BOTH.test.', RESOLVE, '198.41.0.7'],
    ['six.test', RESOLVE, '2001:4860::6'],
    ['198.41.0.9', RESOLVE, '198.41.0.9'],
    ['none.test', RESOLVE, hostUnreachable],
    // Nobody is told of addresses that are not dialled.
    ['inside.test', RESOLVE, notAllowed],
    ['mixed.test', RESOLVE, '198.41.0.8'],
    ['localhost', RESOLVE, notAllowed],
    ['denied.test', RESOLVE, notAllowed],
    ['blocked.test', RESOLVE, notAllowed],
    ['198.41.0.7', RESOLVE_PTR, 'host7.example'],
    ['2001:4860::7', RESOLVE_PTR, 'host6.example'],
    ['198.41.0.8', RESOLVE_PTR, hostUnreachable],
    ['198.41.0.9', RESOLVE_PTR, hostUnreachable],
    ['10.9.8.7', RESOLVE_PTR, notAllowed],
    ['198.41.0.66', RESOLVE_PTR, notAllowed],
    ['both.test', RESOLVE_PTR, hostUnreachable],
    // By the name servers of an uplink.
    ['direct.test', RESOLVE, '198.41.0.20'],
    ['198.41.0.20', RESOLVE_PTR, 'direct.example'],
    ['127.0.0.9', RESOLVE_PTR, notAllowed],
  ])('%s, command %d: %s', async (host, command, answer) => {
    expect(await ask(command, domain(host))).toBe(answer);
  });

  it.each([
    ['both.test', '005a0000c6290007'],
    // A reply of SOCKS4 has room for IPv4 alone, and for no reason.
    ['six.test', '005b000000000000'],
    ['none.test', '005b000000000000'],
    ['inside.test', '005b000000000000'],
    ['direct.test', '005a0000c6290014'],
  ])('%s by SOCKS4a: %s', async (host, reply) => {
    const question = Buffer.concat([
      Buffer.of(4, RESOLVE, 0, 0, 0, 0, 0, 1, 0),
      Buffer.from(host),
      Buffer.of(0),
    ]);
    expect((await answerTo(question)).toString('hex')).toBe(reply);
  });

  it('takes addresses as such', async () => {
    expect(await ask(RESOLVE_PTR, Buffer.of(1, 198, 41, 0, 7))).toBe('host7.example');
    const ipv6 = Buffer.from('0420014860000000000000000000000007', 'hex');
    expect(await ask(RESOLVE_PTR, ipv6)).toBe('host6.example');
    expect(await ask(RESOLVE, ipv6)).toBe('2001:4860::7');
  });

  it('answers many at a time', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(RESOLVE, domain('both.test'))));
    expect(new Set(answers)).toEqual(new Set(['198.41.0.7']));
  });

  it('counts them', async () => {
    const client = await pair.metrics('client');
    expect(client.sum('tributary_lookups_total', { result: 'ok' })).toBeGreaterThan(100);
    expect(client.sum('tributary_lookups_total', { result: 'nameNotFound' })).toBe(5);
    expect((await pair.metrics('client')).sum('tributary_streams')).toBe(0);
    expect((await pair.metrics('concentrator')).sum('tributary_streams')).toBe(0);
  });

  it('knows other commands as little as before', async () => {
    for (const command of [4, 9, 0xf2])
      expect(await ask(command, domain('both.test'))).toBe(commandNotSupported);
  });

  function domain(host: string): Buffer {
    return Buffer.concat([Buffer.of(3, host.length), Buffer.from(host)]);
  }

  /** What the reply says, or its number; the connection must end behind it. */
  async function ask(command: number, address: Buffer): Promise<string | number> {
    // As tor-resolve does it: port 0.
    const bytes = await answerTo(
      Buffer.concat([Buffer.of(5, 1, 0, 5, command, 0), address, Buffer.of(0, 0)]),
    );
    const [, , version, reply, , type] = bytes;
    expect(version).toBe(5);
    if (reply !== 0) return reply!;
    const value = bytes.subarray(6, -2);
    if (type === 1) return [...value].join('.');
    return type === 3 ? value.subarray(1).toString() : ipv6Text(value);
  }

  async function answerTo(question: Buffer): Promise<Buffer> {
    const socket = connect(pair.socks);
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(question);
    const { bytes, error } = await readAll(socket);
    socket.destroy();
    expect(error).toBeUndefined();
    return bytes;
  }

  function ipv6Text(bytes: Buffer): string {
    const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
    return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
  }
});
