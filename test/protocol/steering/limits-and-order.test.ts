import { describe, expect, it } from 'vitest';
import { rowOf, STEERING_MODE_NAMES, type SteeringMode } from '../../../shared/protocol/steering/modes.ts';
import { STEERING_TUNING } from '../../../shared/protocol/steering/steering-tuning.ts';
import { bulk, uplinkNamed, view } from '../scheduler/views.ts';
import { TestClock } from '../test-clock.ts';
import { modeContext } from './mode-context.ts';

const WEIGHTS = { weights: { wifi: 1, lte: 1 } };
const [wifiUplink, lteUplink] = [uplinkNamed('wifi'), uplinkNamed('lte')];

interface Figures {
  readonly delayMs?: number;
  readonly lossShare?: number;
}

/** Where segments of each kind go that are asked for one after the other, as names of uplinks without repeats. */
function targets(mode: SteeringMode, policy: object, wifi: Figures, lte: Figures) {
  const now = new TestClock();
  const parameters = { ...(mode === 'weighted' ? WEIGHTS : {}), ...policy };
  const scheduler = rowOf(mode).make(modeContext(parameters, { now }), STEERING_TUNING);
  const views = [
    view(0, 20, wifi.delayMs ?? 30, { uplink: wifiUplink, ...wifi }),
    view(1, 20, lte.delayMs ?? 30, { uplink: lteUplink, ...lte }),
  ];
  const chosen = (request: Parameters<typeof bulk>[0]) => {
    const names = new Set<string>();
    for (let i = 0; i < 40; i++) {
      now.ms += 10;
      const target = scheduler.select(bulk(request), views);
      if (target === undefined) break;
      scheduler.onSent?.(target, { dsn: i * 16_000, length: 16_000, fin: false });
      names.add(target.uplink.name);
    }
    return [...names].sort().join(' ');
  };
  return { bulk: chosen({ waitingMs: 1_000 }), urgent: chosen({ urgency: 'urgent' }) };
}

/** Wi-Fi at 100 ms beside LTE at 40, Wi-Fi first: kept as long as the limit is 250 ms. */
describe.each([
  { mode: 'aggregate', good: { urgent: 'wifi' } },
  { mode: 'lowest-latency', good: { bulk: 'wifi', urgent: 'wifi' } },
  { mode: 'active-standby', good: { bulk: 'wifi', urgent: 'wifi' } },
  { mode: 'priority', good: { bulk: 'wifi', urgent: 'wifi' } },
  { mode: 'weighted', good: { bulk: 'lte wifi' } },
  { mode: 'redundant', good: { bulk: 'wifi', urgent: 'wifi' } },
  { mode: 'round-robin', good: { bulk: 'lte wifi' } },
] as const)('$mode', ({ mode, good }) => {
  const policy = { order: ['wifi', 'lte'], maxRttMs: 250, maxLoss: 0.02 };

  it('keeps the preferred uplink while it is good enough', () => {
    expect(targets(mode, policy, { delayMs: 100 }, { delayMs: 40 })).toMatchObject(good);
    expect(targets(mode, policy, { delayMs: 240, lossShare: 0.02 }, { delayMs: 40 })).toMatchObject(good);
  });

  it.each([{ delayMs: 260 }, { delayMs: 30, lossShare: 0.03 }])('leaves it with %j', (wifi) => {
    expect(targets(mode, policy, wifi, { delayMs: 40 })).toEqual({ bulk: 'lte', urgent: 'lte' });
  });

  it('uses the best where none is good enough, never none', () => {
    const { bulk: nearWifi } = targets(mode, policy, { delayMs: 300 }, { delayMs: 600 });
    const { bulk: nearLte } = targets(mode, policy, { delayMs: 600 }, { delayMs: 300 });
    // What is redundant is repeated on the other then; this is its first copy.
    expect([nearWifi, nearLte]).toEqual(['wifi', 'lte']);
    const { bulk: lossy } = targets(mode, policy, { lossShare: 0.3 }, { lossShare: 0.05 });
    if (mode !== 'redundant') expect(lossy).toBe('lte');
  });

  it('goes by the delay alone, or the loss alone, if the policy does', () => {
    const slow = targets(mode, { order: ['wifi'], maxLoss: 0.02 }, { delayMs: 200 }, { delayMs: 40 });
    expect(slow.urgent).toContain('wifi');
    const lossy = targets(mode, { order: ['wifi'], maxRttMs: 250 }, { lossShare: 0.3 }, { delayMs: 40 });
    expect(lossy.urgent).toContain('wifi');
  });
});

it('is a table of all modes', () => {
  for (const mode of STEERING_MODE_NAMES) {
    expect(Object.keys(rowOf(mode).parameters), mode).toEqual(
      expect.arrayContaining(['order', 'maxRttMs', 'maxLoss']),
    );
  }
});
