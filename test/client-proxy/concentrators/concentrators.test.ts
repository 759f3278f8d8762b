import { describe, expect, it } from 'vitest';
import { drainingCount } from '../../../client-proxy/concentrators/concentrator-report.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import { LIMIT, LTE, namesOf, several } from './concentrators-bed.ts';

it('tells how many have sessions after each reload, and when one that was taken out is done', async () => {
  const { configure, counts } = several();
  configure('frankfurt');
  configure('frankfurt', 'paris', 'rome');
  configure('paris');
  expect(counts).toEqual([1, 3, 3]);
  await new Promise(setImmediate);
  expect(counts).toEqual([1, 3, 3, 2, 1]);
});

it('calls only sessions draining that take nothing new, and not those of the other concentrators', () => {
  const { all, configure, drained } = several();
  configure('frankfurt', 'paris');
  expect(drainingCount(all)).toBe(0);
  drained.hold();
  configure('frankfurt');
  expect(drainingCount(all)).toBe(1);
});

it('has the one that is left carry everything, though it was only kept ready', async () => {
  const { all, configure, rateOf } = several();
  configure('frankfurt', 'paris');
  expect(all.members.map(({ isStanding }) => isStanding)).toEqual([false, true]);
  configure('paris');
  await new Promise(setImmediate);
  expect([all.members[0]!.isStanding, rateOf('paris')]).toEqual([false, LIMIT]);
});

it('has none when all are taken out, though they have streams yet and fall silent', async () => {
  const { all, configure, drained, reach } = several();
  configure('frankfurt', 'paris');
  reach('frankfurt', 'paris');
  const done = drained.hold();
  configure();
  reach();
  expect([all.chosen, all.isReachable, all.drivers.length]).toEqual([undefined, false, 2]);
  done();
  await new Promise(setImmediate);
  expect(all.drivers).toEqual([]);
});

it('shares rate limits with one that leaves until it is done, and again when it comes back', async () => {
  const { all, configure, rateOf, drained } = several();
  configure('frankfurt', 'paris');
  const before = [rateOf('frankfurt'), rateOf('paris')];
  expect(before[0]! + before[1]!).toBeLessThanOrEqual(LIMIT);
  const done = drained.hold();
  configure('frankfurt');
  for (const uplinks of [[LTE], [{ ...LTE }]]) {
    all.setUplinks(uplinks);
    expect(rateOf('frankfurt')! + rateOf('paris')!).toBeLessThanOrEqual(LIMIT);
  }
  done();
  await new Promise(setImmediate);
  expect(rateOf('frankfurt')).toBe(LIMIT);
  configure('frankfurt', 'paris');
  expect([rateOf('frankfurt'), rateOf('paris')]).toEqual(before);
});

it('leaves to the one that is left what one that leaves does not use any more, and shares when it does', () => {
  const { configure, rateOf, drained, carried, reach, review, time } = several();
  const rates = (paris: number) => {
    time.ms += 1_000;
    carried.set('paris', paris);
    review('paris');
    return [rateOf('frankfurt'), rateOf('paris')].map((rate) => Math.round((100 * rate!) / LIMIT));
  };
  configure('frankfurt', 'paris');
  reach('frankfurt', 'paris');
  expect(rates(0)).toEqual([98, 2]);
  expect(rates(1_000_000)).toEqual([50, 50]);
  const done = drained.hold();
  configure('frankfurt');
  expect(rates(2_000_000)).toEqual([50, 50]);
  expect(rates(2_000_000)).toEqual([98, 2]);
  expect(rates(3_000_000)).toEqual([50, 50]);
  done();
});

it.each([
  ['the only one', ['frankfurt']],
  ['each of several', ['frankfurt', 'paris']],
])('gives %s a list of uplinks that was made anew, since they may stand on something else', (_, names) => {
  const { all, configure, given } = several();
  configure(...names);
  const before = new Map(given);
  all.onUseChanged('lte');
  expect(names.map((name) => given.get(name) === before.get(name))).toEqual(names.map(() => true));
  all.setUplinks([{ ...LTE }]);
  expect(names.map((name) => given.get(name) === before.get(name))).toEqual(names.map(() => false));
});

