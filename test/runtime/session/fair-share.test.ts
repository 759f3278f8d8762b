import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FairShare, type ShareSeat } from '../../../shared/runtime/session/fair-share.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** What a client does whenever the event loop comes round: as much as there is, a piece at a time, unless it must wait. */
interface Worker {
  readonly seat: ShareSeat;
  readonly pieceMs: number;
  /** Work that arrives in each millisecond. */
  readonly demand: number;
  backlogMs: number;
  usedMs: number;
  waits: number;
}

/** One processor, some clients, and the time that passes only as they work or as all are idle. */
class Loop {
  nowMs = 0;
  readonly over: string[] = [];
  readonly share = new FairShare(
    () => this.nowMs,
    (clientId) => this.over.push(clientId),
  );
  readonly workers: Worker[] = [];

  /** @param demand of the processor, 1 for all of it */
  add(clientId: string, demand: number, pieceMs = 0.5): Worker {
    let worker: Worker;
    const seat = this.share.enter(clientId, { wait: () => worker.waits++, goOn: () => {} });
    worker = { seat, pieceMs, demand, backlogMs: 0, usedMs: 0, waits: 0 };
    this.workers.push(worker);
    return worker;
  }

  /** Each turn of the event loop: everybody's input, as far as it is read, then timers and immediates. */
  run(ms: number): void {
    const endMs = this.nowMs + ms;
    let lastMs = this.nowMs;
    while (this.nowMs < endMs) {
      const startMs = this.nowMs;
      for (const worker of this.workers) {
        worker.backlogMs += (startMs - lastMs) * worker.demand;
        while (!worker.seat.mustWait && worker.backlogMs >= worker.pieceMs) {
          worker.seat.run(() => {
            this.nowMs += worker.pieceMs;
          });
          worker.backlogMs -= worker.pieceMs;
          worker.usedMs += worker.pieceMs;
        }
      }
      lastMs = startMs;
      if (this.nowMs === startMs) this.nowMs += 0.1;
      vi.advanceTimersByTime(this.nowMs - startMs);
    }
  }
}

describe('FairShare', () => {
  it('lets a client that is alone have everything, and never makes it wait', () => {
    const loop = new Loop();
    const alone = loop.add('a', 3);
    loop.run(2_000);
    expect(alone.waits).toBe(0);
    expect(alone.usedMs).toBeGreaterThan(1_900);
  });

  it('leaves to one client what the others do not use', () => {
    const loop = new Loop();
    const heavy = loop.add('heavy', 0.6);
    const light = loop.add('light', 0.05, 0.1);
    loop.run(2_000);
    expect(heavy.usedMs / 2_000).toBeCloseTo(0.6, 1);
    expect(light.usedMs / 2_000).toBeCloseTo(0.05, 2);
    expect(loop.over).toEqual([]);
  });

  it('keeps time free for a light client beside one that would use everything', () => {
    const loop = new Loop();
    const greedy = loop.add('greedy', 3);
    const light = loop.add('light', 0.05, 0.1);
    loop.run(500);
    const [greedyMs, lightMs] = [greedy.usedMs, light.usedMs];
    loop.run(2_000);
    console.log(`greedy ${(greedy.usedMs - greedyMs) / 20} %, light ${(light.usedMs - lightMs) / 20} %`);
    expect((light.usedMs - lightMs) / 2_000).toBeCloseTo(0.05, 2);
    expect((greedy.usedMs - greedyMs) / 2_000).toBeGreaterThan(0.5);
    expect((greedy.usedMs - greedyMs) / 2_000).toBeLessThan(0.75);
    expect(new Set(loop.over)).toEqual(new Set(['greedy']));
  });

  it('gives clients that all want more their equal parts, however many sessions they have', () => {
    const loop = new Loop();
    const many = Array.from({ length: 8 }, () => loop.add('many', 1));
    const one = loop.add('one', 1);
    const other = loop.add('other', 1);
    loop.run(4_000);
    const manyMs = many.reduce((sum, { usedMs }) => sum + usedMs, 0);
    console.log(`eight sessions ${manyMs} ms, one each ${one.usedMs} ms and ${other.usedMs} ms`);
    for (const ms of [one.usedMs, other.usedMs]) expect(ms).toBeGreaterThan((0.8 * 4_000) / 3);
    expect(manyMs).toBeGreaterThan((0.8 * 4_000) / 3);
  });

  it('shows everybody their events between two pieces of work of one client', () => {
    const loop = new Loop();
    const greedy = loop.add('greedy', 3, 0.25);
    loop.add('idle', 0);
    loop.run(1_000);
    // It waits for others' events alone, and loses nothing by it.
    expect(greedy.waits).toBeGreaterThan(100);
    expect(greedy.usedMs).toBeGreaterThan(900);
    expect(loop.over).toEqual([]);
  });

  it('makes a client wait for no longer than the window, whatever it has used', () => {
    const loop = new Loop();
    const slow = loop.add('slow', 0.1, 1_000);
    loop.add('other', 0.4);
    slow.backlogMs = 1_000;
    loop.run(1_000);
    const startMs = loop.nowMs;
    while (slow.seat.mustWait && loop.nowMs < startMs + 1_000) loop.run(1);
    expect(loop.nowMs - startMs).toBeLessThan(150);
  });

  it('forgets a client with its last session, and lets the last client go on', () => {
    const loop = new Loop();
    const greedy = loop.add('greedy', 3);
    const light = loop.add('light', 0.1);
    loop.run(500);
    light.seat.leave();
    loop.workers.pop();
    const { usedMs } = greedy;
    loop.run(500);
    expect(greedy.usedMs - usedMs).toBeGreaterThan(450);
  });
});
