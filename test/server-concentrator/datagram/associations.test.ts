import { describe, expect, test, vi } from 'vitest';
import { type EgressRule, parseEgressRule } from '../../../server-concentrator/config/egress-rule.ts';
import { bedOf, IDLE_TIMEOUT_MS, Origin, policyOf } from './datagram-bed.ts';

/** Names resolve in a promise or two, and loopback is fast: what has to come comes soon. */
const soon = <T>(assertion: () => T | Promise<T>) => vi.waitFor(assertion, { timeout: 5_000, interval: 5 });

describe('a flow to an address', () => {
  test.each(['127.0.0.1', '::1'])('carries datagrams both ways: %s', async (host) => {
    const origin = await Origin.at(host);
    const session = bedOf().session();
    const flowId = session.flow(origin.destination, ['one', 'two', '']);
    await soon(() => expect(origin.texts).toEqual(['one', 'two', '']));
    await origin.say('three');
    await soon(() => expect(session.received).toEqual([{ flowId, text: 'three' }]));
    expect(session.begun).toEqual([]);
  });

  test('has the port of its association, whatever the destination', async () => {
    const [first, second, third] = [await Origin.at(), await Origin.at('127.0.0.2'), await Origin.at()];
    const session = bedOf().session();
    session.flow(first.destination, ['x']);
    session.flow(second.destination, ['x']);
    session.flow(third.destination, ['x'], 1);
    await soon(() => expect([first, second, third].map(({ texts }) => texts)).toEqual([['x'], ['x'], ['x']]));
    expect(second.peerPort).toBe(first.peerPort);
    expect(third.peerPort).not.toBe(first.peerPort);
  });

  test('keeps what comes for it before it is known where it goes, so much and no more', async () => {
    const origin = await Origin.at();
    const bed = bedOf({ names: { 'a.example': ['127.0.0.1'] } });
    const session = bed.session();
    const answer = bed.resolver.hold();
    const sent = Array.from({ length: 40 }, (_, i) => String(i));
    session.flow({ ...origin.destination, host: 'a.example' }, sent);
    answer();
    await soon(() => expect(origin.texts).toEqual(sent.slice(0, 32)));
    expect(bed.drops()).toEqual({ early: 8 });
    const big = 'x'.repeat(40_000);
    const release = bed.resolver.hold();
    session.flow({ ...origin.destination, host: 'a.example' }, [big, big, 'y']);
    release();
    await soon(() => expect(origin.texts.slice(32)).toEqual([big, 'y']));
  });

  test.each(['127.0.0.1', '::1'])('ends when nobody has the port: %s', async (host) => {
    const gone = await Origin.at(host);
    const { destination } = gone;
    const there = await Origin.at(host);
    gone.close();
    const session = bedOf().session();
    const other = session.flow(there.destination, ['1']);
    const flowId = session.flow(destination, ['x']);
    await soon(() => expect(session.ended).toEqual([{ flowId, error: 'connectionRefused' }]));
    // The others of the association lose nothing.
    for (const text of ['2', '3', '4']) session.send(other, text);
    await soon(() => expect(there.texts).toEqual(['1', '2', '3', '4']));
    // The client may try again.
    const again = await Origin.at(host, destination.port);
    session.flow(destination, ['y']);
    await soon(() => expect(again.texts).toEqual(['y']));
  });

  test('drops what is longer than UDP carries, and goes on', async () => {
    const origin = await Origin.at();
    const bed = bedOf();
    const session = bed.session();
    const flowId = session.flow(origin.destination, ['x'.repeat(65_508), 'short']);
    await soon(() => expect(origin.texts).toEqual(['short']));
    await soon(() => expect(bed.drops()).toEqual({ 'too-long': 1 }));
    expect(session.ended).toEqual([]);
    session.send(flowId, 'x'.repeat(65_507));
    await soon(() => expect(origin.texts.at(-1)).toHaveLength(65_507));
  });
});

