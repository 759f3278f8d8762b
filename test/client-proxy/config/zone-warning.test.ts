import { expect, it } from 'vitest';
import { zoneWarning } from '../../../client-proxy/config/zone-warning.ts';
import { load, MINIMAL, withUplinks } from './client-config-text.ts';

const POSIX = 'CET-1CEST,M3.5.0,M10.5.0/3';
const lte = (settings: string) => withUplinks(`[{ name: lte, interface: wwan0, ${settings} }]`);

it.each([
  ['a cap', lte('metered: { monthly: 1GB }')],
  ['a cap of what is found', withUplinks('{ settings: [{ match: "w*", metered: {} }] }')],
  ['a backup', lte('backup: { between: "18:00-23:00" }')],
  ['a price', lte('costPerGB: [{ between: ["1:00-2:00 UTC", "2:00-3:00"], cost: 1 }]')],
  ['a rule', `${MINIMAL}steering: { rules: [{ between: "18:00-23:00", block: true }] }\n`],
])('%s by the clocks of the system is warned of where TZ names no time zone', async (_, text) => {
  const config = await load(text);
  expect(zoneWarning(config, POSIX)).toMatch(
    /^TZ=CET-1CEST,M3\.5\.0,M10\.5\.0\/3 is no name of a time zone: /,
  );
  expect(zoneWarning(config, POSIX, 'Europe/Paris')).toContain(' none is said go by Europe/Paris. ');
  expect(zoneWarning(config, POSIX)).toMatch(/ go by \S+\. /);
  expect(zoneWarning(config, '/usr/share/zoneinfo/Europe/Berlin')).toBeDefined();
  for (const fine of [
    undefined,
    '',
    'Europe/Berlin',
    ':Europe/Berlin',
    'posix/Europe/Berlin',
    ':right/UTC',
    'UTC',
  ])
    expect(zoneWarning(config, fine), fine).toBeUndefined();
});

it('nothing is warned of where no time goes by the clocks of the system', async () => {
  const zoned =
    'metered: { timeZone: UTC }, backup: { between: "18:00-23:00 UTC" }, costPerGB: [{ between: "1:00-2:00 UTC", cost: 1 }, { cost: 2 }]';
  for (const text of [MINIMAL, lte(zoned)]) expect(zoneWarning(await load(text), POSIX)).toBeUndefined();
});
