import { getEventListeners } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import { PlainWay } from '../../../shared/runtime/dns/dns-way.ts';
import { DnsResolver, type DnsResolverOptions } from '../../../shared/runtime/dns/resolver.ts';
import { eventually } from '../../support/eventually.ts';
import { type NameServer, type NameServerReply, startNameServer } from '../../support/name-server.ts';

const NEVER = new AbortController().signal;

let directory: string;
let hostsPath: string;
let clockMs: number;
const servers: NameServer[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'resolver-'));
  hostsPath = join(directory, 'hosts');
  clockMs = 0;
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await rm(directory, { recursive: true });
});

async function resolverWith(
  reply: (type: 'A' | 'AAAA', name: string) => NameServerReply,
  timeoutMs = 5000,
  more: Partial<DnsResolverOptions> = {},
  namesOf?: (name: string) => readonly string[],
): Promise<{ resolver: DnsResolver; queries: string[] }> {
  const server = await startNameServer(reply, namesOf);
  servers.push(server);
  const resolver = new DnsResolver({
    timeoutMs,
    clock: () => clockMs,
    route: () => ({ servers: [server.address], way: new PlainWay() }),
    hostsPath,
    ...more,
  });
  return { resolver, queries: server.queries };
}

const BOTH_FAMILIES = (type: 'A' | 'AAAA'): NameServerReply =>
  type === 'A' ? { addresses: ['192.0.2.2', '192.0.2.1'] } : { addresses: ['2001:db8::2', '2001:db8::1'] };

test('both families, each in the order of the name server', async () => {
  const { resolver } = await resolverWith(BOTH_FAMILIES);
  expect(await resolver.resolve('www.example.org', NEVER)).toEqual([
    '2001:db8::2',
    '2001:db8::1',
    '192.0.2.2',
    '192.0.2.1',
  ]);
});

test('one family alone', async () => {
  const { resolver } = await resolverWith((type) =>
    type === 'A' ? { addresses: [] } : { addresses: ['2001:db8::1'] },
  );
  expect(await resolver.resolve('v6.example.org', NEVER)).toEqual(['2001:db8::1']);
});

test('at most 8 addresses of a family', async () => {
  const { resolver } = await resolverWith((type) => ({
    addresses: Array.from({ length: 20 }, (_, index) =>
      type === 'A' ? `192.0.2.${index}` : `2001:db8::${index}`,
    ),
  }));
  expect((await resolver.resolve('many.example.org', NEVER)).length).toBe(16);
});

test('an AAAA query without an answer does not hold up the A answer', async () => {
  const { resolver } = await resolverWith((type) =>
    type === 'A' ? { addresses: ['192.0.2.1'] } : 'silence',
  );
  expect(await resolver.resolve('broken.example.org', NEVER)).toEqual(['192.0.2.1']);
});

test('an AAAA answer that comes too late for the first caller is there for the next one', async () => {
  const { resolver, queries } = await resolverWith((type) =>
    type === 'A' ? { addresses: ['192.0.2.1'] } : { addresses: ['2001:db8::1'], delayMs: 300 },
  );
  expect(await resolver.resolve('late.example.org', NEVER)).toEqual(['192.0.2.1']);
  expect(await resolver.resolve('late.example.org', NEVER)).toEqual(['192.0.2.1']);
  await eventually(async () =>
    expect(await resolver.resolve('late.example.org', NEVER)).toEqual(['2001:db8::1', '192.0.2.1']),
  );
  expect(queries.length).toBe(2);
});

test('the answer of one family alone is not kept as long as both', async () => {
  let lost = 0;
  // As often as the first lookup asks.
  const { resolver } = await resolverWith((type) =>
    type === 'AAAA' && ++lost <= 2
      ? 'silence'
      : { addresses: [type === 'A' ? '192.0.2.1' : '2001:db8::1'], ttlSeconds: 60 },
  );
  expect(await resolver.resolve('lost.example.org', NEVER)).toEqual(['192.0.2.1']);
  await eventually(async () => {
    clockMs = Math.min(clockMs + 1_000, 59_999);
    expect(await resolver.resolve('lost.example.org', NEVER)).toEqual(['2001:db8::1', '192.0.2.1']);
  });
});

test.each<NameServerReply>(['servfail', 'refused', 'notimp'])(
  'the same where the name servers answer %s for the other family',
  async (failure) => {
    let failed = 0;
    const { resolver } = await resolverWith((type) =>
      type === 'AAAA' && ++failed === 1
        ? failure
        : { addresses: [type === 'A' ? '192.0.2.1' : '2001:db8::1'], ttlSeconds: 60 },
    );
    expect(await resolver.resolve('half.example.org', NEVER)).toEqual(['192.0.2.1']);
    clockMs = 4_999;
    expect(await resolver.resolve('half.example.org', NEVER)).toEqual(['192.0.2.1']);
    clockMs = 5_000;
    expect(await resolver.resolve('half.example.org', NEVER)).toEqual(['2001:db8::1', '192.0.2.1']);
  },
);