describe('a flow to a name', () => {
  test('is answered in a flow that shows the address', async () => {
    const origin = await Origin.at();
    const { port } = origin.destination;
    const bed = bedOf({ names: { 'a.example': ['127.0.0.1'] } });
    const session = bed.session();
    session.flow({ host: 'A.example.', port }, ['x'], 5);
    await soon(() => expect(origin.texts).toEqual(['x']));
    await origin.say('y');
    await origin.say('z');
    await soon(() => expect(session.received.map(({ text }) => text)).toEqual(['y', 'z']));
    const id = session.received[0]!.flowId;
    expect(session.begun).toEqual([{ id, associationId: 5, destination: { host: '127.0.0.1', port } }]);
    expect(session.received[1]!.flowId).toBe(id);
    // And that leads there, too.
    session.send(id, 'back');
    await soon(() => expect(origin.texts).toEqual(['x', 'back']));
    expect(bed.resolver.asked).toEqual(['a.example']);
  });

  test.each([
    { own: ['198.51.100.1', '2001:db8::1'], takes: '127.0.0.1' },
    { own: ['2001:db8::1'], takes: '::1' },
    { own: [], takes: '127.0.0.1' },
  ])('goes to an address of a family that there is: $own', async ({ own, takes }) => {
    const four = await Origin.at('127.0.0.1');
    const { port } = four.destination;
    const six = await Origin.at('::1', port);
    const session = bedOf({ names: { 'a.example': ['::1', '127.0.0.1'] }, ownAddresses: own }).session();
    session.flow({ host: 'a.example', port }, ['x']);
    const [taken, other] = takes === '::1' ? [six, four] : [four, six];
    await soon(() => expect(taken.texts).toEqual(['x']));
    expect(other.texts).toEqual([]);
  });
});

describe('what comes unasked', () => {
  test('is handed on from any port of an address that was sent to, in a flow of its own', async () => {
    const [asked, other] = [await Origin.at(), await Origin.at()];
    const session = bedOf().session();
    session.flow(asked.destination, ['x'], 3);
    await soon(() => expect(asked.texts).toEqual(['x']));
    await other.say('hello', asked.peerPort);
    await soon(() => expect(session.received).toEqual([{ flowId: 2 ** 31, text: 'hello' }]));
    expect(session.begun).toEqual([{ id: 2 ** 31, associationId: 3, destination: other.destination }]);
    session.send(2 ** 31, 'back');
    await soon(() => expect(other.texts).toEqual(['back']));
    expect(other.peerPort).toBe(asked.peerPort);
  });

  test('is dropped from other addresses, and from those that a flow was begun to and nothing sent', async () => {
    const [asked, silent, stranger] = [
      await Origin.at(),
      await Origin.at('127.0.0.2'),
      await Origin.at('127.0.0.3'),
    ];
    const bed = bedOf();
    const session = bed.session();
    const flowId = session.flow(asked.destination, ['x']);
    session.flow(silent.destination);
    await soon(() => expect(asked.texts).toEqual(['x']));
    await silent.say('a', asked.peerPort);
    await stranger.say('b', asked.peerPort);
    await asked.say('c');
    await soon(() => expect(session.received).toEqual([{ flowId, text: 'c' }]));
    expect(bed.drops()).toEqual({ unsolicited: 2 });
    expect(session.begun).toEqual([]);
  });

  test('is dropped after the last flow to the address has ended', async () => {
    const origin = await Origin.at();
    const other = await Origin.at('127.0.0.2');
    const bed = bedOf();
    const session = bed.session();
    const flowId = session.flow(origin.destination, ['x']);
    const stays = session.flow(other.destination, ['x']);
    await soon(() => expect([origin.texts, other.texts]).toEqual([['x'], ['x']]));
    session.endFlow(flowId);
    await origin.say('late');
    await other.say('now');
    await soon(() => expect(session.received).toEqual([{ flowId: stays, text: 'now' }]));
    expect(bed.drops()).toEqual({ unsolicited: 1 });
  });

  test('takes no more than some flows: the ports of an address are many', async () => {
    const asked = await Origin.at();
    const bed = bedOf({ flowsPerClient: 60 });
    const session = bed.session();
    const flowId = session.flow(asked.destination, ['x']);
    await soon(() => expect(asked.texts).toEqual(['x']));
    for (let i = 0; i < 40; i++) await (await Origin.at()).say('flood', asked.peerPort);
    await asked.say('still there');
    await soon(() => expect(session.received.at(-1)).toEqual({ flowId, text: 'still there' }));
    expect(session.begun).toHaveLength(32);
    expect(bed.drops()).toEqual({ 'flow-limit': 8 });
    // The client has room for what it wants itself.
    session.flow({ ...asked.destination, host: '127.0.0.2' }, ['y']);
    expect(session.ended).toEqual([]);
  });

  test('is dropped while the session has no room for another flow', async () => {
    const [asked, other] = [await Origin.at(), await Origin.at()];
    const bed = bedOf();
    const session = bed.session();
    session.maxBegun = 0;
    session.flow(asked.destination, ['x']);
    await soon(() => expect(asked.texts).toEqual(['x']));
    await other.say('hello', asked.peerPort);
    await soon(() => expect(bed.drops()).toEqual({ 'flow-limit': 1 }));
    expect(bed.datagrams.flowCount).toBe(1);
  });
});

