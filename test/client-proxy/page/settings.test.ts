import { expect, it } from 'vitest';
import { type SettingsReport, settingsData } from '../../../client-proxy/page/settings.ts';

const uplink = { binding: {}, backup: false } as const;
const uplinks = [
  { ...uplink, name: 'plain' },
  { ...uplink, name: 'backup', backup: true },
  { ...uplink, name: 'nightly', backupWhen: { between: [] } },
  { ...uplink, name: 'nightly-off', backupWhen: { between: [] }, isOff: true },
];

it('tells what uplinks are used for, by a condition as well', async () => {
  const tell = settingsData({
    changes: { held: [] },
    config: () => ({ file: 'c.yaml', uplinks: [], steering: { default: { mode: 'aggregate' }, rules: [] } }),
    uplinks: () => uplinks,
  } as never);
  const report = (await tell(new URLSearchParams())) as SettingsReport;
  expect(report.uplinks.map(({ name, use, hasCondition }) => [name, use, hasCondition])).toEqual([
    ['plain', 'on', false],
    ['backup', 'backup', false],
    ['nightly', 'conditional', true],
    ['nightly-off', 'off', true],
  ]);
});
