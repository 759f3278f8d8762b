import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../simulation/clock.ts';
import { Random } from '../simulation/random.ts';
import { Balancer, CHECK_MS, CHECK_TIMEOUT_MS, FALL, RISE } from './balancer.ts';
import { type FleetOptions, limitsOf, runFleet } from './fleet.ts';
import { Machine } from './machine.ts';
import { parseOptions } from './options.ts';
import { backAfter } from './recovery.ts';
import { FLEET_SCENARIOS } from './scenarios.ts';
import { Wire } from './wire.ts';

const SMALL: FleetOptions = { ...parseOptions([])!, jitter: true, clients: 60, machines: 6, seconds: 25 };
const scenario = (wanted: string) => FLEET_SCENARIOS.find(({ name }) => name === wanted)!;

describe('a fleet in virtual time', () => {
  it.each(['haproxy/haproxy.cfg', 'kubernetes/files/haproxy.cfg'])('has the balancer of %s', (file) => {
    const text = readFileSync(new URL(`../../deploy/${file}`, import.meta.url), 'utf8');
    expect(text).toContain(`inter ${CHECK_MS}ms fall ${FALL} rise ${RISE} `);
    expect(text).toContain(`  timeout check ${CHECK_TIMEOUT_MS / 1_000}s\n`);
  });

  it.each([
    // The balancer notices after two checks, and the clients' first back-off takes up to half a second.
    ['machine', 10, 2_500],
    ['killed', 10, 2_000],
    ['rack', 30, 2_500],
    // It takes 5 s until there is anything to come back to, and dials back off to 8 s.
    ['storm', 60, 15_000],
    ['balancer', 60, 15_000],
  ])('%s: all clients are back in time, with both of their subflows', async (name, affected, withinMs) => {
    const recovery = (await runFleet(SMALL, scenario(name)))!;
    expect(recovery.affected).toBe(affected);
    expect(recovery.allBackMs).toBeLessThanOrEqual(withinMs);
    expect(recovery.handshakes).toBe(2 * affected);
    expect(recovery.mostSessions - recovery.leastSessions).toBeLessThanOrEqual(4);
  });

  it('has all clients back soon, too, where they share an address and handshakes are scarce', async () => {
    const behindOne = { ...SMALL, machines: 4, shareAddress: true, handshakesPerSecond: 20, seconds: 60 };
    const recovery = (await runFleet(behindOne, scenario('storm')))!;
    expect(recovery.allBackMs).toBeLessThanOrEqual(20_000);
    expect(recovery.handshakes).toBe(2 * SMALL.clients);
  });

  it('is the same twice', async () => {
    const run = () => runFleet({ ...SMALL, clients: 24, seconds: 10 }, scenario('killed'));
    expect(await run()).toEqual(await run());
  });

  it('without chance more handshakes begin at once', async () => {
    const peak = async (jitter: boolean) =>
      (await runFleet({ ...SMALL, jitter }, scenario('storm')))!.peakPerSecond;
    expect(await peak(false)).toBeGreaterThan(await peak(true));
  });
});

describe('the balancer of the simulation', () => {
  it.each([
    [true, 0.8],
    [false, 1.6],
  ])(
    'keeps to a machine that is busy: %j, where work is before its answers for %d of their time',
    (stays, share) => {
      const clock = new VirtualClock();
      const limits = limitsOf({ clients: 1, handshakesPerSecond: 400 });
      const key = new Uint8Array(32);
      const machine = new Machine({
        ...{ name: 'c1', clock, cores: 1, handshakeMs: 1, limits, key },
        onHandshake() {},
      });
      const balancer = new Balancer(clock, new Random(1), [machine]);
      const wire = new Wire(clock, 10, '192.0.2.1', () => {});
      const reached: (string | undefined)[] = [];
      const lead = (one: Wire) => balancer.lead(one, undefined, (to) => reached.push(to?.name));
      const runTo = (endMs: number) => {
        while (clock.step(endMs));
      };
      lead(wire);
      machine.processor.work(share * CHECK_TIMEOUT_MS, () => {});
      runTo((FALL + 1) * CHECK_MS);
      lead(new Wire(clock, 10, '192.0.2.2', () => {}));
      expect([wire.client.isOpen, wire.machine.isOpen]).toEqual([stays, stays]);
      expect(reached).toEqual(['c1', stays ? 'c1' : undefined]);
      // It is up again when its work is done.
      runTo(share * CHECK_TIMEOUT_MS + (RISE + 1) * CHECK_MS);
      lead(new Wire(clock, 10, '192.0.2.3', () => {}));
      expect(reached.at(-1)).toBe('c1');
    },
  );
});

describe('the time until clients are back', () => {
  const looks = [10, 4, 8, 9, 10, 9, 10].map((served, i) => ({
    ...{ atMs: i * 100, served },
    ...{ begun: 0, admitted: 0, failed: 0 },
  }));

  it.each([
    [1, 600],
    [0.5, 200],
    [0.8, 300],
  ])('of %d of the affected is the last time at which so many were', (share, atMs) => {
    expect(backAfter(looks, 10, 6, share)).toBe(atMs);
  });

  it('is none where they are not back', () => {
    expect(backAfter(looks.slice(0, 4), 10, 6, 1)).toBeUndefined();
  });
});

describe('the command line', () => {
  it.each([
    [['--scenario', 'flood'], 'no scenario "flood"; there are machine, killed, rack, storm, balancer'],
    [['--machines', '3'], '--machines 3: expected 4 to 100'],
    [['--clients', '1.5'], '--clients 1.5: expected a whole number'],
    [['--handshake-ms', ''], '--handshake-ms : expected 0.01 to 1000'],
    [['--seconds', 'x'], '--seconds x: expected 1 to 3600'],
  ])('%j is refused', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });

  it('picks scenarios', () => {
    const picked = parseOptions(['--scenario', 'rack', '--no-jitter'])!;
    expect(picked.scenarios.map(({ name }) => name)).toEqual(['rack']);
    expect(picked.jitters).toEqual([false]);
    expect(parseOptions(['--compare-jitter'])!.jitters).toEqual([true, false]);
    expect(parseOptions(['--help'])).toBeUndefined();
  });
});