describe('the egress policy', () => {
  test.each([
    ['loopback', '127.0.0.1'],
    ['loopback by a name', 'inside.example'],
    ['this machine by its own port', '127.0.0.1'],
    ['a private address', '10.0.0.1'],
    ['the metadata of a cloud', '169.254.169.254'],
    ['the metadata of a cloud by a name', 'meta.example'],
    ['multicast', '224.0.0.251'],
    ['multicast, IPv6', 'ff02::fb'],
    ['broadcast', '255.255.255.255'],
    ['the unspecified address', '0.0.0.0'],
    ['IPv4 inside IPv6', '::ffff:127.0.0.1'],
    ['an address of the link', 'fe80::1'],
    ['a number that is an address', '2130706433'],
    ['documentation', '192.0.2.1'],
  ])('closes %s', async (_what, host) => {
    const names = { 'inside.example': ['127.0.0.1'], 'meta.example': ['169.254.169.254'] };
    const bed = bedOf({ allow: [], names });
    const session = bed.session();
    const flowId = session.flow({ host, port: 8443 }, ['x']);
    await soon(() => expect(session.ended).toEqual([{ flowId, error: 'notAuthorized' }]));
    expect(bed.drops()).toEqual({ refused: 1 });
    expect(bed.shares.mayTake('laptop')).toBe(true);
    expect(bed.datagrams.flowCount).toBe(0);
    expect([...bed.datagrams.counts.opens.entries()]).toEqual([
      ['ok', 0],
      ['notAuthorized', 1],
    ]);
  });

  test.each([
    ['a port', '*:5353', { host: '127.0.0.1', port: 5_353 }],
    ['a name', '*.example', { host: 'a.example', port: 53 }],
    ['a network', '127.0.0.0/8', { host: '127.0.0.1', port: 53 }],
  ])('denies %s, even where an address is allowed', async (_what, rule, destination) => {
    const session = bedOf({ deny: [rule], names: { 'a.example': ['127.0.0.1'] } }).session();
    const flowId = session.flow(destination, ['x']);
    await soon(() => expect(session.ended).toEqual([{ flowId, error: 'notAuthorized' }]));
  });

  test('holds for the kernel, too: nothing is broadcast, though it was allowed', async () => {
    const session = bedOf({ allow: ['0.0.0.0/0'] }).session();
    const flowId = session.flow({ host: '127.255.255.255', port: 9 }, ['x']);
    await soon(() => expect(session.ended).toEqual([{ flowId, error: 'notAuthorized' }]));
  });

  test('closes what comes from a denied port', async () => {
    const [asked, other] = [await Origin.at(), await Origin.at()];
    const bed = bedOf({ deny: [`*:${other.destination.port}`] });
    const session = bed.session();
    session.flow(asked.destination, ['x']);
    await soon(() => expect(asked.texts).toEqual(['x']));
    await other.say('hello', asked.peerPort);
    await soon(() => expect(bed.drops()).toEqual({ forbidden: 1 }));
    expect(session.begun).toEqual([]);
  });

  test('ends, when it changes, the flows that it forbids now', async () => {
    const origin = await Origin.at();
    const other = await Origin.at('127.0.0.2');
    const bed = bedOf({ names: { 'a.example': ['127.0.0.1'] } });
    const session = bed.session();
    const flowId = session.flow(origin.destination, ['x']);
    const named = session.flow({ ...origin.destination, host: 'a.example' }, ['x']);
    const stays = session.flow(other.destination, ['x']);
    await soon(() => expect([...origin.texts, ...other.texts]).toHaveLength(3));
    bed.datagrams.setPolicy(policyOf({ deny: ['127.0.0.1'] }));
    expect(session.ended).toEqual([flowId, named].map((id) => ({ flowId: id, error: 'notAuthorized' })));
    await origin.say('late');
    session.send(flowId, 'late');
    session.send(stays, 'y');
    await soon(() => expect(other.texts).toEqual(['x', 'y']));
    expect(origin.texts).toEqual(['x', 'x']);
    expect(bed.drops()).toEqual({ unsolicited: 1 });
    const again = session.flow(origin.destination, ['x']);
    await soon(() => expect(session.ended.at(-1)).toEqual({ flowId: again, error: 'notAuthorized' }));
  });

  test('looks at the flows of clients whose rules have changed, and of no others', async () => {
    const origin = await Origin.at();
    let deny: readonly EgressRule[] = [];
    const bed = bedOf({ rulesOf: () => ({ allow: [], deny }) });
    const [laptop, phone] = [bed.session('laptop'), bed.session('phone')];
    for (const session of [laptop, phone]) session.flow(origin.destination, ['x']);
    await soon(() => expect(origin.texts).toHaveLength(2));
    deny = [parseEgressRule('127.0.0.0/8')!];
    bed.datagrams.recheck(new Set(['phone', 'tablet']));
    expect([laptop, phone].map(({ ended }) => ended.length)).toEqual([0, 1]);
    bed.datagrams.recheck();
    expect(laptop.ended).toHaveLength(1);
  });
});