test.each<NameServerReply>([{ addresses: [] }, 'nxdomain'])(
  'a family without addresses (%j) is an answer, and kept as long as others',
  async (nothing) => {
    const { resolver, queries } = await resolverWith((type) =>
      type === 'A' ? { addresses: ['192.0.2.1'], ttlSeconds: 60 } : nothing,
    );
    await resolver.resolve('v4.example.org', NEVER);
    clockMs = 59_999;
    expect(await resolver.resolve('v4.example.org', NEVER)).toEqual(['192.0.2.1']);
    expect(queries).toHaveLength(2);
  },
);

test('an A answer a little later than the AAAA answer is waited for', async () => {
  const { resolver } = await resolverWith((type) =>
    type === 'A' ? { addresses: ['192.0.2.1'], delayMs: 100 } : { addresses: ['2001:db8::1'] },
  );
  expect(await resolver.resolve('slow.example.org', NEVER)).toEqual(['2001:db8::1', '192.0.2.1']);
});

test.each<[string, NameServerReply, NameServerReply, string]>([
  ['no such name', 'nxdomain', 'nxdomain', 'nameNotFound'],
  ['no address', { addresses: [] }, { addresses: [] }, 'nameNotFound'],
  ['no such name, once', 'nxdomain', 'servfail', 'nameNotFound'],
  ['failing name server', 'servfail', 'servfail', 'networkFailure'],
  ['failing for one family', 'servfail', { addresses: [] }, 'networkFailure'],
])('%s', async (_, ipv4, ipv6, code) => {
  const { resolver } = await resolverWith((type) => (type === 'A' ? ipv4 : ipv6));
  await expect(resolver.resolve('bad.example.org', NEVER)).rejects.toMatchObject({
    code,
    message: expect.stringContaining('bad.example.org'),
  });
});

test('a silent name server: timed out, within the time given', async () => {
  const { resolver } = await resolverWith(() => 'silence', 150);
  await expect(resolver.resolve('silent.example.org', NEVER)).rejects.toMatchObject({ code: 'timedOut' });
});

test('nobody listens: network failure', async () => {
  const server = await startNameServer(() => 'silence');
  server.close();
  const resolver = new DnsResolver({
    timeoutMs: 5000,
    clock: () => 0,
    route: () => ({ servers: [server.address], way: new PlainWay() }),
    hostsPath,
  });
  await expect(resolver.resolve('www.example.org', NEVER)).rejects.toMatchObject({ code: 'networkFailure' });
});

test('the caller gives up: others who wait for the same name do not', async () => {
  let answer: (() => void) | undefined;
  const { resolver, queries } = await resolverWith((type) => {
    if (type === 'A') answer?.();
    return { addresses: type === 'A' ? ['192.0.2.1'] : [], delayMs: 100 };
  });
  const asked = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const caller = new AbortController();
  const first = resolver.resolve('www.example.org', caller.signal);
  const other = new AbortController();
  const second = resolver.resolve('www.example.org', other.signal);
  await asked;
  caller.abort();
  await expect(first).rejects.toMatchObject({ code: 'cancelled' });
  expect(await second).toEqual(['192.0.2.1']);
  for (const { signal } of [caller, other]) expect(getEventListeners(signal, 'abort')).toEqual([]);
  expect(queries.length).toBe(2);
  await expect(resolver.resolve('www.example.org', AbortSignal.abort())).rejects.toMatchObject({
    code: 'cancelled',
  });
});

test('an answer is kept for its time to live and no longer than a minute', async () => {
  const { resolver, queries } = await resolverWith((_, name) => ({
    addresses: ['192.0.2.1'],
    ttlSeconds: name.startsWith('short') ? 10 : 86_400,
  }));
  const timesAsked = async (name: string) => {
    await resolver.resolve(name, NEVER);
    return queries.filter((query) => query === `A ${name}`).length;
  };
  expect(await timesAsked('short.example.org')).toBe(1);
  expect(await timesAsked('long.example.org')).toBe(1);
  clockMs = 9_999;
  expect(await timesAsked('short.example.org')).toBe(1);
  clockMs = 10_000;
  expect(await timesAsked('short.example.org')).toBe(2);
  clockMs = 59_999;
  expect(await timesAsked('long.example.org')).toBe(1);
  clockMs = 60_000;
  expect(await timesAsked('long.example.org')).toBe(2);
});

test('an answer without time to live is asked for each time', async () => {
  const { resolver, queries } = await resolverWith(() => ({ addresses: ['192.0.2.1'], ttlSeconds: 0 }));
  await resolver.resolve('www.example.org', NEVER);
  await resolver.resolve('www.example.org', NEVER);
  expect(queries.filter((query) => query === 'A www.example.org').length).toBe(2);
});

