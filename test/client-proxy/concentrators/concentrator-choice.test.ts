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

/** Looks once a second from a time on; undefined: not reachable. */
class Run {
  readonly #choice = new ConcentratorChoice();
  nowMs = 0;

  for(seconds: number, a: Ways | undefined, b: Ways | undefined): string | undefined {
    for (let i = 0; i < seconds; i++) {
      this.#choice.look([view('a', a), view('b', b)], this.nowMs);
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
      return choice.look(views(...ways), nowMs);
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

  it('is forgotten with its name', () => {
    const choice = new ConcentratorChoice();
    choice.look([view('a', { dsl: 20 }), view('b', { dsl: 60 })], 0);
    expect(choice.look([view('b', { dsl: 60 })], 1_000)).toEqual({ name: 'b', isForced: true });
    expect(choice.look([], 2_000)).toBeUndefined();
  });
});
