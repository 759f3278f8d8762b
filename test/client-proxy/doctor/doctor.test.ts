import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ClientConfig } from '../../../client-proxy/config/client-config.ts';
import { doctor } from '../../../client-proxy/doctor/doctor.ts';
import { readUsageFile, USAGE_FILE_NAME } from '../../../client-proxy/metering/usage-file.ts';
import { type NetworkView, portableView } from '../../../client-proxy/network/network-view.ts';
import type { Report } from '../../../shared/runtime/doctor/finding.ts';
import type { Verdict } from '../../../shared/runtime/doctor/verdict.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { identity } from '../../runtime/subflow/subflow-bench.ts';
import { keyOf, start } from '../../server-concentrator/concentrator-bed.ts';
import { serve } from '../../support/serve.ts';
import { startSocksRelay } from '../../support/socks-relay.ts';
import { device, view } from '../network/views.ts';

const NOTHING = { sentBytes: 0, receivedBytes: 0 };
const LOGIN = { user: 'tributary', password: 'secret' };

it('examines uplinks that have no interface: an address of loopback, and a proxy', async () => {
  const { port } = await start(['laptop'], { measurementBytesPerHour: 10_000_000, joinsPerSecond: 100 });
  const relay = await startSocksRelay(LOGIN);
  const proxy = { kind: 'proxy', host: '127.0.0.1', port: relay.port, ...LOGIN } as const;
  const only = {
    name: 'concentrator',
    concentrator: {
      addresses: [{ host: '127.0.0.1', port }],
      pins: [certificatePin(identity.certificate)],
    },
    client: { id: 'laptop', key: keyOf('laptop') },
  };
  const config = {
    ...{ file: 'client.yaml', ...only, concentrators: [only] },
    datagrams: true,
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
      name === 'left' ? 'udp ok' : 'udp skipped',
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

/** A machine with these interfaces, and no concentrator. */
async function examine(uplinks: ClientConfig['uplinks'], interfaces: NetworkView | Error) {
  const config = {
    ...{ file: 'client.yaml', mode: 'direct', concentrators: [], uplinks },
    concentrator: { addresses: [], pins: [] },
    client: { id: '', key: new Uint8Array() },
    dial: { timeoutMs: 5_000, backoffMinMs: 1, backoffMaxMs: 1 },
    autoUplinks: { all: true, include: [], exclude: [], settings: [] },
  } as Partial<ClientConfig> as ClientConfig;
  const printed: string[] = [];
  const ending = doctor(
    config,
    { json: true, metered: false, speedBytes: 0, natTimeout: false },
    {
      async readNetwork() {
        if (interfaces instanceof Error) throw interfaces;
        return interfaces;
      },
      usageFile: '/nowhere/usage.json',
      native: loadNative().native,
      clock: () => performance.now(),
      wallClock: () => Date.now(),
      version: '1.2.3',
      stdout: (text) => void printed.push(text),
    },
  );
  const isWell = await ending.then(
    () => true,
    () => false,
  );
  const { checks, verdict } = JSON.parse(printed.join('')) as { checks: Report[]; verdict: Verdict };
  return { checks, verdict, isWell };
}

it('does not call a machine well that has no uplink at all', async () => {
  const bridges = Array.from({ length: 20 }, (_, i) => device(`br-${i}`, { kind: 'bridge' }));
  const interfaces = view(...bridges, device('eth0', { hasCarrier: false }));
  const { verdict, isWell } = await examine([], interfaces);
  expect(isWell).toBe(false);
  expect(verdict).toMatchObject({
    outcome: 'failed',
    words: [
      'one thing is wrong',
      // Those that could be uplinks first, and not all of many.
      expect.stringMatching(
        /^this machine, uplinks: there is no uplink now \(eth0: its interface has no carrier; br-0: virtual, by its name; .*; and 13 more\)$/,
      ),
    ],
    remedy: [expect.stringMatching(/^tributary-client check /)],
  });
});

it('says why there is no uplink on a machine with virtual interfaces alone', async () => {
  const { checks } = await examine([], view(device('veth7', { kind: 'veth' })));
  expect(checks).toMatchObject([
    { check: 'kernel' },
    { check: 'uplinks', words: 'there is no uplink now (veth7: virtual (veth))' },
  ]);
});

it.each([
  ['a route', { routes: [] }, /^ip route add default via .* metric \d+$/],
  ['an address', { addresses: [] }, /dhclient wlan0$/],
])('advises what gives an interface %s that is left out without one', async (_, over, advice) => {
  const other = { name: 'lan', binding: { kind: 'interface', interface: 'eth0' }, backup: false };
  const network = view(device('eth0'), device('wlan0', over));
  const { checks, verdict } = await examine([other] as ClientConfig['uplinks'], network);
  expect(checks.find(({ uplink }) => uplink === 'wlan0')).toMatchObject({
    outcome: 'skipped',
    remedy: [expect.stringMatching(advice)],
  });
  expect(verdict.advice).toContainEqual(expect.stringMatching(advice));
});

it('examines what it can where the network cannot be read', async () => {
  const uplink = { name: 'lte', binding: { kind: 'interface', interface: 'wwan0' }, backup: false };
  const { checks, isWell } = await examine(
    [uplink] as ClientConfig['uplinks'],
    new Error('this system does not tell'),
  );
  expect(isWell).toBe(false);
  expect(checks.map(({ check, outcome }) => `${check} ${outcome}`)).toEqual([
    expect.stringMatching(/^kernel /),
    'network warning',
    'interface skipped',
    'address skipped',
    'route skipped',
    'reverse-path skipped',
    'arp skipped',
    'measurements skipped',
  ]);
  expect(checks[1]!.words).toMatch(/cannot be read: this system does not tell$/);
});

it('tells several concentrators apart, and counts each uplink once', async () => {
  const { port } = await start(['laptop'], { joinsPerSecond: 100 });
  const web = await serve((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const concentrators = ['near', 'far', 'wrong'].map((name) => ({
    name,
    concentrator: {
      // Nobody listens where the second one should; where the third one should, something else does.
      addresses: [{ host: '127.0.0.1', port: name === 'near' ? port : name === 'far' ? 1 : web }],
      pins: [certificatePin(identity.certificate)],
    },
    client: { id: 'laptop', key: keyOf('laptop') },
  }));
  const config = {
    ...{ file: 'client.yaml', ...concentrators[0]!, concentrators },
    datagrams: true,
    dial: { timeoutMs: 5_000, backoffMinMs: 1, backoffMaxMs: 1 },
    uplinks: ['left', 'right'].map((name, i) => ({
      ...{ name, backup: false },
      binding: { kind: 'address', address: `127.0.0.${i + 2}` },
    })),
  } as Partial<ClientConfig> as ClientConfig;
  const printed: string[] = [];
  const ending = doctor(
    config,
    { json: true, metered: false, speedBytes: 0, natTimeout: false },
    {
      readNetwork: async () => portableView({}, () => undefined),
      native: loadNative().native,
      clock: () => performance.now(),
      wallClock: () => Date.now(),
      version: '1.2.3',
      usageFile: '/nowhere/usage.json',
      stdout: (text) => void printed.push(text),
    },
  );
  await expect(ending).rejects.toThrow('trouble was found');
  const { checks, verdict } = JSON.parse(printed.join('')) as { checks: Report[]; verdict: Verdict };
  const about = (name: string) =>
    checks.filter(({ check }) => check === name).map(({ uplink, concentrator }) => [uplink, concentrator]);
  expect(about('tcp')).toEqual([
    ['left', 'near'],
    ['right', 'near'],
    ['left', 'far'],
    ['right', 'far'],
    ['left', 'wrong'],
    ['right', 'wrong'],
  ]);
  expect(about('concentrator-kernel')).toEqual([[null, 'near']]);
  expect(verdict.words.slice(0, 2)).toEqual([
    'all uplinks work, but not everything is as it should be',
    expect.stringMatching(/^left to far, tcp: /),
  ]);
  expect(verdict.remedy).toEqual([
    expect.stringMatching(/^at the concentrator far: systemctl start tributary-concentrator /),
    expect.stringMatching(/^log in to this network/),
    expect.stringMatching(/correct concentrators\[\]\.addresses of wrong$/),
  ]);
});

it('leaves an uplink alone that is turned off', async () => {
  const off = { name: 'lte', binding: { kind: 'interface', interface: 'wwan0' }, backup: false, isOff: true };
  const { checks } = await examine([off] as ClientConfig['uplinks'], view(device('wwan0')));
  expect(checks.filter(({ uplink }) => uplink === 'lte')).toMatchObject([
    { check: 'interface', outcome: 'skipped', words: 'turned off by `enabled: false`' },
  ]);
});

it('leaves out what needs a far end where there is none, and says so', async () => {
  const config = {
    file: 'client.yaml',
    mode: 'direct',
    concentrators: [],
    concentrator: { addresses: [], pins: [] },
    client: { id: '', key: new Uint8Array() },
    dial: { timeoutMs: 5_000, backoffMinMs: 1, backoffMaxMs: 1 },
    uplinks: [{ name: 'left', binding: { kind: 'interface', interface: 'eth0' }, backup: false }],
    autoUplinks: { all: false, include: [], exclude: [], settings: [{ iccid: '8949020000012345678' }] },
  } as Partial<ClientConfig> as ClientConfig;
  const printed: string[] = [];
  let towards: readonly string[] = [];
  let wanted: unknown[] = [];
  await doctor(
    config,
    { json: true, metered: false, speedBytes: 200_000, natTimeout: false },
    {
      readNetwork: async (destinations, { wantsSimCards, importanceOf }) => {
        towards = destinations.map(({ host }) => host);
        wanted = [wantsSimCards, importanceOf(device('eth0')) > importanceOf(device('eth1'))];
        return view(device('eth0', { addresses: ['10.0.0.5'] }));
      },
      usageFile: '/nowhere/usage.json',
      native: loadNative().native,
      clock: () => performance.now(),
      wallClock: () => Date.now(),
      version: '1.2.3',
      stdout: (text) => void printed.push(text),
    },
  ).catch(() => {});
  const { checks } = JSON.parse(printed.join('')) as { checks: Report[] };
  const own = checks.filter(({ uplink }) => uplink === 'left');
  expect(own.map(({ check }) => check)).toEqual([
    'interface',
    'address',
    'route',
    'reverse-path',
    'arp',
    'measurements',
  ]);
  expect(own[1]).toMatchObject({ outcome: 'ok' });
  expect(own.at(-1)).toMatchObject({ outcome: 'skipped' });
  expect(towards).toEqual(['192.0.2.1', '2001:db8::1']);
  expect(wanted).toEqual([true, true]);
});
