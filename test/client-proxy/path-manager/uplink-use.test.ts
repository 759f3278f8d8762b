import pino from 'pino';
import { expect, it } from 'vitest';
import { UplinkUses } from '../../../client-proxy/path-manager/uplink-use.ts';

it('has what is turned off stopped, whatever its cap says, and tells of each change once', () => {
  const uses = new UplinkUses(pino({ enabled: false }));
  const told: string[] = [];
  uses.tellChanges((name) => void told.push(`${name} ${uses.of(name).use}`));
  uses.setUplinks([{ name: 'dsl' }, { name: 'lte', isOff: true }]);
  expect(uses.of('lte')).toEqual({
    ...{ use: 'stopped', cause: 'turned-off' },
    reason: 'turned off in the configuration',
  });
  uses.set('lte', 'backup', 'daily cap reached');
  uses.set('dsl', 'stopped', 'monthly cap reached');
  expect(uses.of('dsl')).toEqual({ use: 'stopped', reason: 'monthly cap reached' });
  expect(uses.of('lte').cause).toBe('turned-off');
  uses.setUplinks([{ name: 'dsl' }, { name: 'lte' }]);
  uses.setUplinks([{ name: 'dsl' }, { name: 'lte' }]);
  expect(uses.of('lte')).toEqual({ use: 'backup', reason: 'daily cap reached' });
  expect(told).toEqual(['lte stopped', 'lte stopped', 'dsl stopped', 'lte backup']);
});
