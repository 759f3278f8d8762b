import { expect, it } from 'vitest';
import { STEERING_MODE_NAMES } from '../../../../shared/protocol/steering/modes.ts';
import type { StreamPolicy } from '../../../../shared/protocol/steering/steering-policy.ts';
import type { PathBed } from '../path/path-bed.ts';
import { SteeringBed } from './steering-bed.ts';

const UPLINKS = [
  { name: 'wifi', rttMs: 40 },
  { name: 'lte', rttMs: 60 },
  { name: 'dsl', rttMs: 300 },
];

/** How many of 300 datagrams of 1200 bytes each uplink carries, of a flow of 9.6 Mbit/s that is confirmed as it goes. */
function play(policy: StreamPolicy): Record<string, number> {
  const bed = new SteeringBed(UPLINKS);
  const flow = bed.flow(policy);
  const counts: Record<string, number> = {};
  const history: (readonly (readonly [PathBed, number])[])[] = [];
  for (let i = 0; i < 300; i++) {
    for (const name of bed.send(flow, 1_200).split(' ')) counts[name] = (counts[name] ?? 0) + 1;
    history.push([...bed.beds.values()].map((one) => [one, one.path.nextCounter - 1]));
    bed.clock.ms++;
    for (const [k, { rttMs }] of UPLINKS.entries()) {
      const [one, counter] = history[i - rttMs]?.[k] ?? [];
      if (counter !== undefined && counter > 30) one!.confirm(counter);
    }
  }
  return counts;
}

it.each<[string, StreamPolicy, Record<string, number>]>([
  ['the fastest', { mode: 'lowest-latency' }, { wifi: 300 }],
  ['the first of the order', { mode: 'lowest-latency', order: ['lte'] }, { lte: 300 }],
  ['within the limits', { mode: 'lowest-latency', order: ['dsl'], maxRttMs: 200 }, { wifi: 300 }],
  ['all', { mode: 'redundant' }, { wifi: 300, lte: 300, dsl: 300 }],
  ['one within the limits alone', { mode: 'redundant', maxRttMs: 50 }, { wifi: 300 }],
  ['the first', { mode: 'active-standby', order: ['lte', 'wifi'] }, { lte: 300 }],
  ['the first that has room', { mode: 'priority', order: ['dsl', 'wifi'] }, { dsl: 300 }],
  ['shares', { mode: 'weighted', weights: { wifi: 2, lte: 1 } }, { wifi: 200, lte: 100 }],
  ['each in turn', { mode: 'round-robin', maxRttMs: 100 }, { wifi: 150, lte: 150 }],
])('takes %s', (_name, policy, expected) => {
  const counts = play(policy);
  process.stdout.write(`${policy.mode}: ${JSON.stringify(counts)}\n`);
  expect(Object.keys(counts).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, count] of Object.entries(expected))
    expect(Math.abs(counts[name]! - count)).toBeLessThan(40);
});

it('spreads in aggregate over what arrives first, and says so', () => {
  const bed = new SteeringBed(UPLINKS.slice(0, 2));
  const flow = bed.flow({ mode: 'aggregate' });
  const used = new Set<string>();
  let spread = false;
  // 96 Mbit/s, of which nothing is confirmed yet.
  for (let i = 0; i < 300; i++) {
    const choice = bed.steering.choose(flow, 1_200);
    spread ||= choice.spread;
    for (const carrier of choice.carriers) {
      if (carrier.kind !== 'path') continue;
      used.add(carrier.path.uplink.name);
      carrier.path.onSent({ packetBytes: 1_240, wantsFeedback: true });
    }
    bed.clock.ms += 0.1;
  }
  expect([...used].sort()).toEqual(['lte', 'wifi']);
  expect(spread).toBe(true);
});

it('has every mode', () => {
  for (const mode of STEERING_MODE_NAMES) {
    const bed = new SteeringBed(UPLINKS);
    expect(bed.send(bed.flow({ mode, order: ['wifi'], weights: { wifi: 1 } }))).not.toBe('no-uplink');
  }
});

it('stays in redundant on one of two like uplinks that are good enough', () => {
  const bed = new SteeringBed([
    { name: 'wifi', rttMs: 40 },
    { name: 'lte', rttMs: 42 },
  ]);
  const flow = bed.flow({ mode: 'redundant', maxRttMs: 100 });
  const used = new Set<string>();
  for (let i = 0; i < 10; i++) {
    used.add(bed.send(flow));
    bed.bed('wifi').rttMs = i % 2 === 0 ? 44 : 40;
    for (const one of bed.beds.values()) one.exchange(10);
  }
  expect([...used]).toEqual(['wifi']);
});

it('returns in active-standby to the uplink of the peer once that has sent there alone for a while', () => {
  const bed = new SteeringBed(UPLINKS, true);
  const flow = bed.flow({ mode: 'active-standby' });
  const [wifi, lte] = bed.uplinks;
  const heardOn = (uplink: typeof wifi) => {
    bed.steering.onReceived(flow, uplink!);
    const name = bed.send(flow);
    bed.bed(name).confirm(bed.bed(name).path.nextCounter - 1);
    return name;
  };
  expect([heardOn(wifi), heardOn(lte), heardOn(wifi)]).toEqual(['wifi', 'wifi', 'wifi']);
  bed.clock.ms += 1_000;
  expect(heardOn(lte)).toBe('wifi');
  bed.clock.ms += 1_000;
  expect(heardOn(lte)).toBe('lte');
});
