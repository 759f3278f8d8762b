import { describe, expect, it } from 'vitest';
import {
  ConcentratorChoice,
  type ConcentratorView,
} from '../../../client-proxy/concentrators/concentrator-choice.ts';

/** Round trip and loss of each uplink. */
type Ways = Readonly<Record<string, number | readonly [roundTripMs: number, lossShare: number]>>;

function view(name: string, ways: Ways | undefined): ConcentratorView {
  const measures = Object.entries(ways ?? {}).map(([uplink, way]) => {
    const [roundTripMs, lossShare] = typeof way === 'number' ? [way, 0] : way;
    return [uplink, { roundTripMs, lossShare }] as const;
  });
  return { name, isReachable: ways !== undefined, ways: new Map(measures) };
}

const silent = (name: string): ConcentratorView => ({ ...view(name, undefined), isSilent: true });

/** Where none is reachable, none is heard either: no concentrator is only in doubt. */
function lookWithoutDoubt(choice: ConcentratorChoice, views: readonly ConcentratorView[], nowMs: number) {
  const isOutage = views.every(({ isReachable }) => !isReachable);
  return choice.look(views, nowMs, isOutage);
}

/** Looks once a second from a time on; undefined: not reachable. */
class Run {
  readonly #choice = new ConcentratorChoice();
  nowMs = 0;

