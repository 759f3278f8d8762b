import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PresentUplink } from '../../../client-proxy/config/client-config.ts';
import { DirectBalance } from '../../../client-proxy/direct/balance/direct-balance.ts';
import { StickyUplinks } from '../../../client-proxy/direct/balance/sticky-uplinks.ts';
import { BalancedDialer } from '../../../client-proxy/direct/balanced-dialer.ts';
import { NORMAL_USE } from '../../../client-proxy/path-manager/uplink-use.ts';
import { type ErrorName, StreamError } from '../../../shared/protocol/errors.ts';
import type { AppSocket } from '../../../shared/runtime/app/app-socket.ts';
import { Cancellation, type CancelSignal } from '../../../shared/runtime/async/cancellation.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What becomes of a connection over an uplink: made after so long, failed after so long, or neither. */
type Behaviour = { readonly inMs: number; readonly error?: ErrorName } | 'silent';

interface Dialled {
  readonly uplink: string;
  readonly atMs: number;
  isDestroyed: boolean;
}

function bench(behaviours: Record<string, Behaviour>, more: Record<string, Partial<PresentUplink>> = {}) {
  const uplinks = Object.keys(behaviours).map(
    (name): PresentUplink => ({
      name,
      binding: { kind: 'interface', interface: name },
      backup: false,
      ...more[name],
    }),
  );
  const startMs = Date.now();
  const clock = () => Date.now() - startMs;
  const dialled: Dialled[] = [];
  const results: string[] = [];
  const told: string[] = [];
  const balance = new DirectBalance({
    uplinks: () => uplinks,
    useOf: () => NORMAL_USE,
    troubles: () => new Map(),
    flows: { busyOf: () => 0 },
    sticky: new StickyUplinks(0),
    onSuspect: (uplink, isSuspect) => void told.push(`${uplink} ${isSuspect}`),
    clock,
  });
  const dial = (uplink: string, _destination: unknown, signal: CancelSignal) => {
    const one = { uplink, atMs: clock(), isDestroyed: false };
    dialled.push(one);
    return new Promise<AppSocket>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new StreamError('cancelled', 'given up')));
      const behaviour = behaviours[uplink]!;
      if (behaviour === 'silent') return;
      const { inMs, error } = behaviour;
      setTimeout(() => {
        if (error !== undefined) reject(new StreamError(error, `${uplink}: ${error}`));
        else resolve({ destroy: () => (one.isDestroyed = true) } as unknown as AppSocket);
      }, inMs);
    });
  };
  const resolve = async (uplink: string) => {
    const behaviour = behaviours[uplink]!;
    if (behaviour === 'silent' || behaviour.error !== undefined)
      throw new StreamError('unsupportedMessage', uplink);
    return [uplink];
  };
  const dialer = new BalancedDialer({
    balance,
    dialer: { dial, resolve },
    onAttempt: (uplink, result) => void results.push(`${uplink} ${result}`),
    clock,
  });
  /** What a connection ends with, and when. */
  const connect = async (signal = new Cancellation(), host = 'www.test') => {
    const sinceMs = clock();
    const outcome = dialer
      .dial({ host, port: 443 }, { mode: 'aggregate' }, signal)
      .then(({ uplinkName }) => uplinkName)
      .catch((error: StreamError) => error.code);
    let tookMs: number | undefined;
    void outcome.then(() => {
      tookMs ??= clock() - sinceMs;
    });
    for (let i = 0; i < 600 && tookMs === undefined; i++) await vi.advanceTimersByTimeAsync(50);
    return { over: await outcome, tookMs };
  };
  return { dialer, behaviours, balance, dialled, results, told, connect };
}

describe('a direct connection', () => {
  it.each<[string, Record<string, Behaviour>, string, number]>([
    ['the first', { a: { inMs: 20 }, b: { inMs: 20 } }, 'a', 50],
    ['the second, when the first is silent', { a: 'silent', b: { inMs: 20 } }, 'b', 300],
    [
      'the second at once, when the first fails',
      { a: { inMs: 10, error: 'destinationUnreachable' }, b: { inMs: 20 } },
      'b',
      50,
    ],
    ['the third', { a: 'silent', b: { inMs: 40, error: 'connectionRefused' }, c: { inMs: 20 } }, 'c', 350],
    ['the slow first, when the second is dead', { a: { inMs: 900 }, b: 'silent' }, 'a', 900],
  ])('goes over %s', async (_, behaviours, over, withinMs) => {
    const outcome = await bench(behaviours).connect();
    expect(outcome.over).toBe(over);
    expect(outcome.tookMs).toBeLessThanOrEqual(withinMs);
  });

  it.each<[string, Record<string, Behaviour>, string]>([
    [
      'the answer of the destination',
      { a: { inMs: 10, error: 'networkFailure' }, b: { inMs: 10, error: 'connectionRefused' } },
      'connectionRefused',
    ],
    [
      'that its name is unknown',
      { a: { inMs: 10, error: 'nameNotFound' }, b: { inMs: 10, error: 'networkFailure' } },
      'nameNotFound',
    ],
    ['that there is no uplink', {}, 'networkFailure'],
  ])('that fails over all uplinks tells %s', async (_, behaviours, code) => {
    const it = bench(behaviours);
    expect((await it.connect()).over).toBe(code);
    // Nobody got through: that is nobody's fault.
    for (const name of Object.keys(behaviours)) expect(it.balance.measureOf(name).isSuspect).toBe(false);
  });

  it('waits longer before a backup, and takes it at once when nothing else is left', async () => {
    const backup = { b: { backup: true } };
    expect(await bench({ a: { inMs: 1_200 }, b: { inMs: 20 } }, backup).connect()).toMatchObject({
      over: 'a',
    });
    const dead = await bench({ a: 'silent', b: { inMs: 20 } }, backup).connect();
    expect(dead).toEqual({ over: 'b', tookMs: 1_520 });
    const failing = bench({ a: { inMs: 10, error: 'networkFailure' }, b: { inMs: 20 } }, backup);
    expect(await failing.connect()).toEqual({ over: 'b', tookMs: 30 });
  });

  it('that is given up ends all that was tried for it', async () => {
    const it = bench({ a: 'silent', b: 'silent' });
    const signal = new Cancellation();
    setTimeout(() => signal.abort(), 400);
    expect((await it.connect(signal)).over).toBe('cancelled');
    expect(it.balance.measureOf('a').pendingCount + it.balance.measureOf('b').pendingCount).toBe(0);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([it.results, vi.getTimerCount()]).toEqual([[], 0]);
  });
});

