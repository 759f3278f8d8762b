import { expect, it } from 'vitest';
import type { PresentUplink } from '../../../client-proxy/config/client-config.ts';
import { directStatus } from '../../../client-proxy/direct/direct-status.ts';
import { NORMAL_USE, type UplinkUseWithReason } from '../../../client-proxy/path-manager/uplink-use.ts';

const TROUBLE = { code: 'no-carrier', reason: 'its interface has no carrier', isCertain: true } as const;

it.each<
  [
    string,
    Partial<PresentUplink>,
    { use?: UplinkUseWithReason; isSuspect?: boolean; isDown?: boolean },
    object,
  ]
>([
  ['serves', {}, {}, { isUp: true, state: 'in-use' }],
  ['is a backup', { backup: true }, {}, { isUp: true, state: 'backup', cause: 'none' }],
  [
    'is a backup now',
    { backup: true, backupReason: 'between 18:00-23:00' },
    {},
    { isUp: true, state: 'backup', cause: 'condition', reason: 'backup: between 18:00-23:00' },
  ],
  [
    'is a backup for its cap',
    {},
    { use: { use: 'backup', reason: 'daily cap reached' } },
    { isUp: true, state: 'backup', cause: 'cap' },
  ],
  [
    'is stopped at its cap',
    {},
    { use: { use: 'stopped', reason: 'daily cap reached' } },
    { isUp: false, state: 'stopped', cause: 'cap' },
  ],
  ['joins when others do not answer', { joinAboveUtilization: 0.8 }, {}, { isUp: true, state: 'waiting' }],
  [
    'has failed where others did not',
    {},
    { isSuspect: true },
    { isUp: false, state: 'doubted', cause: 'silent' },
  ],
  ['has no network', {}, { isDown: true }, { isUp: false, state: 'down', cause: 'no-carrier' }],
])('an uplink that %s says so without a concentrator', (_, more, is, expected) => {
  const uplink = {
    name: 'dsl',
    binding: { kind: 'interface', interface: 'eth0' },
    backup: false,
    ...more,
  } as const;
  const [status] = directStatus({
    uplinks: () => [uplink],
    useOf: () => is.use ?? NORMAL_USE,
    troubles: () => new Map(is.isDown ? [['dsl', TROUBLE]] : []),
    measureOf: () => ({ isSuspect: is.isSuspect ?? false }),
  });
  expect(status).toMatchObject({ name: 'dsl', ...expected });
});