  for(seconds: number, a: Ways | undefined, b: Ways | undefined): string | undefined {
    for (let i = 0; i < seconds; i++) {
      lookWithoutDoubt(this.#choice, [view('a', a), view('b', b)], this.nowMs);
      this.nowMs += 1_000;
    }
    return this.#choice.name;
  }

  /** How many seconds it takes until `name` is chosen. */
  until(name: string, a: Ways | undefined, b: Ways | undefined, most = 600): number {
    for (let seconds = 1; seconds <= most; seconds++) if (this.for(1, a, b) === name) return seconds - 1;
    return Number.POSITIVE_INFINITY;
  }
}

describe('what is chosen first', () => {
  it.each<[string, Ways | undefined, Ways | undefined, string]>([
    ['the first of the configuration while nobody is reached', undefined, undefined, 'a'],
    ['the one that is reached', undefined, { dsl: 90 }, 'b'],
    ['the nearest', { dsl: 40 }, { dsl: 20 }, 'b'],
    ['the first of two alike', { dsl: 20 }, { dsl: 20 }, 'a'],
    ['one that is measured before one that is not', {}, { dsl: 20 }, 'b'],
    ['by the uplink that both are measured over', { dsl: 30, lte: 80 }, { lte: 60 }, 'b'],
    ['by all, where they have none in common', { dsl: 30 }, { lte: 60 }, 'a'],
    ['a longer way without loss before one that loses', { dsl: [20, 0.05] }, { dsl: 30 }, 'b'],
    ['a short way that loses little', { dsl: [20, 0.01] }, { dsl: 30 }, 'a'],
  ])('%s', (_, a, b, expected) => {
    expect(new Run().for(1, a, b)).toBe(expected);
  });

  it('may change at once while sessions come up', () => {
    const run = new Run();
    expect(run.for(1, { dsl: 60 }, undefined)).toBe('a');
    expect(run.for(1, { dsl: 60 }, { dsl: 10 })).toBe('b');
  });
});

describe('one that is better', () => {
  const settled = () => {
    const run = new Run();
    run.for(10, { dsl: 20 }, { dsl: 20 });
    return run;
  };

  it.each([
    ['a fifth, and 5 ms: after 10 s', { dsl: 50 }, { dsl: 40 }, 10],
    ['less than a fifth', { dsl: 50 }, { dsl: 41 }, Number.POSITIVE_INFINITY],
    ['half, but less than 5 ms', { dsl: 8 }, { dsl: 4 }, Number.POSITIVE_INFINITY],
    ['2 % of loss less', { dsl: [20, 0.02] }, { dsl: 20 }, 10],
  ] as const)('%s', (_, a, b, seconds) => {
    expect(settled().until('b', a, b, 60)).toBe(seconds);
  });

  it('must be so all the time', () => {
    const run = settled();
    for (let i = 0; i < 10; i++) {
      expect(run.for(9, { dsl: 50 }, { dsl: 20 })).toBe('a');
      expect(run.for(1, { dsl: 50 }, { dsl: 50 })).toBe('a');
    }
  });

  it('does not go to and fro when round trips waver', () => {
    const run = settled();
    let changes = 0;
    let last = 'a';
    for (let i = 0; i < 600; i++) {
      // Each is the better one for 15 s in turn, by a tenth.
      const isA = Math.floor(i / 15) % 2 === 0;
      const name = run.for(1, { dsl: isA ? 40 : 44 }, { dsl: isA ? 44 : 40 })!;
      if (name !== last) changes++;
      last = name;
    }
    expect(changes).toBe(0);
  });
});

describe('an outage of all', () => {
  const NEAR = { dsl: 20 };
  const FAR = { dsl: 60 };

  it('is no fall of the chosen one: it is chosen again as soon as it is back, however often that happens', () => {
    const run = new Run();
    run.for(10, NEAR, FAR);
    for (let i = 0; i < 5; i++) {
      run.for(20, undefined, undefined);
      expect(run.for(2, undefined, FAR)).toBe('b');
      expect(run.until('a', NEAR, FAR)).toBe(0);
      run.for(20, NEAR, FAR);
    }
    // It has fallen for the first time.
    run.for(5, undefined, FAR);
    expect(run.until('a', NEAR, FAR)).toBe(10);
  });

  it('does not make up for falls of before', () => {
    const run = new Run();
    run.for(10, NEAR, FAR);
    for (let i = 0; i < 2; i++) {
      run.for(5, undefined, FAR);
      run.until('a', NEAR, FAR);
    }
    run.for(20, undefined, undefined);
    run.for(1, undefined, FAR);
    expect(run.until('a', NEAR, FAR)).toBe(20);
  });

  it('frees the way back to the one that there was for 10 s: a dial that times out, and a pause', () => {
    const backAfter = (seconds: number) => {
      const run = new Run();
      run.for(10, NEAR, FAR);
      run.for(20, undefined, undefined);
      run.for(seconds, undefined, FAR);
      return run.until('a', NEAR, FAR);
    };
    expect([backAfter(9), backAfter(10)]).toEqual([0, 10]);
  });

  it('frees no other way: where the chosen one is back first, another has to be better for 10 s', () => {
    const run = new Run();
    run.for(10, NEAR, NEAR);
    run.for(5, undefined, undefined);
    run.for(1, NEAR, undefined);
    expect(run.until('b', FAR, NEAR)).toBe(10);
  });

  it('is none where another is only in doubt: the chosen one has fallen', () => {
    const choice = new ConcentratorChoice();
    let nowMs = 0;
    const look = (a: Ways | undefined, b: Ways | undefined, isOutage: boolean) => {
      nowMs += 1_000;
      choice.look([view('a', a), view('b', b)], nowMs, isOutage);
      return choice.name;
    };
    for (let i = 0; i < 10; i++) look(NEAR, FAR, false);
    const waits = [1, 2].map(() => {
      look(undefined, undefined, false);
      expect(look(undefined, FAR, false)).toBe('b');
      let seconds = 0;
      while (look(NEAR, FAR, false) === 'b') seconds++;
      return seconds;
    });
    expect(waits).toEqual([10, 20]);
  });

  it('goes on while the first that may be back is in doubt', () => {
    const choice = new ConcentratorChoice();
    const looks: [Ways | undefined, Ways | undefined, boolean][] = [
      [NEAR, FAR, false],
      [undefined, undefined, true],
      [undefined, undefined, false],
      [undefined, FAR, false],
      [NEAR, FAR, false],
    ];
    const names = looks.map(([a, b, isOutage], index) => {
      choice.look([view('a', a), view('b', b)], (index + 1) * 5_000, isOutage);
      return choice.name;
    });
    expect(names).toEqual(['a', 'a', 'a', 'b', 'a']);
  });
});

describe('among three', () => {
  /** How many seconds it takes until `a` is left, and for which one. */
  const until = (others: (second: number) => readonly [b: Ways, c: Ways], fallsOfB = 0) => {
    const choice = new ConcentratorChoice();
    const views = (a: Ways, b: Ways | undefined, c: Ways | undefined) => [
      view('a', a),
      view('b', b),
      view('c', c),
    ];
    let nowMs = 0;
    const look = (...ways: Parameters<typeof views>) => {
      nowMs += 1_000;
      return lookWithoutDoubt(choice, views(...ways), nowMs);
    };
    for (let i = 0; i < 10; i++) look({ dsl: 20 }, { dsl: 20 }, { dsl: 20 });
    for (let fall = 0; fall < fallsOfB; fall++) {
      for (let i = 0; i < 100; i++) look({ dsl: 100 }, { dsl: 20 }, { dsl: 100 });
      look({ dsl: 20 }, undefined, { dsl: 40 });
    }
    expect(choice.name).toBe('a');
    for (let second = 0; second < 100; second++) {
      if (look({ dsl: 100 }, ...others(second)) !== undefined) return [second, choice.name];
    }
    return undefined;
  };

  it.each([
    ['the nearest of two that are better', () => [{ dsl: 22 }, { dsl: 20 }], 0, [10, 'c']],
    [
      'one of two whose order changes all the time',
      (second) => [{ dsl: second % 2 === 0 ? 20 : 22 }, { dsl: 21 }],
      0,
      [10, 'b'],
    ],
    [
      'none that is not better all the time',
      (s) => (s % 2 === 0 ? [{ dsl: 20 }, { dsl: 99 }] : [{ dsl: 99 }, { dsl: 20 }]),
      0,
      undefined,
    ],
    ['one that has not failed, before a nearer one that has', () => [{ dsl: 20 }, { dsl: 30 }], 3, [10, 'c']],
  ] satisfies [string, Parameters<typeof until>[0], number, unknown][])(
    'new connections go to %s',
    (_, others, fallsOfB, expected) => {
      expect(until(others, fallsOfB)).toEqual(expected);
    },
  );
});

describe('one that cannot be reached', () => {
  it('is left at once, and waited for where there is no other', () => {
    const run = new Run();
    run.for(10, { dsl: 20 }, { dsl: 60 });
    expect(run.for(1, undefined, { dsl: 60 })).toBe('b');
    expect(run.for(100, undefined, undefined)).toBe('b');
    expect(run.for(1, { dsl: 20 }, undefined)).toBe('a');
  });

  it('is returned to after 10 s, and after twice as long each time that it fails again, at most 5 minutes', () => {
    const run = new Run();
    run.for(10, { dsl: 20 }, { dsl: 60 });
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      run.for(1, undefined, { dsl: 60 });
      waits.push(run.until('a', { dsl: 20 }, { dsl: 60 }));
    }
    expect(waits).toEqual([10, 20, 40, 80]);
    // What was long ago does not count.
    run.for(700, { dsl: 20 }, { dsl: 60 });
    run.for(1, undefined, { dsl: 60 });
    expect(run.until('a', { dsl: 20 }, { dsl: 60 })).toBe(10);
  });

  it.each([
    { what: 'was silent for', isSilent: true, backMs: 900, waits: [10_000, 10_000, 10_000] },
    { what: 'was silent for', isSilent: true, backMs: 1_000, waits: [10_000, 20_000, 40_000] },
    { what: 'has lost its subflows for', isSilent: false, backMs: 900, waits: [10_000, 20_000, 40_000] },
  ])('has fallen where it $what $backMs ms, unless that may be a pause', ({ isSilent, backMs, waits }) => {
    const choice = new ConcentratorChoice();
    const [near, far] = [view('a', { dsl: 20 }), view('b', { dsl: 60 })];
    let nowMs = 0;
    const look = (ms: number, ...views: readonly ConcentratorView[]) => {
      lookWithoutDoubt(choice, views, nowMs);
      nowMs += ms;
    };
    look(60_000, near, far);
    const waited = waits.map(() => {
      look(backMs, { ...view('a', undefined), isSilent }, far);
      look(0, near, far);
      const fromMs = nowMs;
      while (choice.name !== 'a' && nowMs - fromMs < 300_000) look(100, near, far);
      return nowMs - fromMs - 100;
    });
    expect(waited).toEqual(waits);
  });

  it.each<[string, (choice: ConcentratorChoice) => void, number]>([
    [
      '20 s where it lost its session in the silence before, though the next one was up at once',
      (choice) => {
        lookWithoutDoubt(choice, [silent('a'), view('b', { dsl: 60 })], 60_000);
        lookWithoutDoubt(choice, [view('a', undefined), view('b', { dsl: 60 })], 60_300);
      },
      20_000,
    ],
    [
      '10 s where it was only silent before, and the next one, too',
      (choice) => {
        lookWithoutDoubt(choice, [silent('a'), view('b', { dsl: 60 })], 60_000);
        lookWithoutDoubt(choice, [silent('a'), silent('b'), view('c', { dsl: 80 })], 60_300);
      },
      10_000,
    ],
  ])('is returned to after %s', (_, happens, waitMs) => {
    const choice = new ConcentratorChoice();
    const [a, b, c] = [view('a', { dsl: 20 }), view('b', { dsl: 60 }), view('c', { dsl: 80 })];
    lookWithoutDoubt(choice, [a, b, c], 0);
    happens(choice);
    lookWithoutDoubt(choice, [a, b, c], 60_600);
    // It falls once more, when it has been chosen again.
    for (let ms = 60_700; ms <= 80_000; ms += 100) lookWithoutDoubt(choice, [a, b, c], ms);
    expect(choice.name).toBe('a');
    lookWithoutDoubt(choice, [view('a', undefined), b, c], 100_000);
    let nowMs = 102_000;
    for (; choice.name !== 'a'; nowMs += 100) lookWithoutDoubt(choice, [a, b, c], nowMs);
    expect(nowMs - 100 - 102_000).toBe(waitMs);
  });

  it('is forgotten with its name', () => {
    const choice = new ConcentratorChoice();
    lookWithoutDoubt(choice, [view('a', { dsl: 20 }), view('b', { dsl: 60 })], 0);
    expect(lookWithoutDoubt(choice, [view('b', { dsl: 60 })], 1_000)).toMatchObject({
      name: 'b',
      before: 'a',
    });
    expect(lookWithoutDoubt(choice, [], 2_000)).toBeUndefined();
  });
});