describe('names', () => {
  test('that do not exist, or are none, end the flow', async () => {
    const session = bedOf().session();
    const flowId = session.flow({ host: 'none.example', port: 53 }, ['x']);
    const odd = session.flow({ host: 'no name', port: 53 }, ['x']);
    await soon(() => expect(session.ended).toHaveLength(2));
    expect(session.ended).toEqual(
      expect.arrayContaining([flowId, odd].map((id) => ({ flowId: id, error: 'nameNotFound' }))),
    );
  });

  test('are waited for no longer than the flow is wanted', async () => {
    const origin = await Origin.at();
    const bed = bedOf({ names: { 'a.example': ['127.0.0.1'] } });
    const session = bed.session();
    const answer = bed.resolver.hold();
    const flowId = session.flow({ ...origin.destination, host: 'a.example' }, ['gone']);
    session.endFlow(flowId);
    answer();
    session.flow(origin.destination, ['x']);
    await soon(() => expect(origin.texts).toEqual(['x']));
    expect(session.ended).toEqual([]);
  });
});

describe('limits', () => {
  test('let nothing wait where memory is short', async () => {
    const origin = await Origin.at();
    const bed = bedOf();
    const session = bed.session();
    session.memory.take(session.memory.limitBytes * 0.8);
    const flowId = session.flow(origin.destination, ['x']);
    expect(bed.drops()).toEqual({ early: 1 });
    await soon(() => {
      session.send(flowId, 'y');
      expect(origin.texts).toContain('y');
    });
  });
  test('bound what waits for names, over all flows of a session', async () => {
    const origin = await Origin.at();
    const bed = bedOf({ names: { 'a.example': ['127.0.0.1'] } });
    const session = bed.session();
    const answer = bed.resolver.hold();
    const destination = { ...origin.destination, host: 'a.example' };
    const flows = Array.from({ length: 20 }, () => session.flow(destination, ['x'.repeat(60_000)]));
    expect(bed.drops()).toEqual({ early: 3 });
    expect(session.memory.usedBytes).toBe(17 * 60_000);
    session.endFlow(flows[0]!);
    session.flow(destination, ['room again', 'x'.repeat(60_000)]);
    expect(bed.drops()).toEqual({ early: 3, refused: 1 });
    answer();
    await soon(() => expect(origin.texts).toContain('room again'));
    expect(session.memory.usedBytes).toBe(0);
    expect(session.ended).toEqual([]);
  });

  test('bound the flows of a client, over all of its sessions', async () => {
    const bed = bedOf({ flowsPerClient: 3 });
    const [one, two, other] = [bed.session(), bed.session(), bed.session('phone')];
    const to = (port: number) => ({ host: '127.0.0.1', port });
    const first = one.flow(to(1));
    one.flow(to(2));
    two.flow(to(3));
    const refused = two.flow(to(4));
    expect(two.ended).toEqual([{ flowId: refused, error: 'resourceExceeded' }]);
    expect(bed.limitHits).toEqual(['flowsPerClient']);
    other.flow(to(5));
    expect(other.ended).toEqual([]);
    one.endFlow(first);
    two.flow(to(6));
    expect(two.ended).toHaveLength(1);
  });

  test('bound the associations of a client, and all of them', () => {
    const bed = bedOf({ associationsPerClient: 2, associations: 3 });
    const [one, two, other] = [bed.session(), bed.session(), bed.session('phone')];
    const begin = (session: typeof one, associationId: number) =>
      session.flow({ host: '127.0.0.1', port: 9 }, [], associationId);
    begin(one, 0);
    begin(two, 0);
    const refused = begin(two, 1);
    expect(two.ended).toEqual([{ flowId: refused, error: 'resourceExceeded' }]);
    begin(other, 0);
    const tooMany = begin(other, 1);
    expect(other.ended).toEqual([{ flowId: tooMany, error: 'resourceExceeded' }]);
    expect(bed.limitHits).toEqual(['associationsPerClient', 'associations']);
    one.endAssociation(0);
    begin(other, 1);
    expect(other.ended).toHaveLength(1);
    expect(bed.datagrams.associationCount).toBe(3);
  });

  test('pace how fast a client begins flows', async () => {
    const origin = await Origin.at();
    const bed = bedOf({ opensPerSecond: 4, flowsPerClient: 100 });
    const session = bed.session();
    for (let i = 0; i < 12; i++) session.flow(origin.destination, [String(i)]);
    await soon(() => expect(origin.texts).toHaveLength(10));
    expect(bed.limitHits).toEqual(['opensPerSecond', 'opensPerSecond']);
    expect(session.ended).toEqual([]);
    // An answer gives back most of what its flow has cost.
    await origin.say('a');
    await soon(() => expect(session.received).toHaveLength(1));
  });

  test('are not what a client whose quota is used up is told of, however many flows it begins', async () => {
    const bed = bedOf({ opensPerSecond: 4, flowsPerClient: 12, refuse: () => 'quotaUsedUp' });
    const session = bed.session();
    // Ten have their turn at once, others wait for it in their places, and the last have none.
    for (let i = 0; i < 25; i++) session.flow({ host: '127.0.0.1', port: 9 });
    await soon(() => expect(session.ended.length).toBeGreaterThanOrEqual(23));
    expect(session.ended.filter(({ error }) => error !== 'quotaUsedUp')).toEqual([]);
  });

  test('leave descriptors to others', async () => {
    const origin = await Origin.at();
    const bed = bedOf({ descriptors: 4 });
    const session = bed.session();
    const flows = [0, 1, 2, 3].map((association) => session.flow(origin.destination, ['x'], association));
    await soon(() => expect(session.ended).toEqual([{ flowId: flows[3], error: 'resourceExceeded' }]));
    expect(bed.limitHits).toEqual(['descriptors']);
    await soon(() => expect(origin.texts).toHaveLength(3));
    session.endAssociation(0);
    session.flow(origin.destination, ['y'], 4);
    await soon(() => expect(origin.texts.at(-1)).toBe('y'));
    const poor = bedOf({ hasDescriptor: () => false }).session();
    const refused = poor.flow(origin.destination, ['x']);
    await soon(() => expect(poor.ended).toEqual([{ flowId: refused, error: 'resourceExceeded' }]));
  });
});

