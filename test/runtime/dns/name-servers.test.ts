import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import { PlainWay } from '../../../shared/runtime/dns/dns-way.ts';
import { type DnsPatience, NameServers } from '../../../shared/runtime/dns/name-servers.ts';
import { useCleanups } from '../../support/cleanups.ts';
import { type NameServerReply, startNameServer } from '../../support/name-server.ts';
import { freePort } from '../../support/ports.ts';

const after = useCleanups();
const GOOD: NameServerReply = { addresses: ['198.41.0.4'], ttlSeconds: 7 };
const ANSWER = [{ value: '198.41.0.4', ttl: 7 }];
/** Three rounds in less than a second: for those who get no answer. */
const HURRY: DnsPatience = { nextServerMs: 40, firstRoundMs: 100, rounds: 3 };
/** The next one's turn comes soon, and there is time for an answer on any machine. */
const STEADY: DnsPatience = { ...HURRY, rounds: 9 };
/** Nobody's turn comes by time. */
const PATIENT: DnsPatience = { nextServerMs: 60_000, firstRoundMs: 60_000, rounds: 3 };

async function server(reply: NameServerReply | (() => NameServerReply)) {
  const started = await startNameServer(typeof reply === 'function' ? reply : () => reply);
  after(() => started.close());
  return started;
}

/** Where nobody listens. */
async function absent(): Promise<string> {
  return `127.0.0.1:${await freePort()}`;
}

function ask(servers: readonly string[], patience = STEADY, signal = new Cancellation()) {
  const asked = new NameServers({ servers, way: new PlainWay() }, () => performance.now(), patience);
  return asked.ask('www.example.org', 'A', signal);
}