describe('why', () => {
  const all = (...views: readonly ConcentratorView[]) => {
    const choice = new ConcentratorChoice();
    lookWithoutDoubt(choice, views, 0);
    return (nowMs: number, ...later: readonly ConcentratorView[]) => {
      const looked = later.length > 0 ? later : views;
      lookWithoutDoubt(choice, looked, nowMs);
      return looked.map(({ name }) => choice.whyOf(name, looked, nowMs));
    };
  };

  it.each<[string, Ways | undefined, Ways | undefined, readonly string[]]>([
    ['the nearest', { dsl: 12 }, { dsl: 45 }, ['the lowest round trip', '45 ms, and 12 ms to a']],
    [
      'loss counts',
      { dsl: [12, 0.01] },
      { dsl: 45 },
      ['the lowest round trip', '45 ms, and 14 ms to a, with loss counted in'],
    ],
    ['the only one', { dsl: 12 }, undefined, ['no other can be reached', 'it cannot be reached']],
    [
      'none',
      undefined,
      undefined,
      ['none can be reached: it was the last, or is the first in the list', 'it cannot be reached'],
    ],
    ['not measured', {}, {}, ['its round trip is not known yet', 'its round trip is not known yet']],
  ])('%s', (_, a, b, reasons) => {
    expect(all(view('a', a), view('b', b))(0)).toEqual(reasons);
  });

  it('says of one that is better when it will be chosen', () => {
    const at = all(view('a', { dsl: 50 }), view('b', { dsl: 60 }));
    const later = [view('a', { dsl: 50 }), view('b', { dsl: 20 })];
    expect(at(4_000, view('a', { dsl: 50 }), view('b', { dsl: 46 }))[1]).toBe(
      'not enough better: 46 ms, and 50 ms to a',
    );
    at(5_000, ...later);
    expect(at(12_000, ...later)).toEqual([
      'another one is better, but not by enough, or not for long enough yet',
      'better: 20 ms, and 50 ms to a; chosen in 3 s if it stays so',
    ]);
    expect(at(15_000, ...later)[1]).toBe('the lowest round trip');
  });

  it('says of a change what there was, and whether sessions had only begun', () => {
    const choice = new ConcentratorChoice();
    const [a, b] = [view('a', { dsl: 50 }), view('b', { dsl: 60 })];
    const gone = view('a', undefined);
    expect([
      lookWithoutDoubt(choice, [gone, view('b', undefined)], 0),
      lookWithoutDoubt(choice, [gone, b], 1_000),
      lookWithoutDoubt(choice, [a, view('b', undefined)], 9_000),
      lookWithoutDoubt(choice, [view('c', { dsl: 5 })], 9_100),
    ]).toEqual([
      { name: 'a', before: undefined, isFirst: true, reason: 'there was none' },
      { name: 'b', before: 'a', isFirst: true, reason: 'a cannot be reached' },
      { name: 'a', before: 'b', isFirst: false, reason: 'b cannot be reached' },
      { name: 'c', before: 'a', isFirst: false, reason: 'a is no longer configured' },
    ]);
  });
});

