import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { ConfiguredUplink } from './support/pair.ts';
import { describeSystem, expectWhole, report } from './support/system.ts';
import { countTcp } from './support/tcp-counts.ts';
import { download } from './support/transfer.ts';
import { UdpCalls } from './support/udp-calls.ts';

const BODY_BYTES = 7_000_000;
const CUT_AT_BYTES = 2_000_000;
/** Far longer than a dial takes. */
const WATCH_MS = 3_000;

const paths = [
  { name: 'wan0', downMbps: 20, upMbps: 20 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];
describeSystem('an uplink in reserve', { paths, congestionControl: 'bbr' }, (system) => {
  const uplinks = (reserve: Partial<ConfiguredUplink>): ConfiguredUplink[] => [
    { name: 'wan0', interface: 'wan0' },
    { name: 'wan1', interface: 'wan1', ...reserve },
  ];
  const state = (name: string) =>
    expect.poll(
      async () => {
        const { pair } = system();
        const states = ['in-use', 'backup', 'waiting', 'doubted', 'parked', 'down', 'stopped'];
        for (const one of states) {
          if ((await pair.client.metric('tributary_uplink_state', { uplink: name, state: one })) === 1)
            return one;
        }
        return undefined;
      },
      { timeout: 15_000, interval: 250 },
    );

  test('break before make: not a packet before nothing else works, and none when it does again', async () => {
    const { pair, network } = system();
    const wan0 = network.path('wan0');
    await pair.stopClient();
    const counts = await countTcp(network.client, 'wan1');
    await pair.startConcentrator();
    await pair.startClient(uplinks({ backup: true, standby: 'break-before-make' }));
    await pair.untilUp(['wan0']);
    const transfer = download(pair, BODY_BYTES);
    await transfer.reached(CUT_AT_BYTES);
    await sleep(WATCH_MS / 3);
    expect(await counts()).toEqual({ sent4: 0, sent6: 0, received4: 0, received6: 0 });
    await state('wan1').toBe('waiting');
    const since = pair.client.log.length;
    await wan0.linkDown();
    try {
      const { longestPauseMs } = await expectWhole(transfer, BODY_BYTES);
      report(`break before make: longest pause ${longestPauseMs.toFixed(0)} ms`);
      await pair.untilUp(['wan1'], since);
      await state('wan1').toBe('backup');
    } finally {
      await wan0.linkUp();
    }
    // By its old subflow, or by another.
    await state('wan0').toBe('in-use');
    await state('wan1').toBe('waiting');
    await pair.client.untilLog(({ msg, uplink }) => msg === 'subflow given up' && uplink === 'wan1', {
      since,
    });
    await sleep(WATCH_MS / 3);
    const atRest = await counts();
    await sleep(WATCH_MS);
    expect(await counts()).toEqual(atRest);
  });

  test('make before break: joined beforehand and idle, it takes over at once', async () => {
    const { pair, network } = system();
    const wan0 = network.path('wan0');
    await pair.start(uplinks({ backup: true }));
    await state('wan1').toBe('backup');
    const counts = await countTcp(network.client, 'wan1');
    const transfer = download(pair, BODY_BYTES);
    await transfer.reached(CUT_AT_BYTES);
    // Pings, and control frames of which there are two copies.
    expect((await counts()).received4 + (await counts()).received6).toBeLessThan(50_000);
    await wan0.linkDown();
    try {
      const { longestPauseMs } = await expectWhole(transfer, BODY_BYTES);
      report(`make before break: longest pause ${longestPauseMs.toFixed(0)} ms`);
      const { received4, received6 } = await counts();
      expect(received4 + received6).toBeGreaterThan(BODY_BYTES - CUT_AT_BYTES - 2_000_000);
    } finally {
      await wan0.linkUp();
    }
  });

  /** The states of wan1 as both ends tell them. */
  async function toldStates() {
    const { pair } = system();
    const client = await pair.client.status();
    const concentrator = await pair.concentrator.status();
    const [session] = concentrator.sessions ?? [];
    return [client, session].map(
      (end) => end?.uplinks?.find(({ name }) => name === 'wan1')?.state ?? 'not told of',
    );
  }

  test('backup or not: changed by a reload, at both ends, without a new subflow', async () => {
    const { pair, network } = system();
    await pair.start(uplinks({ backup: true }));
    expect(await toldStates()).toEqual(['backup', 'backup']);
    const since = pair.client.log.length;
    const { congestionControl } = network;
    const configured = (backup: boolean) => ({
      uplinks: uplinks({ backup }).map((uplink) => ({ ...uplink, congestionControl })),
    });
    await pair.reload('client', configured(false));
    await state('wan1').toBe('in-use');
    const counts = await countTcp(network.client, 'wan1');
    await expectWhole(download(pair, BODY_BYTES), BODY_BYTES);
    expect(await toldStates()).toEqual(['in-use', 'in-use']);
    const asOrdinary = await counts();
    expect(asOrdinary.received4 + asOrdinary.received6).toBeGreaterThan(BODY_BYTES / 5);
    await pair.reload('client', configured(true));
    await state('wan1').toBe('backup');
    const before = await counts();
    await expectWhole(download(pair, BODY_BYTES), BODY_BYTES);
    const after = await counts();
    expect(after.received4 + after.received6 - before.received4 - before.received6).toBeLessThan(100_000);
    expect(pair.client.log.slice(since).filter(({ msg }) => msg === 'subflow up')).toEqual([]);
  });

  test('joinAboveUtilization: not a packet before the other is full, then it carries its share', async () => {
    const { pair, network } = system();
    await pair.stopClient();
    const counts = await countTcp(network.client, 'wan1');
    await pair.startConcentrator();
    await pair.startClient(uplinks({ joinAboveUtilization: '80%' }));
    await pair.untilUp(['wan0']);
    await expectWhole(download(pair, 1_000_000, { limitRate: 500_000 }), 1_000_000);
    expect(await counts()).toEqual({ sent4: 0, sent6: 0, received4: 0, received6: 0 });
    await state('wan1').toBe('waiting');
    const bytes = 25_000_000;
    const startedMs = performance.now();
    const transfer = download(pair, bytes);
    await pair.untilUp(['wan1']);
    report(
      `joinAboveUtilization: joined after ${(performance.now() - startedMs).toFixed(0)} ms of a download`,
    );
    await expectWhole(transfer, bytes);
    const { received4, received6 } = await counts();
    expect(received4 + received6).toBeGreaterThan(3_000_000);
  });
});

const narrow = paths.map(({ name }) => ({ name, downMbps: 2, upMbps: 2 }));
describeSystem('a reserve for datagrams', { paths: narrow, congestionControl: 'bbr' }, (system) => {
  test('joinAboveUtilization: not a packet for a call, joined where a video is too much for the other', async () => {
    const { pair, network } = system();
    const counts = await countTcp(network.client, 'wan1');
    await pair.startConcentrator();
    const calls = await UdpCalls.start(pair);
    try {
      await pair.startClient([
        { name: 'wan0', interface: 'wan0' },
        { name: 'wan1', interface: 'wan1', joinAboveUtilization: '80%' },
      ]);
      await pair.untilUp(['wan0']);
      await calls.make({ answers: 250, gapMs: 20, bytes: 160 });
      expect(await counts()).toEqual({ sent4: 0, sent6: 0, received4: 0, received6: 0 });
      const startedMs = performance.now();
      // More than come before it has lasted for too long: wan1 is to have time after it has joined, however late that is.
      const video = calls.make({ answers: 100_000, gapMs: 2, bytes: 1_200 });
      await pair.untilUp(['wan1']);
      const packets = () =>
        pair.client.metric('tributary_uplink_packets_total', { uplink: 'wan1', direction: 'sent' });
      const before = (await packets()) ?? 0;
      report(`joined after ${(performance.now() - startedMs).toFixed(0)} ms of a video`);
      const { sent, came } = await video;
      report(`${came} of ${sent} datagrams of the video came back`);
      expect(((await packets()) ?? 0) - before).toBeGreaterThan(500);
    } finally {
      calls.stop();
    }
  });
});
