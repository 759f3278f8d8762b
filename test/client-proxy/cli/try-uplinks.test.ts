import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tryUplinks } from '../../../client-proxy/cli/try-uplinks.ts';
import type { ClientConfig, ConfiguredUplink } from '../../../client-proxy/config/client-config.ts';
import { addUsage } from '../../../client-proxy/metering/add-usage.ts';
import {
  type MeteredSettings,
  metered as metering,
} from '../../../client-proxy/metering/metered-settings.ts';
import { readUsageFile, USAGE_FILE_NAME } from '../../../client-proxy/metering/usage-file.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { identity } from '../../runtime/subflow/subflow-bench.ts';
import { keyOf, start } from '../../server-concentrator/concentrator-bed.ts';
import { load, withUplinks } from '../config/client-config-text.ts';

const wallClock = () => Date.now();
const binding = { kind: 'address', address: '127.0.0.2' } as const;

/** Writes down that 2 MB were carried, for a plan that is called as its uplink is. */
async function keep(usageFile: string, name: string, settings: MeteredSettings): Promise<void> {
  const bytes = { sentBytes: 2e6, receivedBytes: 0 };
  const carried = { plan: { name, settings }, uplinkName: name, plans: new Map(), bytes };
  expect(await addUsage(usageFile, carried, wallClock)).toBeDefined();
}

/** Tries the uplinks of a client, as far as that needs its configuration. */
async function tried(
  port: number,
  usageFile: string,
  uplinks: readonly ConfiguredUplink[],
  over: Partial<ClientConfig> = {},
) {
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
    ...over,
  } as Partial<ClientConfig> as ClientConfig;
  return tryUplinks(config, uplinks, {
    ...{ clock: () => performance.now(), native: loadNative().native, view: undefined },
    ...{ usageFile, wallClock },
  });
}

it('sends nothing over uplinks that are turned off or stopped, and counts what others cost for their plans', async () => {
  const { port } = await start(['laptop']);
  const usageFile = join(await temporaryDirectory(), USAGE_FILE_NAME);
  const stopped = metering.parse({ monthly: '1MiB', atCap: 'stop' });
  const counted = metering.parse({ monthly: '1GiB', atCap: 'stop' });
  await keep(usageFile, 'used', stopped);
  // As it is kept of an uplink that was not said to belong to a plan.
  await keep(usageFile, 'named', stopped);
  const uplinks: ConfiguredUplink[] = [
    { name: 'off', binding, backup: false, isOff: true, plan: 'other' },
    { name: 'over', binding, backup: false, metered: stopped, plan: 'used' },
    { name: 'named', binding, backup: false, metered: stopped, plan: 'contract' },
    { name: 'lte', binding, backup: false, metered: counted, plan: 'sim' },
  ];
  const before = await readUsageFile(usageFile);
  const outcomes = await tried(port, usageFile, uplinks);
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

it('leaves it to the client to begin the plan of a pattern with what is kept of the interfaces that it matches', async () => {
  const { port } = await start(['laptop']);
  const usageFile = join(await temporaryDirectory(), USAGE_FILE_NAME);
  const metered = metering.parse({ monthly: '1GiB' });
  // As it is kept of modems from a time in which each was counted by itself.
  for (const name of ['wwan0', 'wwan1']) await keep(usageFile, name, metered);
  const uplink: ConfiguredUplink = { name: 'wwan0', binding, backup: false, metered, plan: 'wwan*' };
  const { autoUplinks } = await load(withUplinks('{ settings: [{ match: "wwan*", metered: {} }] }'));
  expect(
    await tried(port, usageFile, [uplink], { uplinks: [], ...(autoUplinks && { autoUplinks }) }),
  ).toEqual([expect.stringMatching(/^reaches/)]);
  const read = await readUsageFile(usageFile);
  const kept = read.kind === 'read' ? read.usage : new Map();
  expect([...kept.keys()]).toEqual(['wwan0', 'wwan1']);
  expect(kept.get('wwan0').month.sentBytes).toBeGreaterThan(2e6 + 500);
});
