import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Destination } from '../../shared/protocol/destination.ts';
import { SOCKS_REPLY } from '../../shared/protocol/errors.ts';
import { type NameServer, startNameServer } from '../support/name-server.ts';
import { needs } from '../support/needs.ts';
import { type Origin, startEcho } from './support/origin.ts';
import { Pair } from './support/pair.ts';
import { readBytes } from './support/socks-client.ts';

const LONGEST = `${'a'.repeat(61)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}`;

/** What applications write into the domain field of a request, and what name servers are asked for then; null for nothing. */
const WRITTEN: readonly (readonly [string | Buffer, string | null])[] = [
  ['plain.test', 'plain.test'],
  ['MiXed.TEST', 'mixed.test'],
  // Absolute: there is no list of domains to search anyway.
  ['absolute.test.', 'absolute.test'],
  ['single', 'single'],
  ['single2.', 'single2'],
  ['_dmarc.under_score.test', '_dmarc.under_score.test'],
  ['r3---sn-4g5e6nzz.test', 'r3---sn-4g5e6nzz.test'],
  ['-dash-.test', '-dash-.test'],
  ['1.2.3.4.test', '1.2.3.4.test'],
  // International, as UTF-8 and as A-labels.
  ['bücher.test', 'xn--bcher-kva.test'],
  ['BÜCHER2.test.', 'xn--bcher2-3ya.test'],
  ['xn--bcher-kva.a.test', 'xn--bcher-kva.a.test'],
  ['XN--BCHER-KVA.b.test', 'xn--bcher-kva.b.test'],
  ['例え。test', 'xn--r8jz45g.test'],
  ['💩.test', 'xn--ls8h.test'],
  ['xn--a.test', 'xn--a.test'],
  [LONGEST, LONGEST],
  [`${LONGEST.slice(1)}.`, LONGEST.slice(1)],
  // Addresses as text.
  ['127.0.0.1', null],
  ['127.0.0.1.', null],
  ['[::1]', null],
  ['::1', null],
  ['0:0:0:0:0:0:0:1', null],
  ['::ffff:127.0.0.1', null],
  ['localhost', null],
  ['LocalHost.', null],
  ['www.localhost', null],
];

/** What names nothing: it is answered as a name that does not exist. */
const NONSENSE: readonly (string | Buffer)[] = [
  '',
  '.',
  'a..test',
  '.test',
  'a b.test',
  'a\0.test',
  'http://plain.test',
  'plain.test:80',
  '127.1',
  '2130706433',
  '0x7f000001',
  '256.0.0.1',
  '::1%lo',
  `${'a'.repeat(64)}.test`,
  `${LONGEST}x`,
  'x'.repeat(255),
  Buffer.from('b\xfccher.test', 'latin1'),
];

describe('names as applications write them', needs('mounts'), () => {
  let pair: Pair;
  let direct: NameServer;
  let origins: Origin[];
  const asked: string[] = [];
  beforeAll(async () => {
    direct = await startNameServer(() => ({ addresses: ['127.0.0.1'] }));
    pair = await Pair.start({
      nameServer: true,
      names: (type, name) => {
        if (type === 'A') asked.push(name);
        return { addresses: type === 'A' ? ['127.0.0.1'] : [] };
      },
      client: {
        socks: {
          users: [
            { name: 'steered', password: 'x' },
            { name: 'direct', password: 'x' },
          ],
        },
        steering: {
          rules: [
            // Rules see the name that is asked for.
            { host: ['blocked.test', 'bücher.blocked.test', '*.below.test'], block: true },
            { user: 'direct', direct: 'left' },
          ],
        },
        uplinks: [
          { name: 'left', address: '127.0.0.2', nameServers: [direct.address] },
          { name: 'right', address: '127.0.0.3' },
        ],
      },
    });
    const first = await startEcho();
    origins = [first, await startEcho('::1')];
  });
  afterAll(async () => {
    for (const origin of origins) await origin.close();
    direct.close();
    await pair.close();
  });

  it.each(WRITTEN)('%s over the concentrator: %s', async (written, name) => {
    asked.length = 0;
    const isIpv6 = name === null && String(written).includes(':1') && !String(written).includes('ffff');
    const { port } = origins[isIpv6 ? 1 : 0]!;
    expect(await replyTo('steered', written, port)).toBe(SOCKS_REPLY.succeeded);
    expect(asked).toEqual(name === null ? [] : [name]);
  });

  // This machine is not dialled directly, so the answer is that it may not be: the name was understood.
  it.each(WRITTEN)('%s directly: %s', async (written, name) => {
    direct.queries.length = 0;
    expect(await replyTo('direct', written, 80)).toBe(SOCKS_REPLY.notAllowed);
    const queries = direct.queries.filter((query) => query.startsWith('A '));
    expect(queries).toEqual(name === null ? [] : [`A ${name}`]);
  });

  it.each(NONSENSE)('%j: no such host', async (written) => {
    for (const user of ['steered', 'direct']) {
      expect(await replyTo(user, written, 80)).toBe(SOCKS_REPLY.hostUnreachable);
    }
  });

  it.each([
    'blocked.test',
    'Blocked.TEST.',
    'BÜCHER.blocked.test',
    'xn--bcher-kva.blocked.test.',
    'a.B.below.test.',
  ])('a rule holds for %s', async (written) => {
    asked.length = 0;
    expect(await replyTo('steered', written, 80)).toBe(SOCKS_REPLY.notAllowed);
    expect(asked).toEqual([]);
  });

  /** The reply to a CONNECT with these bytes as its domain field. */
  async function replyTo(user: string, written: string | Buffer, port: number): Promise<number> {
    const field = Buffer.from(written as string);
    const socket = connect(pair.socks as Destination);
    await once(socket, 'connect');
    socket.on('error', () => {});
    const login = Buffer.concat([
      Buffer.of(1, user.length),
      Buffer.from(user),
      Buffer.of(1),
      Buffer.from('x'),
    ]);
    const request = Buffer.concat([
      Buffer.of(5, 1, 0, 3, field.length),
      field,
      Buffer.of(port >> 8, port & 255),
    ]);
    socket.write(Buffer.concat([Buffer.of(5, 1, 2), login, request]));
    const answer = await readBytes(socket, 6);
    expect(answer.subarray(0, 4).toString('hex')).toBe('05020100');
    socket.destroy();
    return answer[5]!;
  }
});
