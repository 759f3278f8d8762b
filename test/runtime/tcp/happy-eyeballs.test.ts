import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CancelSignal } from '../../../shared/runtime/async/cancellation.ts';
import {
  type AttemptLimit,
  CONNECTION_ATTEMPT_DELAY_MS,
  interleaveFamilies,
  raceConnections,
} from '../../../shared/runtime/tcp/happy-eyeballs.ts';

describe('interleaveFamilies', () => {
  test.each([
    [['1.0.0.1', '1.0.0.2', '2a::1', '2a::2'], 6, ['2a::1', '1.0.0.1', '2a::2', '1.0.0.2']],
    [['1.0.0.1', '1.0.0.2', '2a::1', '2a::2'], 4, ['1.0.0.1', '2a::1', '1.0.0.2', '2a::2']],
    [['1.0.0.1', '1.0.0.2', '1.0.0.3', '2a::1'], 6, ['2a::1', '1.0.0.1', '1.0.0.2', '1.0.0.3']],
    [['2a::2', '2a::1'], 4, ['2a::2', '2a::1']],
    [['1.0.0.1'], 6, ['1.0.0.1']],
    [[], 6, []],
  ] as const)('%j, IPv%i first: %j', (addresses, first, expected) => {
    expect(interleaveFamilies<string>(addresses, first, (address) => address)).toEqual(expected);
  });
});

/** Attempts that the test settles by hand, in virtual time. */
class Attempts {
  readonly started: { address: string; atMs: number; signal: CancelSignal }[] = [];
  readonly #settlers = new Map<
    string,
    { resolve: (connection: Connection) => void; reject: (error: Error) => void }
  >();

  readonly connect = (address: string, signal: CancelSignal): Promise<Connection> => {
    this.started.push({ address, atMs: performance.now(), signal });
    return new Promise((resolve, reject) => this.#settlers.set(address, { resolve, reject }));
  };

  get order(): [string, number][] {
    return this.started.map(({ address, atMs }) => [address, atMs]);
  }

  async succeed(address: string): Promise<Connection> {
    const connection = new Connection();
    this.#settlers.get(address)?.resolve(connection);
    await vi.advanceTimersByTimeAsync(0);
    return connection;
  }

  async fail(address: string, code = 'ECONNREFUSED'): Promise<void> {
    this.#settlers.get(address)?.reject(Object.assign(new Error(`${code} ${address}`), { code }));
    await vi.advanceTimersByTimeAsync(0);
  }
}

class Connection {
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
  }
}

