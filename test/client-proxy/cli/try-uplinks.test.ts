import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tryUplinks } from '../../../client-proxy/cli/try-uplinks.ts';
import type { ClientConfig, ConfiguredUplink } from '../../../client-proxy/config/client-config.ts';
import { addUsage } from '../../../client-proxy/metering/add-usage.ts';
import { metered as metering } from '../../../client-proxy/metering/metered-settings.ts';
import { readUsageFile, USAGE_FILE_NAME } from '../../../client-proxy/metering/usage-file.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { identity } from '../../runtime/subflow/subflow-bench.ts';
import { keyOf, start } from '../../server-concentrator/concentrator-bed.ts';

it('sends nothing over uplinks that are turned off or stopped, and counts what others cost for their plans', async () => {
  const { port } = await start(['laptop']);
  const usageFile = join(await temporaryDirectory(), USAGE_FILE_NAME);
  const wallClock = () => Date.now();
  const stopped = metering.parse({ monthly: '1MiB', atCap: 'stop' });
  const counted = metering.parse({ monthly: '1GiB', atCap: 'stop' });
  await addUsage(
    usageFile,
    { name: 'used', settings: stopped },
    { sentBytes: 2e6, receivedBytes: 0 },
    wallClock,
  );
  // As it is kept of an uplink that was not said to belong to a plan.
  await addUsage(
    usageFile,
    { name: 'named', settings: stopped },
    { sentBytes: 2e6, receivedBytes: 0 },
    wallClock,
  );
  const binding = { kind: 'address', address: '127.0.0.2' } as const;
  const uplinks: ConfiguredUplink[] = [
    { name: 'off', binding, backup: false, isOff: true, plan: 'other' },
    { name: 'over', binding, backup: false, metered: stopped, plan: 'used' },
    { name: 'named', binding, backup: false, metered: stopped, plan: 'contract' },
    { name: 'lte', binding, backup: false, metered: counted, plan: 'sim' },
  ];
  const config = {
    concentrator: {
      addresses: [{ host: '127.0.0.1', port }],
      pins: [certificatePin(identity.certificate)],
    },
    client: { id: 'laptop', key: keyOf('laptop') },
    dial: { timeoutMs: 5_000, backoffMinMs: 1, backoffMaxMs: 1 },
    datagrams: true,
    uplinks,
    paths: 'per-uplink',
  } as Partial<ClientConfig> as ClientConfig;
  const before = await readUsageFile(usageFile);
  const outcomes = await tryUplinks(config, uplinks, {
    ...{ clock: () => performance.now(), native: loadNative().native, view: undefined },
    ...{ usageFile, wallClock },
  });
  expect(outcomes).toEqual([
    'not tried, turned off by `enabled: false`',
    expect.stringMatching(/^not tried, monthly cap reached, until /),
    expect.stringMatching(/^not tried, monthly cap reached, until /),
    expect.stringMatching(/^reaches the concentrator in \d+ ms; UDP passes, in \d+ ms$/),
  ]);
  const [earlier, later] = [before, await readUsageFile(usageFile)].map((read) =>
    read.kind === 'read' ? read.usage : new Map(),
  );
  expect([...later!.keys()]).toEqual(['used', 'named', 'sim']);
  expect(later!.get('used')).toEqual(earlier!.get('used'));
  expect(later!.get('sim').month.sentBytes).toBeGreaterThan(500);
  expect(later!.get('sim').month.receivedBytes).toBeGreaterThan(500);
});
