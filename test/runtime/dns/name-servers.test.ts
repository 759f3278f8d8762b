import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Cancellation, type CancelSignal } from '../../../shared/runtime/async/cancellation.ts';
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

async function server(reply: NameServerReply | ((type: string, name: string) => NameServerReply)) {
  const started = await startNameServer(typeof reply === 'function' ? reply : () => reply);
  after(() => started.close());
  return started;
}

/** Where nobody listens. */
async function absent(): Promise<string> {
  return `127.0.0.1:${await freePort()}`;
}

function ask(servers: readonly string[], patience = STEADY, signal: CancelSignal = new Cancellation()) {
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
    expect(await ask([await cutOff({ byTcp: 'silence' })], PATIENT)).toEqual(ANSWER);
  });

  test('that take long by TCP, where nothing of the answer is known: heard all the same', async () => {
    let count = 0;
    const { address } = await server(() =>
      ++count === 1 ? { addresses: [], isTruncated: true } : { ...GOOD, delayMs: 2_000 },
    );
    expect(await ask([address], PATIENT)).toEqual(ANSWER);
  });

  test('that cut their answer off by TCP, too: one without an address is none', async () => {
    const bad = await cutOff({ byTcp: 'cut off' });
    await expect(ask([bad], PATIENT)).rejects.toMatchObject({ code: 'EBADRESP' });
    expect(await ask([bad, (await server(GOOD)).address], PATIENT)).toEqual(ANSWER);
  });

  test.each(['silence', 'refused', 'servfail', 'damaged'] as const)(
    'of which three (%s) are asked at a time do not hide a fourth',
    async (fault) => {
      const dead = await Promise.all([1, 2, 3].map(() => server(fault)));
      const good = await server(GOOD);
      const servers = [...dead, good].map(({ address }) => address);
      // Before the caller gives up, who has less patience than all the rounds take.
      expect(await ask(servers, STEADY, AbortSignal.timeout(4_000))).toEqual(ANSWER);
    },
  );

  test('of which three fail at once: a fourth or a ninth is asked at once, and a tenth not at all', async () => {
    const dead = await Promise.all(Array.from({ length: 9 }, () => absent()));
    const { address, queries } = await server(GOOD);
    expect(await ask([...dead.slice(0, 3), address], PATIENT)).toEqual(ANSWER);
    expect(await ask([...dead.slice(0, 8), address], PATIENT)).toEqual(ANSWER);
    await expect(ask([...dead, address], PATIENT)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(queries).toHaveLength(2);
  });

  test('that all fail for one name keep their order for the others', async () => {
    const reply = (_: string, name: string) => (name === 'broken.example.org' ? 'servfail' : GOOD);
    const all = await Promise.all([1, 2, 3, 4].map(() => server(reply)));
    const route = { servers: all.map(({ address }) => address), way: new PlainWay() };
    const servers = new NameServers(route, () => 0, PATIENT);
    const never = new Cancellation();
    await expect(servers.ask('broken.example.org', 'A', never)).rejects.toMatchObject({ code: 'ESERVFAIL' });
    expect(await servers.ask('www.example.org', 'A', never)).toEqual(ANSWER);
    expect(all.map(({ queries }) => queries.filter((one) => one === 'A www.example.org').length)).toEqual([
      1, 0, 0, 0,
    ]);
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

/**
 * A server of cut-off answers, which are empty. Without `byTcp` nobody listens there; if it takes connections and is silent, the
 * answers by UDP have an address.
 */
async function cutOff({ byTcp }: { byTcp?: 'silence' | 'cut off' } = {}): Promise<string> {
  const record = Buffer.from(byTcp === 'silence' ? 'c00c00010001000000070004c6290004' : '', 'hex');
  const answerTo = (query: Buffer, start: number) => {
    query.writeUInt16BE(0x8380, start + 2);
    query.writeUInt16BE(record.length === 0 ? 0 : 1, start + 6);
    return Buffer.concat([query, record]);
  };
  const tcp = createServer((socket) => {
    socket.on('error', () => {});
    // Behind the length, which is that of the question.
    if (byTcp === 'cut off') socket.once('data', (query: Buffer) => socket.write(answerTo(query, 2)));
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  if (byTcp === undefined) tcp.close();
  const udp = createSocket('udp4');
  udp.on('message', (query, from) => udp.send(answerTo(query, 0), from.port, from.address));
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  after(() => {
    tcp.close();
    udp.close();
  });
  return `127.0.0.1:${port}`;
}