describe('raceConnections', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 0, toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  function start(addresses: string[], signal = new AbortController().signal, limit?: Partial<AttemptLimit>) {
    const attempts = new Attempts();
    const result = raceConnections({
      addresses,
      ...(limit && {
        limit: { maxUnderway: 4, patienceMs: 1_500, takeAnother: () => () => {}, ...limit },
      }),
      connect: attempts.connect,
      attemptDelayMs: CONNECTION_ATTEMPT_DELAY_MS,
      timeoutMs: 10_000,
      signal,
    });
    result.catch(() => {});
    return { attempts, result };
  }

  test('the first address alone when it answers in time', async () => {
    const { attempts, result } = start(['a', 'b']);
    await vi.advanceTimersByTimeAsync(249);
    const connection = await attempts.succeed('a');
    expect(await result).toEqual({ connection, address: 'a' });
    expect(attempts.order).toEqual([['a', 0]]);
    expect(connection.destroyed).toBe(false);
  });

  test('attempts start 250 ms apart; the winner aborts the others', async () => {
    const { attempts, result } = start(['a', 'b', 'c']);
    await vi.advanceTimersByTimeAsync(600);
    expect(attempts.order).toEqual([
      ['a', 0],
      ['b', 250],
      ['c', 500],
    ]);
    const connection = await attempts.succeed('b');
    expect(await result).toEqual({ connection, address: 'b' });
    expect(attempts.started.map(({ signal }) => signal.aborted)).toEqual([true, false, true]);
    await attempts.fail('a');
    await attempts.fail('c');
  });

  test('a loser that connects all the same is destroyed', async () => {
    const { attempts, result } = start(['a', 'b']);
    await vi.advanceTimersByTimeAsync(300);
    await attempts.succeed('b');
    expect((await attempts.succeed('a')).destroyed).toBe(true);
    expect((await result).address).toBe('b');
  });

  test('a failure starts the next attempt at once, and the delay counts from there', async () => {
    const { attempts, result } = start(['a', 'b', 'c']);
    await vi.advanceTimersByTimeAsync(100);
    await attempts.fail('a');
    await vi.advanceTimersByTimeAsync(249);
    expect(attempts.order).toEqual([
      ['a', 0],
      ['b', 100],
    ]);
    await vi.advanceTimersByTimeAsync(1);
    expect(attempts.order[2]).toEqual(['c', 350]);
    await attempts.succeed('c');
    expect((await result).address).toBe('c');
  });

  test('the last one standing may take its time', async () => {
    const { attempts, result } = start(['a', 'b']);
    await vi.advanceTimersByTimeAsync(250);
    await attempts.fail('b');
    await vi.advanceTimersByTimeAsync(8000);
    await attempts.succeed('a');
    expect((await result).address).toBe('a');
  });

  test('all failures are told, in the order they came', async () => {
    const { attempts, result } = start(['a', 'b']);
    await vi.advanceTimersByTimeAsync(250);
    await attempts.fail('b', 'ENETUNREACH');
    await attempts.fail('a', 'ECONNREFUSED');
    await expect(result).rejects.toMatchObject({
      errors: [{ code: 'ENETUNREACH' }, { code: 'ECONNREFUSED' }],
    });
  });

  test('the time is over', async () => {
    const { attempts, result } = start(['a', 'b']);
    await vi.advanceTimersByTimeAsync(250);
    await attempts.fail('a');
    await vi.advanceTimersByTimeAsync(9749);
    expect(attempts.started[1]?.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await expect(result).rejects.toMatchObject({ errors: [{ code: 'ECONNREFUSED' }, { code: 'ETIMEDOUT' }] });
    expect(attempts.started[1]?.signal.aborted).toBe(true);
    expect((await attempts.succeed('b')).destroyed).toBe(true);
  });

  test('the caller gives up', async () => {
    const caller = new AbortController();
    const { attempts, result } = start(['a', 'b', 'c'], caller.signal);
    await vi.advanceTimersByTimeAsync(300);
    caller.abort(new Error('gone'));
    await expect(result).rejects.toThrow('gone');
    expect(attempts.started.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(attempts.started.length).toBe(2);
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  });

  test('nothing starts when the caller has given up before', async () => {
    const { attempts, result } = start(['a'], AbortSignal.abort(new Error('gone')));
    await expect(result).rejects.toThrow('gone');
    expect(attempts.started).toEqual([]);
  });

  test('a connect function that throws counts as a failed attempt', async () => {
    const result = raceConnections({
      addresses: ['a', 'b'],
      connect: () => {
        throw new Error('broken');
      },
      attemptDelayMs: CONNECTION_ATTEMPT_DELAY_MS,
      timeoutMs: 10_000,
      signal: new AbortController().signal,
    });
    await expect(result).rejects.toMatchObject({ errors: [{ message: 'broken' }, { message: 'broken' }] });
  });

  describe('with a limit', () => {
    const NEVER = new AbortController().signal;
    const MANY = Array.from({ length: 16 }, (_, i) => `a${i}`);
    /** Attempts that nobody has told to stop. */
    const underway = ({ started }: Attempts) => started.filter(({ signal }) => !signal.aborted).length;

    test('dead addresses give way, the oldest first, and the last address is tried in time', async () => {
      const { attempts, result } = start(MANY, NEVER, {});
      let most = 0;
      for (let ms = 0; ms < 9_200; ms += 50) {
        await vi.advanceTimersByTimeAsync(50);
        most = Math.max(most, underway(attempts));
        // As a socket that is destroyed.
        for (const { address, signal } of attempts.started)
          if (signal.aborted) await attempts.fail(address, 'ETIMEDOUT');
      }
      expect(most).toBe(4);
      expect(attempts.order.map(([address]) => address)).toEqual(MANY);
      expect(attempts.order[4]![1]).toBe(2_500);
      await attempts.succeed('a15');
      expect((await result).address).toBe('a15');
    });

    test('without room for a second attempt the first gives way after its time', async () => {
      const { attempts, result } = start(['a', 'b'], NEVER, { takeAnother: () => undefined });
      await vi.advanceTimersByTimeAsync(1_700);
      expect(attempts.order).toEqual([['a', 0]]);
      await vi.advanceTimersByTimeAsync(50);
      await attempts.fail('a', 'ETIMEDOUT');
      expect(attempts.order[1]).toEqual(['b', 1_750]);
      await attempts.succeed('b');
      expect((await result).address).toBe('b');
    });

    test.each(['succeeds', 'fails', 'is given up'])('gives all back when the race %s', async (end) => {
      let taken = 0;
      let most = 0;
      const caller = new AbortController();
      const { attempts, result } = start(['a', 'b', 'c', 'd', 'e'], caller.signal, {
        takeAnother: () => {
          most = Math.max(most, ++taken);
          return () => void taken--;
        },
      });
      await vi.advanceTimersByTimeAsync(800);
      expect(taken).toBe(3);
      await attempts.fail('b');
      expect(attempts.order).toHaveLength(5);
      expect(taken).toBe(3);
      if (end === 'succeeds') await attempts.succeed('c');
      else if (end === 'is given up') caller.abort(new Error('gone'));
      for (const { address } of attempts.started) await attempts.fail(address);
      await result.catch(() => {});
      expect({ taken, most }).toEqual({ taken: 0, most: 3 });
    });
  });
});
