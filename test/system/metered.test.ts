import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Pair } from './support/pair.ts';
import { describeSystem, expectWhole, report } from './support/system.ts';
import { download, upload } from './support/transfer.ts';

const MB = 1_000_000;
const paths = [
  { name: 'wan0', downMbps: 20, upMbps: 20 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];

/** What the client says that an uplink has carried on the wire. */
async function counted({ client }: Pair, uplink: string) {
  const metric = (direction: string) =>
    client.metric('tributary_uplink_wire_bytes_total', { uplink, direction, source: 'kernel' });
  return { sent: await metric('sent'), received: await metric('received') };
}

describeSystem('metered uplinks', { paths, congestionControl: 'bbr' }, (system) => {
  test('bytes are counted as on the wire, within 2 %, on an uplink that is used and on one that is idle', async () => {
    const { pair, network } = system();
    for (const path of network.paths) await path.cutPackets();
    const before = await Promise.all(network.paths.map((path) => path.counters()));
    await pair.startConcentrator();
    await pair.startClient();
    await pair.untilUp(['wan0', 'wan1']);
    await expectWhole(download(pair, 8 * MB), 8 * MB);
    await expectWhole(upload(pair, 8 * MB), 8 * MB);
    await sleep(500);
    for (const [i, path] of network.paths.entries()) {
      const [now, was] = [await path.counters(), before[i]!];
      const wire = {
        sent: now.sentIpBytes - was.sentIpBytes,
        received: now.receivedIpBytes - was.receivedIpBytes,
      };
      const ours = await counted(pair, path.name);
      const off = (direction: 'sent' | 'received') => (ours[direction] / wire[direction] - 1) * 100;
      report(
        `${path.name}: sent ${wire.sent} (${off('sent').toFixed(2)} % off), ` +
          `received ${wire.received} (${off('received').toFixed(2)} % off)`,
      );
      expect(Math.abs(off('sent'))).toBeLessThan(2);
      expect(Math.abs(off('received'))).toBeLessThan(2);
    }
  });

  test('what idle uplinks cost: one that is metered less, as a backup least', async () => {
    const { pair, network } = system();
    const third = await network.addPath({ name: 'wan2', downMbps: 20, upMbps: 20 });
    try {
      await pair.forgetUsage();
      const idle = [
        { name: 'wan0', what: 'not metered', more: {}, leastPerSecond: 300, mostPerSecond: 2_000 },
        { name: 'wan1', what: 'metered', more: { metered: {} }, leastPerSecond: 0, mostPerSecond: 500 },
        {
          name: 'wan2',
          what: 'metered, backup',
          more: { metered: {}, backup: true },
          leastPerSecond: 0,
          mostPerSecond: 60,
        },
      ];
      await pair.start(idle.map(({ name, more }) => ({ name, interface: name, ...more })));
      await sleep(2_000);
      const look = () =>
        Promise.all(
          idle.map(async ({ name }) => {
            const { sentIpBytes, receivedIpBytes } = await network.path(name).counters();
            const { sent, received } = await counted(pair, name);
            return { wire: sentIpBytes + receivedIpBytes, ours: sent + received };
          }),
        );
      // A ping of a metered uplink is among it.
      const seconds = 16;
      const before = await look();
      await sleep(seconds * 1_000);
      const after = await look();
      for (const [i, { what, leastPerSecond, mostPerSecond }] of idle.entries()) {
        const wire = after[i]!.wire - before[i]!.wire;
        const ours = after[i]!.ours - before[i]!.ours;
        const daily = ((wire / seconds) * 86_400) / MB;
        report(`idle, ${what}: ${daily.toFixed(1)} MB a day; counted ${ours} of ${wire} bytes`);
        expect(wire / seconds).toBeGreaterThan(leastPerSecond);
        expect(wire / seconds).toBeLessThan(mostPerSecond);
        expect(Math.abs(ours - wire)).toBeLessThan(1_500);
      }
    } finally {
      await pair.stopClient();
      await third.remove();
    }
  });

  test('the cap demotes an uplink in the middle of a transfer, which stays whole, and after a restart at once', async () => {
    const { pair, network } = system();
    const capMB = 4;
    const metered = { daily: `${capMB}MB`, warnAt: '50%', atCap: 'backup' };
    await pair.forgetUsage();
    const uplinks = [
      { name: 'wan0', interface: 'wan0', metered },
      { name: 'wan1', interface: 'wan1' },
    ];
    const before = await network.path('wan0').counters();
    await pair.start(uplinks);
    const { longestPauseMs } = await expectWhole(download(pair, 12 * MB), 12 * MB);
    const { sentIpBytes, receivedIpBytes } = await network.path('wan0').counters();
    const carried = sentIpBytes - before.sentIpBytes + receivedIpBytes - before.receivedIpBytes;
    const { log } = pair.client;
    expect(log.find(({ msg }) => msg === 'daily cap nearly reached')).toMatchObject({ uplink: 'wan0' });
    expect(log.find(({ msg }) => /^daily cap reached, until \d{4}-\d\d-\d\d$/.test(msg))).toMatchObject({
      uplink: 'wan0',
      use: 'backup',
    });
    report(
      `cap of ${capMB} MB: carried ${(carried / MB).toFixed(2)} MB, longest pause ${longestPauseMs.toFixed(0)} ms`,
    );
    // A quarter of a second at 2.5 MB/s, and what is under way; the rest is for a machine that is busy.
    expect(carried).toBeGreaterThan(capMB * MB);
    expect(carried).toBeLessThan((capMB + 1.5) * MB);
    expect(await pair.client.metric('tributary_metered_used_ratio', { plan: 'wan0' })).toBeGreaterThan(1);

    await pair.startClient(uplinks);
    await pair.untilUp(['wan1']);
    await expectWhole(download(pair, 2 * MB), 2 * MB);
    const again = await counted(pair, 'wan0');
    expect(again.received).toBeLessThan(0.2 * MB);
    expect(pair.client.log.filter(({ msg }) => msg === 'daily cap nearly reached')).toEqual([]);
  });

  test('a stopped uplink carries nothing more, the other takes over', async () => {
    const { pair, network } = system();
    await pair.forgetUsage();
    await pair.start([
      { name: 'wan0', interface: 'wan0', metered: { daily: '3MB', atCap: 'stop' } },
      { name: 'wan1', interface: 'wan1' },
    ]);
    await expectWhole(download(pair, 12 * MB), 12 * MB);
    await sleep(3_000);
    const before = await network.path('wan0').counters();
    await expectWhole(download(pair, 1 * MB), 1 * MB);
    const { receivedBytes } = await network.path('wan0').counters();
    expect(receivedBytes - before.receivedBytes).toBeLessThan(1_000);
  });

  test('a cap holds for a modem that the kernel gives another name, together with what it had before', async () => {
    const { pair, network } = system();
    await pair.forgetUsage();
    const uplinks = {
      auto: false,
      include: ['wan1', 'enx*'],
      settings: [{ match: 'enx*', metered: { monthly: '6MB', atCap: 'stop' } }],
    };
    let carried = 0;
    for (const [round, name] of ['enx001122334455', 'enx66778899aabb'].entries()) {
      const modem = await network.addPath({ name, downMbps: 40, upMbps: 40 });
      if (round === 0) {
        await pair.startConcentrator();
        await pair.startClient(uplinks);
      }
      try {
        await pair.untilUp([name]);
        // Half of it goes over the modem, or a little more.
        await expectWhole(download(pair, 7 * MB), 7 * MB);
        const { sentIpBytes, receivedIpBytes } = await modem.counters();
        carried += sentIpBytes + receivedIpBytes;
        if (round === 0) expect(carried).toBeLessThan(6 * MB);
      } finally {
        await modem.remove();
      }
      await pair.client.untilLog(({ msg, uplink }) => msg === 'uplink removed' && uplink === name);
    }
    report(`two names of one modem, capped at 6 MB: carried ${(carried / MB).toFixed(2)} MB`);
    const stopped = pair.client.log.find(({ use, plan }) => use === 'stopped' && plan !== undefined);
    expect(stopped).toMatchObject({ uplink: 'enx66778899aabb', plan: 'enx*' });
    // Bytes are counted within 2 %.
    expect(carried).toBeGreaterThan(0.98 * 6 * MB);
    expect(carried).toBeLessThan(8 * MB);
  });

  test.each([
    { name: 'download', transfer: download, mbps: 8, direction: 'receivedIpBytes' },
    { name: 'upload', transfer: upload, mbps: 4, direction: 'sentIpBytes' },
  ] as const)('the rate limit holds on the wire: $name', async ({ transfer, mbps, direction }) => {
    const { pair, network } = system();
    await pair.start([
      { name: 'wan0', interface: 'wan0', metered: { rateLimit: { down: '8Mbit/s', up: '4Mbit/s' } } },
    ]);
    const path = network.path('wan0');
    // From one second after the start on, for four.
    const perSecond = (mbps / 8) * MB;
    const bytes = 5.5 * perSecond;
    const under = transfer(pair, bytes);
    await under.reached(perSecond);
    const [before, sinceMs] = [await path.counters(), performance.now()];
    await under.reached(5 * perSecond);
    const [after, untilMs] = [await path.counters(), performance.now()];
    const measured = ((after[direction] - before[direction]) * 8) / 1000 / (untilMs - sinceMs);
    report(`limit of ${mbps} Mbit/s: ${measured.toFixed(2)} Mbit/s on the wire`);
    expect(measured).toBeLessThan(mbps * 1.05);
    expect(measured).toBeGreaterThan(mbps * 0.8);
    await expectWhole(under, bytes);
  });

  test('the rate limit holds on the wire where bulk goes both ways, and leaves each its rate', async () => {
    const { pair, network } = system();
    await pair.start([
      { name: 'wan0', interface: 'wan0', metered: { rateLimit: { down: '8Mbit/s', up: '4Mbit/s' } } },
    ]);
    const path = network.path('wan0');
    const [down, up] = [download(pair, 7 * MB), upload(pair, 3.5 * MB)];
    await Promise.all([down.reached(MB), up.reached(0.5 * MB)]);
    const [before, sinceMs] = [await path.counters(), performance.now()];
    await Promise.all([down.reached(5 * MB), sleep(4_000)]);
    const [after, untilMs] = [await path.counters(), performance.now()];
    const rate = (direction: 'sentIpBytes' | 'receivedIpBytes') =>
      ((after[direction] - before[direction]) * 8) / 1000 / (untilMs - sinceMs);
    const rates = { down: rate('receivedIpBytes'), up: rate('sentIpBytes') };
    report(
      `limits of 8 and 4 Mbit/s: ${rates.down.toFixed(2)} and ${rates.up.toFixed(2)} Mbit/s on the wire`,
    );
    for (const [measured, limit] of [
      [rates.down, 8],
      [rates.up, 4],
    ] as const) {
      expect(measured).toBeLessThan(limit * 1.1);
      expect(measured).toBeGreaterThan(limit * 0.7);
    }
    await Promise.all([expectWhole(down, 7 * MB), expectWhole(up, 3.5 * MB)]);
  });
});
