import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import type { Concentrator } from '../../../client-proxy/concentrators/concentrator.ts';
import { Concentrators } from '../../../client-proxy/concentrators/concentrators.ts';
import type { ConfiguredConcentrator } from '../../../client-proxy/config/client-config.ts';
import type { DialledUplink } from '../../../client-proxy/path-manager/uplink-role.ts';

const LIMIT = 1_000_000;
const LTE: DialledUplink = {
  name: 'lte',
  binding: { kind: 'interface', interface: 'lte' },
  backup: false,
  rateLimit: { sendBytesPerSecond: LIMIT, receiveBytesPerSecond: 0, isMetered: false },
};
const named = (...names: readonly string[]) => names.map((name) => ({ name }) as ConfiguredConcentrator);

/** Concentrators that are never reached, and the uplinks that each was last given. */
function several() {
  const given = new Map<string, readonly DialledUplink[]>();
  const all = new Concentrators({
    make: (configured) => {
      const keeper = {
        setUplinks: (uplinks: readonly DialledUplink[]) => given.set(configured.name, uplinks),
        drivers: [],
        isReachable: false,
        drain: () => Promise.resolve(),
        stop: () => Promise.resolve(),
        onUseChanged() {},
      };
      const secrets = { isOf: () => true, replace: () => false };
      const publisher = { configure() {}, goAway() {} };
      return { configured, keeper, secrets, publisher } as unknown as Concentrator;
    },
    isUsable: () => true,
    onReviewed() {},
    onChanged() {},
    onChosen() {},
    onSilent() {},
    clock: () => 0,
    logger: pino({ enabled: false }),
  });
  onTestFinished(() => all.stop());
  all.setUplinks([LTE]);
  const rateOf = (name: string) => given.get(name)?.[0]?.rateLimit?.sendBytesPerSecond;
  const configure = (...names: readonly string[]) => all.configure(named(...names), []);
  return { all, configure, rateOf, given };
}

it('has the one that is left carry everything, though it was only kept ready', () => {
  const { all, configure, rateOf } = several();
  configure('frankfurt', 'paris');
  expect(all.members.map(({ isStanding }) => isStanding)).toEqual([false, true]);
  configure('paris');
  expect([all.members[0]!.isStanding, rateOf('paris')]).toEqual([false, LIMIT]);
});

it('shares rate limits again when one comes back', () => {
  const { configure, rateOf } = several();
  configure('frankfurt', 'paris');
  const before = [rateOf('frankfurt'), rateOf('paris')];
  expect(before[0]! + before[1]!).toBeLessThanOrEqual(LIMIT);
  configure('frankfurt');
  expect(rateOf('frankfurt')).toBe(LIMIT);
  configure('frankfurt', 'paris');
  expect([rateOf('frankfurt'), rateOf('paris')]).toEqual(before);
});

it.each([
  ['the only one', ['frankfurt']],
  ['each of several', ['frankfurt', 'paris']],
])('gives %s a list of uplinks that was made anew, since they may stand on something else', (_, names) => {
  const { all, configure, given } = several();
  configure(...names);
  const before = new Map(given);
  all.onUseChanged('lte');
  expect(names.map((name) => given.get(name) === before.get(name))).toEqual(names.map(() => true));
  all.setUplinks([{ ...LTE }]);
  expect(names.map((name) => given.get(name) === before.get(name))).toEqual(names.map(() => false));
});