describe('name servers', () => {
  const FAULTS: readonly (readonly [NameServerReply, string])[] = [
    ['servfail', 'ESERVFAIL'],
    ['refused', 'EREFUSED'],
    ['notimp', 'ENOTIMP'],
    ['formerr', 'EFORMERR'],
    ['referral', 'ESERVFAIL'],
    ['other id', 'ETIMEOUT'],
    ['other question', 'ETIMEOUT'],
    ['damaged', 'ETIMEOUT'],
    ['silence', 'ETIMEOUT'],
  ];

  test.each(FAULTS)(
    'with %j: the next one is asked, and without one it fails with %s',
    async (fault, code) => {
      const bad = await server(fault);
      const good = await server(GOOD);
      expect(await ask([bad.address, good.address])).toEqual(ANSWER);
      await expect(ask([bad.address], HURRY)).rejects.toMatchObject({ code });
    },
  );

  test.each(FAULTS.filter(([fault]) => fault !== 'silence'))(
    'that answer %j do not keep the next one waiting',
    async (fault) => {
      const [bad, good] = [await server(fault), await server(GOOD)];
      expect(await ask([bad.address, good.address], PATIENT)).toEqual(ANSWER);
    },
  );

  test('of which two fail, one by silence', async () => {
    const servers = [await absent(), (await server('silence')).address, (await server(GOOD)).address];
    expect(await ask(servers)).toEqual(ANSWER);
  });

  test('where nobody listens are not waited for', async () => {
    expect(await ask([await absent(), (await server(GOOD)).address], PATIENT)).toEqual(ANSWER);
    await expect(ask([await absent()], PATIENT)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test.each<[NameServerReply, string]>([
    ['nxdomain', 'ENOTFOUND'],
    [{ addresses: [] }, 'ENODATA'],
  ])('that say %j have answered', async (reply, code) => {
    const first = await server(reply);
    const second = await server(GOOD);
    await expect(ask([first.address, second.address], PATIENT)).rejects.toMatchObject({ code });
    expect(second.queries).toEqual([]);
  });

  test('that are late are heard all the same', async () => {
    const late = await server({ addresses: ['198.41.0.4'], ttlSeconds: 7, delayMs: 150 });
    expect(await ask([late.address, (await server('silence')).address])).toEqual(ANSWER);
  });

  test('are asked again, since a question or its answer may be lost', async () => {
    let count = 0;
    const { address, queries } = await server(() => (++count < 3 ? 'silence' : GOOD));
    expect(await ask([address])).toEqual(ANSWER);
    // Once more where the machine was too busy to hear the third answer.
    expect(queries.length).toBeGreaterThanOrEqual(3);
  });

  test('by TCP where an answer is cut off; what there is where TCP fails', async () => {
    const addresses = Array.from({ length: 100 }, (_, index) => `198.41.0.${index}`);
    const { address, queries } = await server({ addresses, isTruncated: true });
    expect(await ask([address], PATIENT)).toHaveLength(100);
    expect(queries).toEqual(['A www.example.org', 'A www.example.org by TCP']);
    const other = await server(GOOD);
    expect(await ask([await cutOff(), other.address])).toEqual(ANSWER);
  });

  test('that answer by TCP never, though it was cut off: what there is of it', async () => {
    expect(await ask([await cutOff({ isSilentByTcp: true })], PATIENT)).toEqual(ANSWER);
  });

  test('of which more are dead than are asked at a time do not hide the others for long', async () => {
    const dead = await Promise.all([1, 2, 3].map(() => absent()));
    const route = { servers: [...dead, (await server(GOOD)).address], way: new PlainWay() };
    const servers = new NameServers(route, () => performance.now(), HURRY);
    const never = new Cancellation();
    await expect(servers.ask('www.example.org', 'A', never)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(await servers.ask('www.example.org', 'A', never)).toEqual(ANSWER);
  });

  test('that do not answer are asked after the others for a while', async () => {
    let nowMs = 0;
    const dead = await server('silence');
    const good = await server(GOOD);
    const route = { servers: [dead.address, good.address], way: new PlainWay() };
    const servers = new NameServers(route, () => nowMs, { ...PATIENT, nextServerMs: 40 });
    const never = new Cancellation();
    for (let i = 0; i < 5; i++) await servers.ask('www.example.org', 'A', never);
    expect(dead.queries).toHaveLength(1);
    nowMs = 30_000;
    await servers.ask('www.example.org', 'A', never);
    expect(dead.queries).toHaveLength(2);
  });

  test('are not asked for ever, nor after the caller gave up', async () => {
    const caller = new Cancellation();
    const { address, queries } = await server('silence');
    const asked = ask([address], HURRY, caller);
    await expect.poll(() => queries.length).toBe(1);
    caller.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
    await expect(ask([address], HURRY, caller)).rejects.toThrow('enough');
    await expect(ask([])).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test.each(['127.0.0.2', undefined])('are asked from the address %s', async (localAddress) => {
    const heard: string[] = [];
    const socket = createSocket('udp4').on('message', (_, from) => heard.push(from.address));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    after(() => socket.close());
    const route = { servers: [`127.0.0.1:${socket.address().port}`], way: new PlainWay(localAddress) };
    const servers = new NameServers(route, () => performance.now(), HURRY);
    await servers.ask('www.example.org', 'A', new Cancellation()).catch(() => {});
    expect(new Set(heard)).toEqual(new Set([localAddress ?? '127.0.0.1']));
  });
});

/** A server of cut-off answers. Without TCP they are empty; if it takes connections, and is silent there, they have an address. */
async function cutOff({ isSilentByTcp = false } = {}): Promise<string> {
  const tcp = createServer().listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  if (!isSilentByTcp) tcp.close();
  const record = Buffer.from(isSilentByTcp ? 'c00c00010001000000070004c6290004' : '', 'hex');
  const udp = createSocket('udp4');
  udp.on('message', (query, from) => {
    query.writeUInt16BE(0x8380, 2);
    query.writeUInt16BE(record.length === 0 ? 0 : 1, 6);
    udp.send(Buffer.concat([query, record]), from.port, from.address);
  });
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  after(() => {
    tcp.close();
    udp.close();
  });
  return `127.0.0.1:${port}`;
}