describe('other names', () => {
  it('leave the choice as it is, with what is known of each', () => {
    const choice = new ConcentratorChoice();
    const [a, b] = [view('a', { dsl: 20 }), view('b', { dsl: 50 })];
    lookWithoutDoubt(choice, [a, b], 0);
    // One that has failed twice is returned to after 20 s.
    for (const fall of [20_000, 40_000]) {
      lookWithoutDoubt(choice, [view('a', undefined), b], fall);
      for (let ms = fall + 1_000; ms < fall + 20_000; ms += 1_000) lookWithoutDoubt(choice, [a, b], ms);
    }
    expect(choice.name).toBe('b');
    choice.rename(
      new Map([
        ['a', 'b'],
        ['b', 'a'],
      ]),
    );
    expect(choice.name).toBe('a');
    const swapped = [view('b', { dsl: 20 }), view('a', { dsl: 50 })];
    expect(lookWithoutDoubt(choice, swapped, 60_000)).toBeUndefined();
    expect(lookWithoutDoubt(choice, swapped, 61_000)).toMatchObject({ name: 'b' });
  });
});

describe('three of them', () => {
  const three = (a: Ways | undefined, b: Ways | undefined, c: Ways | undefined) => [
    ...[view('a', a), view('b', b), view('c', c)],
  ];

  it('fall back to the next best, and to the last that is left', () => {
    const choice = new ConcentratorChoice();
    const names = [
      three({ dsl: 10 }, { dsl: 60 }, { dsl: 30 }),
      three(undefined, { dsl: 60 }, { dsl: 30 }),
      three(undefined, { dsl: 60 }, undefined),
      three(undefined, undefined, undefined),
    ].map((views, index) => {
      lookWithoutDoubt(choice, views, index * 5_000);
      return choice.name;
    });
    expect(names).toEqual(['a', 'c', 'b', 'b']);
  });

  it('do not go to and fro with one that comes and goes each 5 s', () => {
    const choice = new ConcentratorChoice();
    let changes = 0;
    for (let ms = 0; ms < 600_000; ms += 500) {
      const isThere = Math.floor(ms / 5_000) % 2 === 0;
      const views = three(isThere ? { dsl: 10 } : undefined, { dsl: 60 }, { dsl: 30 });
      if (lookWithoutDoubt(choice, views, ms) !== undefined) changes++;
    }
    expect([choice.name, changes]).toEqual(['c', 2]);
  });
});
