import { describe, expect, it } from 'vitest';
import type { PolicyParameters } from '../../../../shared/protocol/scheduler/policy-parameters.ts';
import { WEIGHTED_TUNING, Weighted } from '../../../../shared/protocol/steering/modes/weighted.ts';
import { bulk, uplinkNamed, view } from '../../scheduler/views.ts';
import { modeContext } from '../mode-context.ts';

type Views = ReturnType<typeof view>[];

/** Sends segments of 16 KB as long as one is taken, `most` at most. @returns bytes by uplink */
function send(scheduler: Weighted, views: Views, most: number): Record<string, number> {
  const sent: Record<string, number> = {};
  for (let i = 0; i < most; i++) {
    const chosen = scheduler.select(bulk(), views);
    if (chosen === undefined) break;
    scheduler.onSent(chosen, { dsn: i * 16_000, length: 16_000, fin: false });
    sent[chosen.uplink.name] = (sent[chosen.uplink.name] ?? 0) + 16_000;
  }
  return sent;
}

describe('weighted', () => {
  const policy = { weights: { uplink0: 3, uplink1: 1 } };
  const make = (parameters: PolicyParameters = policy) =>
    new Weighted(modeContext(parameters), WEIGHTED_TUNING);

  it('gives bytes by share, whatever the rates', () => {
    expect(send(make(), [view(0, 1, 500), view(1, 100, 1)], 400)).toEqual({
      uplink0: 300 * 16_000,
      uplink1: 100 * 16_000,
    });
  });

  it('lets none run ahead of its share', () => {
    const sent = send(make(), [view(0, 1, 1, { isFree: false }), view(1, 100, 1)], 1_000);
    expect(sent.uplink1! * 0.75).toBeGreaterThan(128 * 1024);
    expect(sent.uplink1! * 0.75).toBeLessThan(128 * 1024 + 2 * 16_000);
  });

  it('shares among those that work, and lets nobody make up for what was sent without it', () => {
    const scheduler = make();
    expect(send(scheduler, [view(1, 1, 1)], 100)).toEqual({ uplink1: 1_600_000 });
    expect(send(scheduler, [view(0, 1, 1), view(1, 1, 1)], 100)).toEqual({
      uplink0: 1_200_000,
      uplink1: 400_000,
    });
  });

  it('gives nothing to an uplink without a share, unless no other works', () => {
    const scheduler = make({ weights: { uplink0: 1, uplink1: 0 } });
    expect(send(scheduler, [view(0, 1, 1), view(1, 1, 1), view(2, 1, 1)], 10)).toEqual({ uplink0: 160_000 });
    expect(send(scheduler, [view(1, 1, 1), view(2, 1, 1)], 10)).toEqual({ uplink1: 80_000, uplink2: 80_000 });
  });

  it('without weights shares alike, by uplink and not by subflow', () => {
    const second = { ...view(2, 1, 1), uplink: uplinkNamed('uplink0') };
    const sent = send(make({}), [view(0, 1, 1), second, view(1, 1, 1)], 100);
    expect(sent).toEqual({ uplink0: 800_000, uplink1: 800_000 });
  });

  it('takes names of objects for names of uplinks', () => {
    const odd = { ...view(0, 1, 1), uplink: uplinkNamed('constructor') };
    const scheduler = make({ weights: { uplink1: 1 } });
    expect(send(scheduler, [odd, view(1, 1, 1)], 10)).toEqual({ uplink1: 160_000 });
  });
});
