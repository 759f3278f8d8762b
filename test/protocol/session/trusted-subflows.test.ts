import { describe, expect, it } from 'vitest';
import type { SessionSubflow } from '../../../shared/protocol/session/sent-item.ts';
import {
  onDistinctUplinks,
  steadySubflows,
  trustedSubflows,
} from '../../../shared/protocol/session/trusted-subflows.ts';
import { Turn } from '../../../shared/protocol/session/turn.ts';
import { newSubflow, newUplink } from '../new-subflow.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();

const uplinks = { dsl: newUplink('dsl', now), lte: newUplink('lte', now) };

function subflow(id: number, uplinkName: 'dsl' | 'lte', congestionControl?: string): SessionSubflow {
  return newSubflow({ id, congestionControl }, uplinks[uplinkName], now);
}

const ids = (subflows: readonly SessionSubflow[]) => subflows.map(({ id }) => id);

describe('trustedSubflows', () => {
  it('are all of one uplink with CUBIC, the oldest of one with BBR', () => {
    const cubic = [subflow(0, 'dsl', 'cubic'), subflow(3, 'dsl', 'cubic')];
    const bbr = [subflow(1, 'lte', 'bbr'), subflow(2, 'lte', 'bbr3')];
    expect(ids(trustedSubflows([...cubic, ...bbr]))).toEqual([0, 3, 1]);
  });

  it('with BBR are the next one when the oldest is doubted or about to go', () => {
    const all = [subflow(0, 'lte', 'bbr'), subflow(1, 'lte', 'bbr'), subflow(2, 'lte', 'bbr')];
    all[0]!.doubt(false);
    all[1]!.duty.set('retire');
    expect(ids(trustedSubflows(all))).toEqual([2]);
  });

  it('with BBR are the next one when the oldest is a backup', () => {
    const all = [subflow(0, 'lte', 'bbr'), subflow(1, 'lte', 'bbr')];
    all[0]!.duty.set('makeBackup');
    expect(ids(trustedSubflows(all))).toEqual([1]);
  });

  it('with BBR are the one that was dialled while the oldest was doubted', () => {
    const all = [subflow(0, 'lte', 'bbr'), subflow(1, 'lte', 'bbr')];
    all[0]!.doubt(false);
    all[0]!.recover();
    expect(ids(trustedSubflows(all))).toEqual([1]);
  });

  it('with BBR are one of each path', () => {
    const onPath = (id: number, path: number) =>
      newSubflow({ id, path, congestionControl: 'bbr' }, uplinks.lte, now);
    expect(ids(trustedSubflows([onPath(0, 6), onPath(1, 4), onPath(2, 4), onPath(3, 6)]))).toEqual([0, 1]);
  });

  it('are those that are about to go when there is nothing else', () => {
    const all = [subflow(0, 'lte'), subflow(1, 'dsl')];
    all[0]!.doubt(false);
    all[1]!.duty.set('retire');
    expect(ids(trustedSubflows(all))).toEqual([1]);
  });
});

/** Doubted again and again, the last time just now. */
function flapping(id: number, uplinkName: 'dsl' | 'lte') {
  const one = subflow(id, uplinkName);
  for (let nowMs = 0; nowMs <= 1_000; nowMs += 250) {
    now.at(nowMs, one).doubt(false);
    one.recover();
  }
  return one;
}

describe('steadySubflows', () => {
  it('are without those that serve a penalty, as long as they do', () => {
    const all = [flapping(0, 'lte'), subflow(1, 'dsl')];
    const { readyMs } = all[0]!.liveness;
    expect(readyMs).toBeGreaterThan(1_000);
    expect(ids(steadySubflows(now.at(1_000, all)))).toEqual([1]);
    expect(ids(steadySubflows(now.at(readyMs, all)))).toEqual([0, 1]);
  });

  it('are those that serve a penalty when nothing else works', () => {
    const all = [flapping(0, 'lte'), subflow(1, 'dsl')];
    now.at(1_000, all[1]!).doubt(false);
    expect(ids(steadySubflows(trustedSubflows(all)))).toEqual([0]);
    const both = [flapping(0, 'lte'), flapping(1, 'dsl')];
    expect(ids(steadySubflows(now.at(1_000, both)))).toEqual([0, 1]);
  });
});

describe('a turn', () => {
  it('gives nothing to a backup because a regular subflow flaps', () => {
    const all = [flapping(0, 'lte'), subflow(1, 'dsl')];
    all[1]!.duty.set('makeBackup');
    now.at(1_000, all);
    expect(ids(new Turn(all).trusted)).toEqual([0]);
  });
});

describe('onDistinctUplinks', () => {
  const all = [subflow(0, 'dsl'), subflow(1, 'dsl'), subflow(2, 'lte')];

  it.each([
    { most: 1, expected: [0] },
    { most: 2, expected: [0, 2] },
    { most: 3, expected: [0, 1, 2] },
  ])('takes one of each uplink first: $most', ({ most, expected }) => {
    expect(ids(onDistinctUplinks(all, most))).toEqual(expected);
  });

  it('takes several of one uplink where there is no other', () => {
    expect(ids(onDistinctUplinks(all.slice(0, 2), 2))).toEqual([0, 1]);
  });
});