describe('time', () => {
  test('ends a flow that is idle, and then its association', async () => {
    const origin = await Origin.at();
    const bed = bedOf();
    const session = bed.session();
    const { associations } = session;
    const idle = session.flow(origin.destination, ['x']);
    const busy = session.flow({ ...origin.destination, host: '127.0.0.2' });
    await soon(() => expect(origin.texts).toEqual(['x']));
    const port = origin.peerPort;
    associations.sweep(0);
    for (let i = 0; i < 4; i++) {
      session.send(busy, 'alive');
      associations.sweep(IDLE_TIMEOUT_MS / 4);
    }
    expect(session.ended).toContainEqual({ flowId: idle, error: 'idleTimeout' });
    expect(session.ended).not.toContainEqual(expect.objectContaining({ flowId: busy, error: 'idleTimeout' }));
    // Its port stays for a while.
    session.flow(origin.destination, ['y']);
    await soon(() => expect(origin.texts).toEqual(['x', 'y']));
    expect(origin.peerPort).toBe(port);
    associations.sweep(0);
    for (let i = 0; i < 8; i++) associations.sweep(IDLE_TIMEOUT_MS / 4);
    expect([bed.datagrams.flowCount, bed.datagrams.associationCount]).toEqual([0, 0]);
  });

  test('counts from what comes, too', async () => {
    const origin = await Origin.at();
    const session = bedOf().session();
    session.flow(origin.destination, ['x']);
    await soon(() => expect(origin.texts).toEqual(['x']));
    for (let i = 1; i <= 4; i++) {
      session.associations.sweep(IDLE_TIMEOUT_MS / 2);
      await origin.say('y');
      await soon(() => expect(session.received).toHaveLength(i));
    }
    expect(session.ended).toEqual([]);
  });
});

test('the end of a session, or of an association, leaves nothing behind', async () => {
  const origin = await Origin.at();
  const bed = bedOf({ names: { 'a.example': ['127.0.0.1'] } });
  const session = bed.session();
  for (const association of [0, 1, 2]) session.flow(origin.destination, ['x'], association);
  await soon(() => expect(origin.texts).toEqual(['x', 'x', 'x']));
  const answer = bed.resolver.hold();
  const waits = session.flow({ host: 'a.example', port: 1 }, ['x'], 2);
  session.endAssociation(0);
  session.send(0, 'late');
  expect(bed.datagrams.associationCount).toBe(2);
  bed.datagrams.end(session.associations);
  answer();
  session.send(waits, 'late');
  expect([bed.datagrams.flowCount, bed.datagrams.associationCount]).toEqual([0, 0]);
  const { port } = origin.destination;
  await origin.say('nobody there');
  // A new session may have everything again.
  const next = bed.session();
  for (let association = 0; association < 16; association++) {
    next.flow({ host: '127.0.0.1', port }, ['y'], association);
  }
  await soon(() => expect(origin.texts.filter((text) => text === 'y')).toHaveLength(16));
  expect(next.ended).toEqual([]);
  expect(session.received).toEqual([]);
});