describe('an uplink that is dead', () => {
  it('is left within one time limit, delays nobody then, and comes back', async () => {
    const it = bench({ a: 'silent', b: { inMs: 20 } });
    const first = await it.connect();
    expect(first).toEqual({ over: 'b', tookMs: 270 });
    // While its first attempt is overdue it is the last choice already.
    for (let i = 0; i < 20; i++) {
      const { over, tookMs } = await it.connect();
      expect(over).toBe('b');
      expect(tookMs).toBeLessThanOrEqual(300);
      await vi.advanceTimersByTimeAsync(200);
    }
    const late: number[] = [];
    for (let i = 0; i < 100; i++) {
      const { over, tookMs } = await it.connect();
      expect(over).toBe('b');
      late.push(tookMs!);
      await vi.advanceTimersByTimeAsync(500);
    }
    expect(it.balance.measureOf('a').isSuspect).toBe(true);
    expect(late.filter((ms) => ms > 50)).toEqual([]);
    const trials = it.dialled.filter(({ uplink }) => uplink === 'a').length;
    expect(trials).toBeLessThan(15);
    it.behaviours.a = { inMs: 10 };
    let overs: string[] = [];
    for (let i = 0; i < 80; i++) {
      overs.push((await it.connect()).over);
      await vi.advanceTimersByTimeAsync(500);
    }
    expect([it.balance.measureOf('a').isSuspect, it.told]).toEqual([false, ['a true', 'a false']]);
    overs = overs.slice(-10);
    expect(overs).toContain('a');
  });

  it('is not taken for dead because it has no IPv6', async () => {
    const it = bench({ a: { inMs: 1, error: 'networkFailure' }, b: { inMs: 20 } });
    for (let i = 0; i < 10; i++) {
      expect((await it.connect(new Cancellation(), '2620:fe::fe')).over).toBe('b');
    }
    expect(it.balance.measureOf('a').isSuspect).toBe(false);
  });

  it('is trusted again when what it stands on changes', async () => {
    const it = bench({ a: { inMs: 10, error: 'networkFailure' }, b: { inMs: 20 } });
    for (let i = 0; i < 4; i++) await it.connect();
    expect(it.balance.measureOf('a').isSuspect).toBe(true);
    it.balance.retryUplinks(new Set(['a']));
    expect(it.balance.measureOf('a').isSuspect).toBe(false);
  });
});

it('closes what answers too late, learns from it, and gives a slow uplink its time', async () => {
  const it = bench({ far: { inMs: 400 }, near: { inMs: 20 } });
  expect((await it.connect()).over).toBe('near');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(it.dialled.map(({ uplink, isDestroyed }) => [uplink, isDestroyed])).toEqual([
    ['far', true],
    ['near', false],
  ]);
  expect(it.results).toEqual(['near ok', 'far late']);
  expect(it.balance.measureOf('far').connectMs).toBe(400);
  // Twice what it usually takes.
  it.behaviours.near = 'silent';
  for (let i = 0; i < 3; i++) {
    expect((await it.connect()).over).toBe('far');
    await vi.advanceTimersByTimeAsync(4_000);
  }
});

it('has a bounded number of attempts that have lost', async () => {
  const it = bench({ a: 'silent', b: { inMs: 20 } });
  it.balance.measureOf('a').rate.add(1e9, 0);
  it.balance.measureOf('b').rate.add(1e7, 0);
  const all = Array.from({ length: 200 }, (_, i) => it.connect(new Cancellation(), `host${i}.test`));
  await Promise.all(all);
  expect(it.balance.measureOf('a').pendingCount).toBeLessThanOrEqual(64);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(it.balance.measureOf('a').pendingCount).toBe(0);
  expect(it.balance.measureOf('a').isSuspect).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});

it('asks for names over the first uplink that can tell', async () => {
  const resolve = (behaviours: Record<string, Behaviour>) =>
    bench(behaviours).dialer.resolve(
      { wants: 'addresses', of: 'www.test' },
      { mode: 'aggregate' },
      new Cancellation(),
    );
  expect(await resolve({ proxy: 'silent', dsl: { inMs: 1 } })).toEqual(['dsl']);
  await expect(resolve({ proxy: 'silent' })).rejects.toMatchObject({ code: 'unsupportedMessage' });
  await expect(resolve({})).rejects.toMatchObject({ code: 'networkFailure' });
});