describe('sessions for datagrams', () => {
  it('are those of the chosen one first; of one that is named, where that is reached', () => {
    const { all, configure, reach } = several();
    configure('frankfurt', 'paris', 'rome');
    reach('paris', 'rome');
    expect(namesOf(all.sessions())).toEqual(['paris', 'rome', 'frankfurt']);
    expect(namesOf(all.sessions('rome'))).toEqual(['rome']);
    expect(all.sessions('frankfurt')).toEqual([]);
    expect(all.sessions('nowhere')).toEqual([]);
    reach();
    expect(namesOf(all.sessions())).toEqual(['paris', 'frankfurt', 'rome']);
  });

  it('are those of one that has only just come up, too', () => {
    const { all, configure, reach, review } = several();
    configure('frankfurt', 'paris');
    reach('frankfurt');
    expect(all.sessions('paris')).toEqual([]);
    review('paris');
    expect(namesOf(all.sessions('paris'))).toEqual(['paris']);
  });

  it('are not asked for again by each review while they are in doubt', () => {
    const { configure, reach, review, asked } = several();
    configure('frankfurt', 'paris');
    reach('frankfurt', 'paris');
    const unheard = asked.hear(false);
    reach('paris');
    // Once by each look.
    expect(unheard()).toBe(2);
    for (let i = 0; i < 10; i++) review('paris');
    expect(unheard()).toBe(2);
  });

  it('of a single one are its own, whether or not it is heard', () => {
    const { all, configure } = several();
    configure('frankfurt');
    expect([all.sessions(), all.sessions('frankfurt')].map(namesOf)).toEqual([['frankfurt'], ['frankfurt']]);
  });

  it('of one that is taken out are told of', () => {
    const { configure, left } = several();
    configure('frankfurt', 'paris');
    configure('frankfurt');
    expect(namesOf(left)).toEqual(['paris']);
  });

  it('have all uplinks from the first datagram on, and for as long as there are some', () => {
    const { all, configure, reach, time } = several();
    configure('frankfurt', 'paris');
    reach('frankfurt', 'paris');
    const paris = all.members[1]!;
    expect(paris.isStanding).toBe(true);
    all.onFlow(all.sessions('paris')[0]!);
    expect(paris.isStanding).toBe(false);
    const standsAt = (ms: number, usedMs: number) => {
      time.ms = ms;
      time.usedMs = usedMs;
      reach('frankfurt', 'paris');
      return paris.isStanding;
    };
    expect([standsAt(29_000, 29_000), standsAt(58_000, 29_000), standsAt(60_000, 29_000)]).toEqual([
      false,
      false,
      true,
    ]);
  });
});

describe('another configuration', () => {
  const sessionsOf = ({ all }: ReturnType<typeof several>) =>
    Object.fromEntries(all.members.map(({ name, it }) => [name, namesOf(it.keeper.drivers)[0]]));

  it.each<[string, readonly string[], readonly string[], Readonly<Record<string, string>>]>([
    ['another order', ['a', 'b', 'c'], ['c', 'a', 'b'], { a: 'a', b: 'b', c: 'c' }],
    ['another name', ['concentrator@a'], ['a', 'b'], { a: 'concentrator', b: 'b' }],
    ['another name, and order', ['a', 'b'], ['b', 'berlin@a'], { b: 'b', berlin: 'a' }],
    ['names that were exchanged', ['a', 'b'], ['b@a', 'a@b'], { a: 'b', b: 'a' }],
    ['another place', ['a', 'b'], ['a@new', 'b'], { a: 'a', b: 'b' }],
    ['two names for one', ['a', 'again@a'], ['again@a', 'a'], { a: 'a', again: 'again' }],
    ['one name less for one', ['a', 'again@a'], ['again@a'], { again: 'again' }],
  ])('keeps sessions: %s', (what, before, after, sessions) => {
    const it = several();
    it.configure(...before);
    const made = it.all.drivers;
    it.configure(...after);
    expect(sessionsOf(it)).toEqual(sessions);
    // Nobody is taken for who he is not: there is another session at another place.
    expect(it.all.members.every(({ it: { keeper } }) => made.includes(keeper.drivers[0]!))).toBe(
      !['another place', 'another name'].includes(what),
    );
  });

  it('has the choice, the rules and the events go by the new names', () => {
    const { all, configure, reach, events, time } = several();
    configure('a', 'b');
    reach('b');
    time.ms = 60_000;
    configure('a', 'berlin@b');
    expect([all.chosen?.configured.name, namesOf(all.sessions('berlin'))]).toEqual(['berlin', ['b']]);
    expect(all.sessions('b')).toEqual([]);
    reach('a', 'b');
    reach('a');
    expect(events).toEqual(['berlin lost: nothing is heard from it', 'a chosen: berlin cannot be reached']);
  });
});

