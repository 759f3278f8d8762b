import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ClientConfig } from '../../../client-proxy/config/client-config.ts';
import { doctor } from '../../../client-proxy/doctor/doctor.ts';
import { readUsageFile, USAGE_FILE_NAME } from '../../../client-proxy/metering/usage-file.ts';
import { portableView } from '../../../client-proxy/network/network-view.ts';
import type { Report } from '../../../shared/runtime/doctor/finding.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { identity } from '../../runtime/subflow/subflow-bench.ts';
import { keyOf, start } from '../../server-concentrator/concentrator-bed.ts';
import { startSocksRelay } from '../../support/socks-relay.ts';

const NOTHING = { sentBytes: 0, receivedBytes: 0 };
const LOGIN = { user: 'tributary', password: 'secret' };

it('examines uplinks that have no interface: an address of loopback, and a proxy', async () => {
  const { port } = await start(['laptop'], { measurementBytesPerHour: 10_000_000, joinsPerSecond: 100 });
  const relay = await startSocksRelay(LOGIN);
  const proxy = { kind: 'proxy', host: '127.0.0.1', port: relay.port, ...LOGIN } as const;
  const config = {
    file: 'client.yaml',
    concentrator: {
      addresses: [{ host: '127.0.0.1', port }],
      pins: [certificatePin(identity.certificate)],
    },
    client: { id: 'laptop', key: keyOf('laptop') },
    dial: { timeoutMs: 5_000, backoffMinMs: 1, backoffMaxMs: 1 },
    uplinks: [
      { name: 'left', binding: { kind: 'address', address: '127.0.0.2' }, backup: false, plan: 'sim' },
      { name: 'right', binding: proxy, backup: false },
    ],
  } as Partial<ClientConfig> as ClientConfig;
  const usageFile = join(await temporaryDirectory(), USAGE_FILE_NAME);
  const printed: string[] = [];
  try {
    await doctor(
      config,
      { json: true, metered: false, speedBytes: 200_000, natTimeout: false },
      {
        readNetwork: async () => portableView({}, () => undefined),
        native: loadNative().native,
        clock: () => performance.now(),
        wallClock: () => Date.now(),
        version: '1.2.3',
        usageFile,
        stdout: (text) => void printed.push(text),
      },
    );
  } finally {
    await relay.close();
  }
  const { checks, verdict } = JSON.parse(printed.join('')) as { checks: Report[]; verdict: unknown };
  expect(verdict).toMatchObject({ outcome: 'ok' });
  for (const name of ['left', 'right']) {
    const own = checks.filter(({ uplink }) => uplink === name);
    expect(own.map(({ check, outcome }) => `${check} ${outcome}`)).toEqual([
      'names skipped',
      'tcp ok',
      'tls-and-pin ok',
      'authentication ok',
      'clock ok',
      'packet-size ok',
      'round-trip ok',
      'download ok',
      'upload ok',
      ...(name === 'left' ? ['usage ok'] : []),
    ]);
  }
  const kept = await readUsageFile(usageFile);
  const { sentBytes, receivedBytes } = kept.kind === 'read' ? kept.usage.get('sim')!.month : NOTHING;
  // 200 kB each way to measure the speed, and all else.
  for (const bytes of [sentBytes, receivedBytes]) {
    expect(bytes).toBeGreaterThan(200_000);
    expect(bytes).toBeLessThan(600_000);
  }
});
