import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Modem } from './support/modem.ts';
import type { ConfiguredUplink } from './support/pair.ts';
import type { LogLine } from './support/program.ts';
import { describeSystem, report } from './support/system.ts';
import { type CallFigures, type UdpCall, UdpCalls } from './support/udp-calls.ts';

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 40, upMbps: 40 },
];
/** Of datagrams: fewer are lost on a machine that is busy, and fewer travel in frames since a path there seems to stand still. */
const MOST_LOST = 0.2;
const MOST_FRAMES = 0.1;
/** How long a call may pause over what happens to it: twice as long as it does without, on this machine at this time, and so much more. */
const MOST_PAUSE_MS = 1_000;
const VOICE = { gapMs: 10, bytes: 160 };

describeSystem('paths of datagrams', { paths, congestionControl: 'bbr' }, (system) => {
  let calls: UdpCalls;
  beforeAll(async () => {
    const { pair } = system();
    await pair.startConcentrator();
    calls = await UdpCalls.start(pair);
  });
  afterAll(() => calls?.stop());

  async function start(uplinks: readonly ConfiguredUplink[]): Promise<void> {
    const { pair } = system();
    await pair.startClient(uplinks);
    await pair.untilUp(uplinks.map(({ name }) => name));
  }

  const packets = (uplink: string, direction = 'sent') =>
    system().pair.client.metric('tributary_uplink_packets_total', { uplink, direction });
  const pathsOf = (uplink: string, state?: string) =>
    system().pair.client.metric('tributary_uplink_packet_paths', { uplink, ...(state && { state }) });
  const isWorking = (uplink: string) =>
    expect.poll(() => pathsOf(uplink, 'working'), { timeout: 15_000 }).toBe(1);
  const frames = () => system().pair.client.metric('tributary_datagram_frames_total');

  const mostPauseMs = (calm: CallFigures) => MOST_PAUSE_MS + 2 * calm.longestMs;

  test('over uplinks that are bound to IPv6 addresses, UDP carries a call', async () => {
    await start(system().pair.byAddress('v6'));
    for (const { name } of paths) await isWorking(name);
    const { sent, came } = await calls.make({ ...VOICE, answers: 100 });
    expect(came).toBeGreaterThan(sent * (1 - MOST_LOST));
    const carried = (await packets('wan0')) + (await packets('wan1'));
    expect(carried).toBeGreaterThan(came);
    expect(await frames()).toBeLessThan(sent * MOST_FRAMES);
  });

  describe('an uplink that is bound to an interface', () => {
    beforeAll(async () => {
      await system().network.paths[0]!.cutPackets();
      await start([{ name: 'wan0', interface: 'wan0', metered: {} }]);
    });

    test('counts bytes as they are on the wire, within 2 %', async () => {
      const [path] = system().network.paths;
      const { client } = system().pair;
      await isWorking('wan0');
      const directions = ['sent', 'received'] as const;
      const read = async () => {
        const wire = await path!.counters();
        return Promise.all(
          directions.map(async (direction) => {
            const labels = { uplink: 'wan0', direction, source: 'kernel' };
            const ours = await client.metric('tributary_uplink_wire_bytes_total', labels);
            return { direction, wire: wire[`${direction}IpBytes`], ours };
          }),
        );
      };
      const before = await read();
      const framesBefore = await frames();
      const { sent } = await calls.make({ answers: 600, gapMs: 2, bytes: 1_000 });
      await sleep(300);
      for (const [i, { direction, wire, ours }] of (await read()).entries()) {
        const ratio = (ours - before[i]!.ours) / (wire - before[i]!.wire);
        report(
          `${direction}: ${wire - before[i]!.wire} bytes on the wire, ${((ratio - 1) * 100).toFixed(2)} % off`,
        );
        expect(Math.abs(ratio - 1)).toBeLessThan(0.02);
      }
      expect((await frames()) - framesBefore).toBeLessThan(sent * MOST_FRAMES);
    });

    test('sends in parts what is longer than that carries now', async () => {
      await isWorking('wan0');
      const { client } = system().network;
      const long = { gapMs: 10, bytes: 1_300 };
      const calm = await calls.make({ ...long, answers: 50 });
      expect(calm.came).toBeGreaterThanOrEqual(50);
      await client.ip(4, ['link set dev wan0 mtu 1280']);
      try {
        const framesBefore = await frames();
        // This end hears it from its kernel at once; the other one has to find out.
        const finding = await calls.make({ ...long, answers: 60 });
        const { sent, came } = await calls.make({ ...long, answers: 60 });
        report(`an interface that carries less: pause of ${finding.longestMs} ms`);
        expect(finding.longestMs).toBeLessThan(mostPauseMs(calm));
        expect(came).toBeGreaterThan(sent * (1 - MOST_LOST));
        // As long as the path was silent.
        expect((await frames()) - framesBefore).toBeLessThan((finding.sent + sent) / 2);
      } finally {
        await client.ip(4, ['link set dev wan0 mtu 1500']);
      }
    });
  });

  /** Makes calls until wan0 is at its cap. @returns the longest pause */
  async function callUntilCap(call: UdpCall): Promise<number> {
    let isCapped = false;
    const isCap = ({ uplink, reason }: LogLine) => uplink === 'wan0' && /cap reached/.test(String(reason));
    const capped = system()
      .pair.client.untilLog(isCap, { timeoutMs: 40_000 })
      .then(() => {
        isCapped = true;
      });
    let longestMs = 0;
    while (!isCapped) longestMs = Math.max(longestMs, (await calls.make(call)).longestMs);
    await capped;
    return longestMs;
  }

  test('an uplink at its cap has no path any more, and a call goes on over another one', async () => {
    const { pair } = system();
    await pair.forgetUsage();
    await start([
      { name: 'wan0', interface: 'wan0', metered: { daily: '1MiB', atCap: 'stop' } },
      { name: 'wan1', interface: 'wan1', standby: 'make-before-break', backup: true },
    ]);
    await isWorking('wan0');
    const fast = { answers: 250, gapMs: 2, bytes: 1_300 };
    // Half of the cap, at most.
    const calm = await calls.make(fast);
    const longestMs = await callUntilCap(fast);
    await expect.poll(() => pathsOf('wan0'), { timeout: 15_000 }).toBe(0);
    report(`at the cap of its uplink: longest pause ${longestMs} ms`);
    const [atCap, before] = [await packets('wan0'), await packets('wan1')];
    expect((await calls.make({ ...VOICE, answers: 30 })).came).toBeGreaterThanOrEqual(30);
    expect(await packets('wan0')).toBe(atCap);
    expect(await packets('wan1')).toBeGreaterThan(before);
    expect(longestMs).toBeLessThan(mostPauseMs(calm));
  });

  test('one that its cap makes a backup carries no datagrams any more, either way, though it is preferred', async () => {
    const { pair } = system();
    await pair.amend(pair.clientFile, { stateDir: 'demoted' });
    const datagrams = { mode: 'active-standby', order: ['wan0'] };
    await pair.withClientChanges('steering', { datagrams }, async () => {
      await start([
        { name: 'wan0', interface: 'wan0', metered: { daily: '1MiB', atCap: 'backup' } },
        { name: 'wan1', interface: 'wan1' },
      ]);
      for (const { name } of paths) await isWorking(name);
      await callUntilCap({ answers: 250, gapMs: 2, bytes: 1_300 });
      const directions = ['sent', 'received'];
      const look = (uplink: string) => Promise.all(directions.map((direction) => packets(uplink, direction)));
      const before = { wan0: await look('wan0'), wan1: await look('wan1') };
      const { sent, came } = await calls.make({ ...VOICE, answers: 200 });
      expect(came).toBeGreaterThanOrEqual(200);
      const after = { wan0: await look('wan0'), wan1: await look('wan1') };
      for (const [i, direction] of directions.entries()) {
        const [wan0, wan1] = [after.wan0[i]! - before.wan0[i]!, after.wan1[i]! - before.wan1[i]!];
        report(
          `a call of ${sent} datagrams, ${direction}: ${wan0} packets on the backup, ${wan1} on the other`,
        );
        expect(wan1).toBeGreaterThanOrEqual(200);
        // What the path itself needs; and a call, while nothing is heard on the other one: a busy machine stands still now and then.
        expect(wan0).toBeLessThan(sent / 2);
      }
    });
  });

  test('where UDP does not pass, a call goes over the subflow', async () => {
    const { concentrator } = system().network;
    const rules =
      'table inet closed { chain in { type filter hook input priority 0; udp dport 8443 drop; }; }';
    await concentrator.exec('nft', ['-f', '-'], { input: `${rules}\n` });
    try {
      await start(system().pair.byInterface());
      // What waits for a subflow for 50 ms is dropped: on a busy machine more than a few.
      const { came } = await calls.make({ ...VOICE, answers: 100 });
      expect(came).toBeGreaterThanOrEqual(100);
      expect(await frames()).toBeGreaterThanOrEqual(came);
    } finally {
      await concentrator.exec('nft', ['delete', 'table', 'inet', 'closed']);
    }
  });

  test('a call survives another address behind a NAT', async () => {
    const { pair, network } = system();
    const modem = await Modem.plugIn(network, 'lte7', 7);
    try {
      await start(pair.byInterface([modem.name]));
      await isWorking(modem.name);
      const calm = await calls.make({ ...VOICE, answers: 50 });
      const call = calls.make({ ...VOICE, answers: 150 });
      await sleep(500);
      await modem.changeAddress(77);
      const { sent, came, longestMs } = await call;
      report(`another address behind a NAT: ${sent - came} of ${sent} lost, longest pause ${longestMs} ms`);
      expect(came).toBeGreaterThanOrEqual(150);
      expect(longestMs).toBeLessThan(mostPauseMs(calm));
    } finally {
      await modem.unplug();
    }
  });
});