describe('a silence', () => {
  /** How long new connections take to come back to the near one, which was silent for 5 s. */
  const fall = ({ all, asked, look, reach }: ReturnType<typeof several>, reached: readonly string[]) => {
    asked.hear(false);
    reach(...reached);
    expect(all.chosen?.configured.name).toBe('near');
    asked.hear(true);
    reach('far');
    look(5_000);
    expect(all.chosen?.configured.name).toBe('far');
    reach('near', 'far');
    let waitedMs = 0;
    for (; all.chosen?.configured.name === 'far' && waitedMs < 60_000; waitedMs += 1_000) look(1_000);
    return waitedMs;
  };
  const settled = () => {
    const bed = several();
    bed.configure('near', 'far');
    bed.measure('near', 20);
    bed.measure('far', 60);
    bed.reach('near', 'far');
    bed.look(60_000);
    return bed;
  };

  it('of the chosen one is its fall, though the other has not answered yet: it is returned to later each time', () => {
    const bed = settled();
    expect([fall(bed, ['far']), fall(bed, ['far'])]).toEqual([10_000, 20_000]);
  });

  it('of the chosen one that ends soon after another one has answered was a pause, and no fall', () => {
    const { all, asked, look, reach } = settled();
    const waits: number[] = [];
    for (let pauses = 0; pauses < 5; pauses++) {
      // The far one was not asked before. It answers at once, and the near one when TCP sends again.
      asked.hear(false);
      reach('far');
      expect(all.chosen?.configured.name).toBe('near');
      asked.hear(true);
      look(150);
      expect(all.chosen?.configured.name).toBe('far');
      look(500);
      reach('near', 'far');
      let waitedMs = 0;
      for (; all.chosen?.configured.name === 'far' && waitedMs < 400_000; waitedMs += 1_000) look(1_000);
      waits.push(waitedMs);
    }
    expect(waits).toEqual(Array(5).fill(10_000));
  });

  it('of the other one, soon after, does not make a fall of a pause', () => {
    const bed = settled();
    const { all, asked, look, reach } = bed;
    asked.hear(false);
    reach('far');
    asked.hear(true);
    look(150);
    expect(all.chosen?.configured.name).toBe('far');
    // The near one is back, and is doubted until it has answered.
    asked.hear(false);
    reach('near');
    expect(all.chosen?.configured.name).toBe('far');
    asked.hear(true);
    look(150);
    expect(all.chosen?.configured.name).toBe('near');
    reach('near', 'far');
    look(60_000);
    expect(fall(bed, ['far'])).toBe(10_000);
  });

  it('of all is an outage, and no fall', () => {
    const bed = settled();
    expect([fall(bed, []), fall(bed, [])]).toEqual([0, 0]);
  });
});

describe('events', () => {
  it('are those of concentrators that were reached, and changes of the choice after the first', () => {
    const { configure, reach, events, time } = several();
    configure('a', 'b', 'c');
    reach('c');
    reach('a', 'c');
    time.ms = 60_000;
    reach('a');
    reach('a', 'b');
    reach();
    reach('b');
    expect(events).toEqual([
      ...['c lost: nothing is heard from it', 'a chosen: c cannot be reached'],
      ...['a lost: nothing is heard from it', 'b lost: nothing is heard from it'],
      ...['b back: it is heard again', 'b chosen: a cannot be reached'],
    ]);
  });

  it('are none of a choice where all lose their uplink', () => {
    const { all, configure, reach, events, time } = several();
    configure('a', 'b');
    reach('a', 'b');
    time.ms = 60_000;
    all.loseUplink({ uplinkName: 'lte', reason: 'its interface is gone', kind: 'gone' });
    expect(all.isReachable).toBe(false);
    expect([events, all.chosen?.configured.name]).toEqual([
      ['a lost: nothing is heard from it', 'b lost: nothing is heard from it'],
      'a',
    ]);
  });

  it('are none of a single one', () => {
    const { configure, reach, events } = several();
    configure('a');
    reach('a');
    reach();
    expect(events).toEqual([]);
  });
});

describe('a stream', () => {
  it('that was cancelled meanwhile is not opened', async () => {
    const { all, configure } = several();
    configure('a', 'b');
    const signal = new Cancellation();
    const reason = new Error('the application has gone');
    signal.abort(reason);
    const opening = all.openStream(
      { host: 'www.test', port: 80 },
      () => ({ mode: 'aggregate' }),
      () => ({}) as never,
      signal,
    );
    await expect(opening).rejects.toBe(reason);
  });

  it('fails at once where its rule allows one alone, and there is none of that name', async () => {
    const { all, configure } = several();
    configure('a', 'b');
    const opening = all.openStream(
      ...([
        { host: 'www.test', port: 80 },
        () => ({ mode: 'aggregate' }) as const,
        () => ({}) as never,
        new Cancellation(),
      ] as const),
      undefined,
      { name: 'c', isOnly: true },
    );
    await expect(opening).rejects.toMatchObject({ code: 'uplinksLost' });
  });
});
