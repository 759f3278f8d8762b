import { describe, expect, test } from 'vitest';
import { type EgressRule, parseEgressRule } from '../../../server-concentrator/config/egress-rule.ts';
import { eventually } from '../../support/eventually.ts';
import { bedOf, IDLE_TIMEOUT_MS, Origin, policyOf } from './datagram-bed.ts';

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
    await eventually(() => expect(session.ended).toEqual([{ flowId, error: 'notAuthorized' }]));
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
    await eventually(() => expect(session.ended).toEqual([{ flowId, error: 'notAuthorized' }]));
  });

  test('holds for the kernel, too: nothing is broadcast, though it was allowed', async () => {
    const session = bedOf({ allow: ['0.0.0.0/0'] }).session();
    const flowId = session.flow({ host: '127.255.255.255', port: 9 }, ['x']);
    await eventually(() => expect(session.ended).toEqual([{ flowId, error: 'notAuthorized' }]));
  });

  test('closes what comes from a denied port', async () => {
    const [asked, other] = [await Origin.at(), await Origin.at()];
    const bed = bedOf({ deny: [`*:${other.destination.port}`] });
    const session = bed.session();
    session.flow(asked.destination, ['x']);
    await eventually(() => expect(asked.texts).toEqual(['x']));
    await other.say('hello', asked.peerPort);
    await eventually(() => expect(bed.drops()).toEqual({ forbidden: 1 }));
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
    await eventually(() => expect([...origin.texts, ...other.texts]).toHaveLength(3));
    bed.datagrams.setPolicy(policyOf({ deny: ['127.0.0.1'] }));
    expect(session.ended).toEqual([flowId, named].map((id) => ({ flowId: id, error: 'notAuthorized' })));
    await origin.say('late');
    session.send(flowId, 'late');
    session.send(stays, 'y');
    await eventually(() => expect(other.texts).toEqual(['x', 'y']));
    expect(origin.texts).toEqual(['x', 'x']);
    expect(bed.drops()).toEqual({ unsolicited: 1 });
    const again = session.flow(origin.destination, ['x']);
    await eventually(() => expect(session.ended.at(-1)).toEqual({ flowId: again, error: 'notAuthorized' }));
  });

  test('looks at the flows of clients whose rules have changed, and of no others', async () => {
    const origin = await Origin.at();
    let deny: readonly EgressRule[] = [];
    const bed = bedOf({ rulesOf: () => ({ allow: [], deny }) });
    const [laptop, phone] = [bed.session('laptop'), bed.session('phone')];
    for (const session of [laptop, phone]) session.flow(origin.destination, ['x']);
    await eventually(() => expect(origin.texts).toHaveLength(2));
    deny = [parseEgressRule('127.0.0.0/8')!];
    bed.datagrams.recheck(new Set(['phone', 'tablet']));
    expect([laptop, phone].map(({ ended }) => ended.length)).toEqual([0, 1]);
    bed.datagrams.recheck();
    expect(laptop.ended).toHaveLength(1);
  });
});

describe('a client that may reach nothing but names', () => {
  const namesIn = (only: string) => ({ allow: [], deny: [], only: [parseEgressRule(only)!] });

  test('gets their answers, and what comes from other ports there, as long as it may reach them', async () => {
    const [asked, other] = [await Origin.at(), await Origin.at()];
    let rules = namesIn('*.example');
    const bed = bedOf({ names: { 'a.example': ['127.0.0.1'] }, rulesOf: () => rules });
    const session = bed.session();
    const flowId = session.flow({ ...asked.destination, host: 'A.example.' }, ['x']);
    await eventually(() => expect(asked.texts).toEqual(['x']));
    await asked.say('answer');
    await eventually(() => expect(session.received.map(({ text }) => text)).toEqual(['answer']));
    await other.say('hello', asked.peerPort);
    await eventually(() => expect(session.received.map(({ text }) => text)).toEqual(['answer', 'hello']));
    const begun = session.begun.map(({ id }) => id);
    for (const id of begun) session.send(id, 'back');
    await eventually(() => expect([asked.texts.at(-1), other.texts]).toEqual(['back', ['back']]));
    bed.datagrams.recheck();
    expect([session.ended, bed.drops()]).toEqual([[], {}]);
    rules = namesIn('b.example');
    bed.datagrams.recheck();
    expect(session.ended).toEqual([flowId, ...begun].map((id) => ({ flowId: id, error: 'notAuthorized' })));
  });

  test('gets nothing from ports that the rule does not name, nor from where another name led', async () => {
    const [asked, other] = [await Origin.at(), await Origin.at()];
    const bed = bedOf({
      names: { 'a.example': ['127.0.0.1'], 'b.example': ['127.0.0.1'] },
      rulesOf: () => namesIn(`a.example:${asked.destination.port}`),
    });
    const session = bed.session();
    session.flow({ ...asked.destination, host: 'a.example' }, ['x']);
    await eventually(() => expect(asked.texts).toEqual(['x']));
    await other.say('hello', asked.peerPort);
    await eventually(() => expect(bed.drops()).toEqual({ forbidden: 1 }));
    const refused = [
      session.flow({ ...asked.destination, host: 'b.example' }),
      session.flow(asked.destination),
    ];
    const ended = refused.map((flowId) => ({ flowId, error: 'notAuthorized' }));
    await eventually(() => expect(session.ended).toEqual(expect.arrayContaining(ended)));
    expect(session.begun).toEqual([]);
  });

  test('gets from other ports what a name allows, though it was asked by the address before', async () => {
    const [asked, other] = [await Origin.at(), await Origin.at()];
    const only = [`127.0.0.1:${asked.destination.port}`, '*.example'].map((rule) => parseEgressRule(rule)!);
    const bed = bedOf({
      names: { 'a.example': ['127.0.0.1'] },
      rulesOf: () => ({ allow: only.slice(0, 1), deny: [], only }),
    });
    const session = bed.session();
    session.flow(asked.destination, ['x']);
    await eventually(() => expect(asked.texts).toEqual(['x']));
    session.flow({ ...asked.destination, host: 'a.example' }, ['x']);
    await eventually(() => expect(asked.texts).toEqual(['x', 'x']));
    await other.say('hello', asked.peerPort);
    await eventually(() => expect(session.received.map(({ text }) => text)).toEqual(['hello']));
    expect(bed.drops()).toEqual({});
  });

  test('gets from other ports what the name allows that still leads there', async () => {
    const [asked, other] = [await Origin.at(), await Origin.at()];
    let rules = namesIn('*.example');
    const names = { 'a.example': ['127.0.0.1'], 'b.example': ['127.0.0.1'] };
    const bed = bedOf({ names, rulesOf: () => rules });
    const session = bed.session();
    for (const host of Object.keys(names)) session.flow({ ...asked.destination, host }, ['x']);
    await eventually(() => expect(asked.texts).toEqual(['x', 'x']));
    rules = namesIn('b.example');
    bed.datagrams.recheck();
    await other.say('hello', asked.peerPort);
    await eventually(() => expect(session.received.map(({ text }) => text)).toEqual(['hello']));
  });
});