test('failures are not kept', async () => {
  let known = false;
  const { resolver } = await resolverWith(() => (known ? { addresses: ['192.0.2.1'] } : 'nxdomain'));
  await expect(resolver.resolve('new.example.org', NEVER)).rejects.toMatchObject({ code: 'nameNotFound' });
  known = true;
  expect(await resolver.resolve('new.example.org', NEVER)).toContain('192.0.2.1');
});

test('256 names at a time, the others in line, and an error when the line is full', async () => {
  let open = false;
  const { resolver, queries } = await resolverWith(
    () => (open ? { addresses: ['192.0.2.1'] } : 'silence'),
    120_000,
  );
  const all = Array.from({ length: 256 + 1024 + 1 }, (_, index) =>
    resolver.resolve(`n${index}.example.org`, new AbortController().signal),
  );
  await expect(all.at(-1)).rejects.toMatchObject({ code: 'resourceExceeded' });
  // The silent server is asked again after half a second; from then on it answers.
  open = true;
  const answers = await Promise.all(all.slice(0, -1));
  expect(answers.every((addresses) => addresses.includes('192.0.2.1'))).toBe(true);
  const names = new Set(queries.map((query) => query.replace(/^.* /, '')));
  expect(names.size).toBe(256 + 1024);
});

test('the hosts file comes before the name servers and is read anew when it changes', async () => {
  await writeFile(
    hostsPath,
    '# comment\n192.0.2.7\tPinned.example.org alias # more\n2001:db8::7 pinned.example.org\nbad line\n192.0.2.7 alias\n',
  );
  const { resolver, queries } = await resolverWith(BOTH_FAMILIES);
  expect(await resolver.resolve('pinned.example.org', NEVER)).toEqual(['192.0.2.7', '2001:db8::7']);
  expect(await resolver.resolve('alias', NEVER)).toEqual(['192.0.2.7']);
  expect(queries).toEqual([]);

  await writeFile(hostsPath, '192.0.2.88 pinned.example.org\n');
  clockMs = 5_000;
  expect(await resolver.resolve('pinned.example.org', NEVER)).toEqual(['192.0.2.88']);
  await rm(hostsPath);
  clockMs = 10_000;
  expect(await resolver.resolve('pinned.example.org', NEVER)).toContain('192.0.2.2');
});

test('localhost names are never asked of a name server', async () => {
  const { resolver, queries } = await resolverWith(() => ({ addresses: ['192.0.2.1'] }));
  expect(await resolver.resolve('localhost', NEVER)).toEqual(['::1', '127.0.0.1']);
  expect(await resolver.resolve('app.localhost', NEVER)).toEqual(['::1', '127.0.0.1']);
  expect(queries).toEqual([]);
});

