import { describe, expect, it } from 'vitest';
import { uplinksFor } from '../../../client-proxy/concentrators/standing-uplinks.ts';
import type { PresentUplink } from '../../../client-proxy/config/client-config.ts';
import { NO_LIMIT } from '../../../shared/protocol/uplink/rate-limit.ts';

const uplink = (name: string, more: Partial<PresentUplink> = {}): PresentUplink => ({
  name,
  binding: { kind: 'interface', interface: name },
  backup: false,
  ...more,
});
const metered = { rateLimit: { ...NO_LIMIT, isMetered: true } };
const always = () => true;
const STANDING = { isStanding: true, rateShare: 1 };

describe('the uplinks of a concentrator', () => {
  it('are those of the configuration where it carries something', () => {
    const all = [uplink('dsl'), uplink('lte', metered)];
    expect(uplinksFor(all, { isStanding: false, rateShare: 1 }, always)).toEqual(all);
  });

  it.each([
    ['the first of equals', [uplink('dsl'), uplink('cable')], [], 'dsl'],
    ['one that is not metered', [uplink('lte', metered), uplink('dsl')], [], 'dsl'],
    [
      'none that is metered, at night either',
      [uplink('lte', { ...metered, costPerGB: 0 }), uplink('dsl')],
      [],
      'dsl',
    ],
    [
      'a metered one before a backup',
      [uplink('dsl', { backup: true }), uplink('lte', { ...metered, costPerGB: 9 })],
      [],
      'lte',
    ],
    [
      'of metered ones the cheapest as far as that is said',
      [uplink('lte', metered), uplink('sat', { ...metered, costPerGB: 9 })],
      [],
      'sat',
    ],
    ['the cheapest', [uplink('lte', { costPerGB: 3 }), uplink('sat', { costPerGB: 2 })], [], 'sat'],
    ['no backup', [uplink('lte', { backup: true }), uplink('dsl', metered)], [], 'dsl'],
    ['none that is at its cap', [uplink('lte'), uplink('dsl', metered)], ['lte'], 'dsl'],
    ['a backup where there is nothing else', [uplink('lte', { backup: true })], [], 'lte'],
  ])('are one while it is only kept ready: %s', (_, all, unusable, expected) => {
    const own = uplinksFor(all, STANDING, (name) => !(unusable as string[]).includes(name));
    expect(own.map(({ name }) => name).sort()).toEqual(all.map(({ name }) => name).sort());
    const regular = own.filter(({ backup }) => !backup);
    expect(
      regular.map(({ name, subflowsPerPath, isStanding }) => [name, subflowsPerPath, isStanding]),
    ).toEqual([[expected, 1, true]]);
    // The others are dialled when that one fails.
    for (const one of own) if (one.backup) expect(one.standby).toBe('break-before-make');
  });

  it('have a share of the rate limits, of both directions; no limit stays none', () => {
    const limited = { rateLimit: { sendBytesPerSecond: 1_000, receiveBytesPerSecond: 0, isMetered: true } };
    const shares = [0.98, 0.02].map(
      (rateShare) =>
        uplinksFor([uplink('lte', limited)], { isStanding: false, rateShare }, always)[0]!.rateLimit,
    );
    expect(shares.map((limit) => limit!.sendBytesPerSecond)).toEqual([980, 20]);
    expect(shares.map((limit) => limit!.receiveBytesPerSecond)).toEqual([0, 0]);
  });
});