describe('names', () => {
  test('that do not exist, or are none, end the flow', async () => {
    const session = bedOf().session();
    const flowId = session.flow({ host: 'none.example', port: 53 }, ['x']);
    const odd = session.flow({ host: 'no name', port: 53 }, ['x']);
    await eventually(() => expect(session.ended).toHaveLength(2));
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
    await eventually(() => expect(origin.texts).toEqual(['x']));
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
    await eventually(() => {
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
    await eventually(() => expect(origin.texts).toContain('room again'));
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
    await eventually(() => expect(origin.texts).toHaveLength(10));
    expect(bed.limitHits).toEqual(['opensPerSecond', 'opensPerSecond']);
    expect(session.ended).toEqual([]);
    // An answer gives back most of what its flow has cost.
    await origin.say('a');
    await eventually(() => expect(session.received).toHaveLength(1));
  });

  test('are not what a client whose quota is used up is told of, however many flows it begins', async () => {
    const bed = bedOf({ opensPerSecond: 4, flowsPerClient: 12, refuse: () => 'quotaUsedUp' });
    const session = bed.session();
    // Ten have their turn at once, others wait for it in their places, and the last have none.
    for (let i = 0; i < 25; i++) session.flow({ host: '127.0.0.1', port: 9 });
    await eventually(() => expect(session.ended.length).toBeGreaterThanOrEqual(23));
    expect(session.ended.filter(({ error }) => error !== 'quotaUsedUp')).toEqual([]);
  });

  test('leave descriptors to others', async () => {
    const origin = await Origin.at();
    const bed = bedOf({ descriptors: 4 });
    const session = bed.session();
    const flows = [0, 1, 2, 3].map((association) => session.flow(origin.destination, ['x'], association));
    await eventually(() => expect(session.ended).toEqual([{ flowId: flows[3], error: 'resourceExceeded' }]));
    expect(bed.limitHits).toEqual(['descriptors']);
    await eventually(() => expect(origin.texts).toHaveLength(3));
    session.endAssociation(0);
    session.flow(origin.destination, ['y'], 4);
    await eventually(() => expect(origin.texts.at(-1)).toBe('y'));
    const poor = bedOf({ hasDescriptor: () => false }).session();
    const refused = poor.flow(origin.destination, ['x']);
    await eventually(() => expect(poor.ended).toEqual([{ flowId: refused, error: 'resourceExceeded' }]));
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
    await eventually(() => expect(origin.texts).toEqual(['x']));
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
    await eventually(() => expect(origin.texts).toEqual(['x', 'y']));
    expect(origin.peerPort).toBe(port);
    associations.sweep(0);
    for (let i = 0; i < 8; i++) associations.sweep(IDLE_TIMEOUT_MS / 4);
    expect([bed.datagrams.flowCount, bed.datagrams.associationCount]).toEqual([0, 0]);
  });

  test('counts from what comes, too', async () => {
    const origin = await Origin.at();
    const session = bedOf().session();
    session.flow(origin.destination, ['x']);
    await eventually(() => expect(origin.texts).toEqual(['x']));
    for (let i = 1; i <= 4; i++) {
      session.associations.sweep(IDLE_TIMEOUT_MS / 2);
      await origin.say('y');
      await eventually(() => expect(session.received).toHaveLength(i));
    }
    expect(session.ended).toEqual([]);
  });
});

test('the end of a session, or of an association, leaves nothing behind', async () => {
  const origin = await Origin.at();
  const bed = bedOf({ names: { 'a.example': ['127.0.0.1'] } });
  const session = bed.session();
  for (const association of [0, 1, 2]) session.flow(origin.destination, ['x'], association);
  await eventually(() => expect(origin.texts).toEqual(['x', 'x', 'x']));
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
  await eventually(() => expect(origin.texts.filter((text) => text === 'y')).toHaveLength(16));
  expect(next.ended).toEqual([]);
  expect(session.received).toEqual([]);
});
