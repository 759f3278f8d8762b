import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { bedOf, Origin } from './datagram-bed.ts';

describe('a flow to an address', () => {
  test.each(['127.0.0.1', '::1'])('carries datagrams both ways: %s', async (host) => {
    const origin = await Origin.at(host);
    const session = bedOf().session();
    const flowId = session.flow(origin.destination, ['one', 'two', '']);
    await eventually(() => expect(origin.texts).toEqual(['one', 'two', '']));
    await origin.say('three');
    await eventually(() => expect(session.received).toEqual([{ flowId, text: 'three' }]));
    expect(session.begun).toEqual([]);
  });

  test('has the port of its association, whatever the destination', async () => {
    const [first, second, third] = [await Origin.at(), await Origin.at('127.0.0.2'), await Origin.at()];
    const session = bedOf().session();
    session.flow(first.destination, ['x']);
    session.flow(second.destination, ['x']);
    session.flow(third.destination, ['x'], 1);
    await eventually(() =>
      expect([first, second, third].map(({ texts }) => texts)).toEqual([['x'], ['x'], ['x']]),
    );
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
    await eventually(() => expect(origin.texts).toEqual(sent.slice(0, 32)));
    expect(bed.drops()).toEqual({ early: 8 });
    const big = 'x'.repeat(40_000);
    const release = bed.resolver.hold();
    session.flow({ ...origin.destination, host: 'a.example' }, [big, big, 'y']);
    release();
    await eventually(() => expect(origin.texts.slice(32)).toEqual([big, 'y']));
  });

  test.each(['127.0.0.1', '::1'])('ends when nobody has the port: %s', async (host) => {
    const gone = await Origin.at(host);
    const { destination } = gone;
    const there = await Origin.at(host);
    gone.close();
    const session = bedOf().session();
    const other = session.flow(there.destination, ['1']);
    const flowId = session.flow(destination, ['x']);
    await eventually(() => expect(session.ended).toEqual([{ flowId, error: 'connectionRefused' }]));
    // The others of the association lose nothing.
    for (const text of ['2', '3', '4']) session.send(other, text);
    await eventually(() => expect(there.texts).toEqual(['1', '2', '3', '4']));
    // The client may try again.
    const again = await Origin.at(host, destination.port);
    session.flow(destination, ['y']);
    await eventually(() => expect(again.texts).toEqual(['y']));
  });

  test('drops what is longer than UDP carries, and goes on', async () => {
    const origin = await Origin.at();
    const bed = bedOf();
    const session = bed.session();
    const flowId = session.flow(origin.destination, ['x'.repeat(65_508), 'short']);
    await eventually(() => expect(origin.texts).toEqual(['short']));
    await eventually(() => expect(bed.drops()).toEqual({ 'too-long': 1 }));
    expect(session.ended).toEqual([]);
    session.send(flowId, 'x'.repeat(65_507));
    await eventually(() => expect(origin.texts.at(-1)).toHaveLength(65_507));
  });
});

describe('a flow to a name', () => {
  test('is answered in a flow that shows the address', async () => {
    const origin = await Origin.at();
    const { port } = origin.destination;
    const bed = bedOf({ names: { 'a.example': ['127.0.0.1'] } });
    const session = bed.session();
    session.flow({ host: 'A.example.', port }, ['x'], 5);
    await eventually(() => expect(origin.texts).toEqual(['x']));
    await origin.say('y');
    await origin.say('z');
    await eventually(() => expect(session.received.map(({ text }) => text)).toEqual(['y', 'z']));
    const id = session.received[0]!.flowId;
    expect(session.begun).toEqual([{ id, associationId: 5, destination: { host: '127.0.0.1', port } }]);
    expect(session.received[1]!.flowId).toBe(id);
    // And that leads there, too.
    session.send(id, 'back');
    await eventually(() => expect(origin.texts).toEqual(['x', 'back']));
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
    await eventually(() => expect(taken.texts).toEqual(['x']));
    expect(other.texts).toEqual([]);
  });
});

describe('what comes unasked', () => {
  test('is handed on from any port of an address that was sent to, in a flow of its own', async () => {
    const [asked, other] = [await Origin.at(), await Origin.at()];
    const session = bedOf().session();
    session.flow(asked.destination, ['x'], 3);
    await eventually(() => expect(asked.texts).toEqual(['x']));
    await other.say('hello', asked.peerPort);
    await eventually(() => expect(session.received).toEqual([{ flowId: 2 ** 31, text: 'hello' }]));
    expect(session.begun).toEqual([{ id: 2 ** 31, associationId: 3, destination: other.destination }]);
    session.send(2 ** 31, 'back');
    await eventually(() => expect(other.texts).toEqual(['back']));
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
    await eventually(() => expect(asked.texts).toEqual(['x']));
    await silent.say('a', asked.peerPort);
    await stranger.say('b', asked.peerPort);
    await asked.say('c');
    await eventually(() => expect(session.received).toEqual([{ flowId, text: 'c' }]));
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
    await eventually(() => expect([origin.texts, other.texts]).toEqual([['x'], ['x']]));
    session.endFlow(flowId);
    await origin.say('late');
    await other.say('now');
    await eventually(() => expect(session.received).toEqual([{ flowId: stays, text: 'now' }]));
    expect(bed.drops()).toEqual({ unsolicited: 1 });
  });

  test('takes no more than some flows: the ports of an address are many', async () => {
    const asked = await Origin.at();
    const bed = bedOf({ flowsPerClient: 60 });
    const session = bed.session();
    const flowId = session.flow(asked.destination, ['x']);
    await eventually(() => expect(asked.texts).toEqual(['x']));
    for (let i = 0; i < 40; i++) await (await Origin.at()).say('flood', asked.peerPort);
    await asked.say('still there');
    await eventually(() => expect(session.received.at(-1)).toEqual({ flowId, text: 'still there' }));
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
    await eventually(() => expect(asked.texts).toEqual(['x']));
    await other.say('hello', asked.peerPort);
    await eventually(() => expect(bed.drops()).toEqual({ 'flow-limit': 1 }));
    expect(bed.datagrams.flowCount).toBe(1);
  });
});
