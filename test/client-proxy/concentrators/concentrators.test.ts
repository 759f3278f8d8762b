import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Concentrator, ConcentratorEvents } from '../../../client-proxy/concentrators/concentrator.ts';
import { Concentrators } from '../../../client-proxy/concentrators/concentrators.ts';
import type { ConfiguredConcentrator } from '../../../client-proxy/config/client-config.ts';
import type { DialledUplink } from '../../../client-proxy/path-manager/uplink-role.ts';
import { SessionSecrets } from '../../../client-proxy/session/session-secrets.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import type { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';

const LIMIT = 1_000_000;
const ANSWER_MS = 150;
const LTE: DialledUplink = {
  name: 'lte',
  binding: { kind: 'interface', interface: 'lte' },
  backup: false,
  rateLimit: { sendBytesPerSecond: LIMIT, receiveBytesPerSecond: 0, isMetered: false },
};
/** Whether sessions are heard since they were asked, and how often that was. */
class Asked {
  isHeard = true;
  count = 0;

  /** @returns what tells how often they have been asked since */
  hear(isHeard: boolean): () => number {
    this.isHeard = isHeard;
    const before = this.count;
    return () => this.count - before;
  }
}

/** A session that has carried and measured what is known for its name, and is heard at this moment or was never. */
const driverOf = (
  name: string,
  asked: Asked,
  carried: ReadonlyMap<string, number>,
  roundTrips: ReadonlyMap<string, number>,
  clock: () => number,
) => {
  const driver = {
    name,
    streamCount: 0,
    ...{ hasSubflow: true, startedMs: 0 },
    snapshot: () => ({
      subflows: [
        {
          ...{ uplinkName: 'lte', state: 'active', sinceHeardMs: asked.isHeard ? 0 : clock() },
          ...{ isMeasured: roundTrips.has(name), minRttMs: roundTrips.get(name) },
        },
      ],
      statistics: { sentBytes: carried.get(name) ?? 0, receivedBytes: 0 },
    }),
    input: (command: (session: object) => unknown) =>
      command({ subflows: { ask: () => void asked.count++ } }),
  };
  return driver as unknown as SessionDriver & { readonly name: string };
};
const namesOf = (drivers: readonly SessionDriver[]) =>
  (drivers as readonly ReturnType<typeof driverOf>[]).map(({ name }) => name);
/** Each as `NAME`, or as `NAME@PLACE` where it is called otherwise than before. */
const named = (...names: readonly string[]): readonly ConfiguredConcentrator[] =>
  names.map((text) => {
    const [name, host = name] = text.split('@');
    const client = { id: 'laptop', key: new Uint8Array(32) };
    return {
      name: name!,
      client,
      concentrator: { addresses: [{ host: host!, port: 1 }], pins: [] },
    };
  });

/** Concentrators, the uplinks that each was last given, and what each has for a session. Only those that are `reached` are. */
function several() {
  const given = new Map<string, readonly DialledUplink[]>();
  const reached = new Set<string>();
  const left: SessionDriver[] = [];
  const counts: number[] = [];
  const asked = new Asked();
  const carried = new Map<string, number>();
  const roundTrips = new Map<string, number>();
  const drained = {
    promise: Promise.resolve(),
    /** Those that leave have streams, until the call. */
    hold() {
      let done = () => {};
      drained.promise = new Promise((resolve) => {
        done = resolve;
      });
      return () => done();
    },
  };
  const time = { ms: 0, usedMs: undefined as number | undefined };
  const events: string[] = [];
  const looks = new Map<string, ConcentratorEvents>();
  /** Of the single uplink: it is lost. */
  const lose = (name: string) => {
    reached.delete(name);
    looks.get(name)!.onChanged();
  };
  const all = new Concentrators({
    make: (configured, { onChanged, onReviewed }) => {
      const driver = driverOf(configured.name, asked, carried, roundTrips, () => time.ms);
      looks.set(configured.name, { onChanged, onReviewed });
      const keeper = {
        setUplinks: (uplinks: readonly DialledUplink[]) => given.set(configured.name, uplinks),
        drivers: [driver],
        uplinks: [],
        current: driver,
        isFull: false,
        get isReachable() {
          return reached.has(configured.name);
        },
        drain: () => drained.promise,
        stop: () => Promise.resolve(),
        loseUplink: () => lose(configured.name),
        onUseChanged() {},
        giveUp() {},
      };
      const secrets = new SessionSecrets(configured);
      const publisher = { configure() {}, goAway() {} };
      return {
        get configured() {
          return secrets.configured;
        },
        ...{ keeper, secrets, publisher },
      } as unknown as Concentrator;
    },
    isUsable: () => true,
    onReviewed() {},
    onChanged() {},
    onSilent() {},
    onLeft: (drivers) => void left.push(...drivers),
    onCount: (count) => void counts.push(count),
    datagramsOf: () => ({ flowCount: 1, usedMs: time.usedMs }),
    onEvent: ({ concentrator, kind, reason }) => void events.push(`${concentrator} ${kind}: ${reason}`),
    clock: () => time.ms,
    logger: pino({ enabled: false }),
  });
  onTestFinished(() => all.stop());
  all.setUplinks([LTE]);
  const rateOf = (name: string) => given.get(name)?.[0]?.rateLimit?.sendBytesPerSecond;
  const configure = (...names: readonly string[]) => all.configure(named(...names), []);
  const look = (afterMs: number) => {
    time.ms += afterMs;
    [...looks.values()][0]!.onChanged();
  };
  /** These are reached from now on, and no others. It is looked at once, and again when those that are asked may have answered. */
  const reach = (...names: readonly string[]) => {
    reached.clear();
    for (const name of names) reached.add(name);
    look(0);
    look(ANSWER_MS);
  };
  /** Its paths say that it is reached, when all have just been looked at. */
  const review = (name: string) => {
    reached.add(name);
    looks.get(name)!.onReviewed();
  };
  const measure = (name: string, roundTripMs: number) => void roundTrips.set(name, roundTripMs);
  return {
    all,
    configure,
    measure,
    drained,
    carried,
    rateOf,
    given,
    asked,
    look,
    reach,
    review,
    left,
    counts,
    time,
    events,
  };
}

it('tells how many have sessions after each reload, and when one that was taken out is done', async () => {
  const { configure, counts } = several();
  configure('frankfurt');
  configure('frankfurt', 'paris', 'rome');
  configure('paris');
  expect(counts).toEqual([1, 3, 3]);
  await new Promise(setImmediate);
  expect(counts).toEqual([1, 3, 3, 2, 1]);
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