describe('names of several askers', () => {
  /** Names below dead.test have no answer. */
  const SOME_DEAD = (type: 'A' | 'AAAA', name: string): NameServerReply =>
    name.endsWith('.dead.test') ? 'silence' : { addresses: type === 'A' ? ['192.0.2.1'] : [] };

  function askDead(resolver: DnsResolver, count: number, asker: string) {
    const caller = new Cancellation();
    const ended = Array.from({ length: count }, (_, i) =>
      resolver.resolve(`${asker}${i}.dead.test`, caller, asker).then(
        () => 'answered',
        ({ code }) => code as string,
      ),
    );
    return { caller, ended };
  }

  test('one with many dead names does not hold up another', async () => {
    const waited: string[] = [];
    const { resolver } = await resolverWith(SOME_DEAD, 5_000, {
      names: { total: 8, perOwner: 4 },
      onWait: (asker) => void waited.push(asker),
    });
    const dead = askDead(resolver, 500, 'bad');
    for (let i = 0; i < 20; i++)
      expect(await resolver.resolve(`n${i}.good.test`, NEVER, 'good')).toEqual(['192.0.2.1']);
    expect(waited).toHaveLength(496);
    dead.caller.abort();
    expect(new Set(await Promise.all(dead.ended))).toEqual(new Set(['cancelled']));
  });

  test('all of a few places taken by others: the next one that is free is for who has none', async () => {
    const { resolver } = await resolverWith(SOME_DEAD, 1_000, { names: { total: 4, perOwner: 2 } });
    const startedMs = performance.now();
    const dead = [askDead(resolver, 50, 'bad'), askDead(resolver, 50, 'worse')];
    await resolver.resolve('www.good.test', NEVER, 'good').catch(() => {});
    // The first four names give up after a second, and so would this one: asked again, it has its turn. Behind all others it would be the
    // twenty-sixth.
    expect(await resolver.resolve('www.good.test', NEVER, 'good')).toEqual(['192.0.2.1']);
    expect(performance.now() - startedMs).toBeLessThan(12_000);
    for (const { caller } of dead) caller.abort();
  });

  test('a name that another has in a long line is asked in the turn of whoever is first', async () => {
    const { resolver, queries } = await resolverWith(SOME_DEAD, 5_000, { names: { total: 8, perOwner: 4 } });
    const dead = askDead(resolver, 500, 'bad');
    const inLine = resolver.resolve('www.good.test', NEVER, 'bad');
    expect(await resolver.resolve('www.good.test', NEVER, 'good')).toEqual(['192.0.2.1']);
    expect(await inLine).toEqual(['192.0.2.1']);
    expect(queries.filter((query) => query === 'A www.good.test')).toHaveLength(1);
    dead.caller.abort();
  });

  test('a place is free again as soon as nobody waits for its name', async () => {
    const { resolver, queries } = await resolverWith(SOME_DEAD, 60_000, { names: { total: 2, perOwner: 2 } });
    const descriptors = async () => (await readdir('/proc/self/fd').catch(() => [])).length;
    const before = await descriptors();
    for (let round = 0; round < 50; round++) {
      const dead = askDead(resolver, 20, `r${round}-`);
      // Until it has been asked for.
      await expect
        .poll(() => queries.some((query) => query.includes(` r${round}-`)), { interval: 1 })
        .toBe(true);
      dead.caller.abort();
      await Promise.all(dead.ended);
    }
    expect(await resolver.resolve('www.good.test', NEVER, 'good')).toEqual(['192.0.2.1']);
    expect((await descriptors()) - before).toBeLessThan(10);
  });

  test('name servers are asked no longer than somebody may wait, also for a name that is asked for again and again', async () => {
    const { resolver } = await resolverWith(SOME_DEAD, 400, { names: { total: 1, perOwner: 1 } });
    const again = setInterval(() => void resolver.resolve('x.dead.test', NEVER, 'a').catch(() => {}), 50);
    const first = resolver.resolve('x.dead.test', NEVER, 'a');
    await expect(first).rejects.toMatchObject({ code: 'timedOut' });
    clearInterval(again);
    await expect
      .poll(() => resolver.resolve('www.good.test', NEVER, 'a').catch(String))
      .toEqual(['192.0.2.1']);
  });

  test('a slow AAAA answer keeps no place', async () => {
    const { resolver } = await resolverWith(
      (type) => (type === 'A' ? { addresses: ['192.0.2.1'] } : 'silence'),
      60_000,
      { names: { total: 1, perOwner: 1 } },
    );
    for (let i = 0; i < 10; i++) await resolver.resolve(`n${i}.example.org`, NEVER);
  });
});

test.each([
  ['198.41.0.7', ['Host.example', '*.odd', '1.2.3.4'], ['host.example'], '7.0.41.198.in-addr.arpa'],
  [
    '2001:db8::1f',
    ['a.example', 'b.example'],
    ['a.example', 'b.example'],
    'f.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa',
  ],
])('the names of %s', async (address, told, names, asked) => {
  const { resolver, queries } = await resolverWith(
    () => 'nxdomain',
    5000,
    {},
    () => told,
  );
  expect(await resolver.namesOf(address, NEVER)).toEqual(names);
  expect(queries).toEqual([`PTR ${asked}`]);
});

test('an address without a name, and one whose name is none', async () => {
  const { resolver } = await resolverWith(
    () => 'nxdomain',
    5000,
    {},
    (name) => (name.startsWith('8.') ? ['not a name'] : []),
  );
  for (const address of ['198.41.0.7', '198.41.0.8']) {
    await expect(resolver.namesOf(address, NEVER)).rejects.toMatchObject({ code: 'nameNotFound' });
  }
});

test('addresses whose names are wanted take places as names do', async () => {
  const waited: string[] = [];
  const { resolver, queries } = await resolverWith(
    () => 'silence',
    5000,
    { names: { total: 1, perOwner: 1 }, onWait: (asker) => waited.push(asker) },
    () => ['host.example'],
  );
  const [first, second] = [new AbortController(), new AbortController()];
  const holding = resolver.resolve('slow.example', first.signal, 'laptop');
  holding.catch(() => {});
  await eventually(() => expect(queries).not.toEqual([]));
  const waiting = resolver.namesOf('198.41.0.7', NEVER, 'laptop');
  const abandoned = resolver.namesOf('198.41.0.8', second.signal, 'laptop');
  second.abort();
  await expect(abandoned).rejects.toMatchObject({ code: 'cancelled' });
  expect(queries.filter((query) => query.startsWith('PTR'))).toEqual([]);
  first.abort();
  expect(await waiting).toEqual(['host.example']);
  expect(waited).toEqual(['laptop', 'laptop']);
});
