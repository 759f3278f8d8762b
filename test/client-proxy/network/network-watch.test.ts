import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { NetworkView } from '../../../client-proxy/network/network-view.ts';
import { NetworkWatch } from '../../../client-proxy/network/network-watch.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A network that is only a list of names. */
function bed() {
  const state = {
    ...{ names: ['lan'], reads: 0, fails: false, isWatching: false },
    ...{ onEvent: () => {}, looks: 0 as unknown, lookCount: 0 },
    unknown: [] as string[],
  };
  const views: string[][] = [];
  const watch = new NetworkWatch({
    async read(): Promise<NetworkView> {
      state.reads++;
      if (state.fails) throw new Error('EMFILE');
      const names = [...state.names];
      await new Promise((resolve) => setTimeout(resolve, 10));
      return {
        interfaces: names.map((name) => ({
          ...{ name, index: 1, kind: 'hardware', isUp: true, hasCarrier: true },
          ...{ addresses: [], routes: undefined },
        })),
      };
    },
    look() {
      state.lookCount++;
      if (state.looks === 'EMFILE') throw new Error('EMFILE');
      return state.looks;
    },
    monitor(onEvent) {
      state.onEvent = onEvent;
      return {
        get isWatching() {
          return state.isWatching;
        },
        stop: () => {},
      };
    },
    onView: ({ interfaces }) => views.push(interfaces.map(({ name }) => name)),
    onUnknown: (reason) => state.unknown.push(reason),
    logger: pino({ enabled: false }),
  });
  return { watch, state, views };
}

describe('the watch over the network', () => {
  it('tells the first view before it has started', async () => {
    const { watch, views } = bed();
    const started = watch.start();
    await vi.advanceTimersByTimeAsync(10);
    await started;
    expect(views).toEqual([['lan']]);
    watch.stop();
  });

  it('reads at once when the monitor speaks, and not for each line of a burst', async () => {
    const { watch, state, views } = bed();
    void watch.start();
    await vi.advanceTimersByTimeAsync(1_000);
    const readsBefore = state.reads;
    state.names = ['lan', 'usb'];
    for (let line = 0; line < 50; line++) state.onEvent();
    await vi.advanceTimersByTimeAsync(10);
    expect(views.at(-1)).toEqual(['lan', 'usb']);
    for (let line = 0; line < 50; line++) state.onEvent();
    state.names = ['usb'];
    await vi.advanceTimersByTimeAsync(1_000);
    expect(views.at(-1)).toEqual(['usb']);
    expect(state.reads - readsBefore).toBe(2);
    watch.stop();
  });

  it('reads less often where changes that are nothing to us never end', async () => {
    const { watch, state, views } = bed();
    void watch.start();
    await vi.advanceTimersByTimeAsync(1_000);
    const readsBefore = state.reads;
    const noise = setInterval(() => state.onEvent(), 5);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(state.reads - readsBefore).toBeLessThan(20);
    state.names = ['lan', 'usb'];
    await vi.advanceTimersByTimeAsync(1_000);
    expect(views.at(-1)).toEqual(['lan', 'usb']);
    clearInterval(noise);
    watch.stop();
  });

  it('notices by looking where no monitor speaks, and outlives looks and readings that fail', async () => {
    const { watch, state, views } = bed();
    void watch.start();
    await vi.advanceTimersByTimeAsync(1_000);
    state.looks = 'EMFILE';
    await vi.advanceTimersByTimeAsync(1_000);
    expect(views).toHaveLength(1);
    state.looks = 1;
    state.fails = true;
    state.names = [];
    await vi.advanceTimersByTimeAsync(2_000);
    // What cannot be read is not gone.
    expect(views).toHaveLength(1);
    state.fails = false;
    await vi.advanceTimersByTimeAsync(1_100);
    expect(views).toEqual([['lan'], []]);
    watch.stop();
  });

  it('looks seldom while a monitor watches, so that an idle machine sleeps', async () => {
    const { watch, state } = bed();
    void watch.start();
    const looksIn = async (ms: number) => {
      const before = state.lookCount;
      await vi.advanceTimersByTimeAsync(ms);
      return state.lookCount - before;
    };
    expect(await looksIn(10_000)).toBeGreaterThanOrEqual(19);
    state.isWatching = true;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await looksIn(20_000)).toBe(4);
    // It may have missed something; and it may end.
    state.isWatching = false;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await looksIn(10_000)).toBe(20);
    watch.stop();
  });

  it('is silent once stopped', async () => {
    const { watch, state, views } = bed();
    void watch.start();
    await vi.advanceTimersByTimeAsync(1_000);
    state.names = [];
    state.onEvent();
    watch.stop();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(views).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('reads again when it is told to, until it is stopped', async () => {
    const { watch, state, views } = bed();
    void watch.start();
    await vi.advanceTimersByTimeAsync(1_000);
    state.names = ['lan', 'lte'];
    watch.refresh();
    await vi.advanceTimersByTimeAsync(20);
    expect(views.at(-1)).toEqual(['lan', 'lte']);
    watch.stop();
    const { reads } = state;
    watch.refresh();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(state.reads).toBe(reads);
  });

  it('says why it knows nothing, once for each reason', async () => {
    const { watch, state } = bed();
    state.fails = true;
    void watch.start();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(state.unknown).toEqual(['EMFILE']);
    watch.stop();
  });
});
