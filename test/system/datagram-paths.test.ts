import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { Modem } from './support/modem.ts';
import type { ConfiguredUplink } from './support/pair.ts';
import type { LogLine } from './support/program.ts';
import { describeSystem, report } from './support/system.ts';
import { UdpCalls } from './support/udp-calls.ts';

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 40, upMbps: 40 },
];
/** Fewer are lost on a machine that is busy. */
const MOST_LOST = 0.2;

describeSystem('paths of datagrams', { paths, congestionControl: 'bbr' }, (system) => {
  let calls: UdpCalls | undefined;
  afterEach(async () => {
    calls?.stop();
    calls = undefined;
    await system().pair.stopClient();
  });

  async function start(uplinks: readonly ConfiguredUplink[]): Promise<UdpCalls> {
    const { pair } = system();
    await pair.start(uplinks);
    calls = await UdpCalls.start(pair);
    return calls;
  }

  const packets = (uplink: string, direction = 'sent') =>
    system().pair.client.metric('tributary_uplink_packets_total', { uplink, direction });
  const isWorking = (uplink: string) =>
    expect
      .poll(
        () => system().pair.client.metric('tributary_uplink_packet_paths', { uplink, state: 'working' }),
        {
          timeout: 5_000,
        },
      )
      .toBe(1);
  const frames = () => system().pair.client.metric('tributary_datagram_frames_total');

  test.each([
    { name: 'interfaces', uplinks: () => system().pair.byInterface() },
    { name: 'IPv6 addresses', uplinks: () => system().pair.byAddress('v6') },
  ])('over uplinks that are bound to $name, UDP carries a call', async ({ uplinks }) => {
    const made = await start(uplinks());
    for (const { name } of uplinks()) await isWorking(name);
    const { sent, came } = await made.make({ ms: 1_500, gapMs: 10, bytes: 160 });
    expect(came).toBeGreaterThan(sent * (1 - MOST_LOST));
    const carried = (await packets('wan0')) + (await packets('wan1'));
    expect(carried).toBeGreaterThan(sent);
    expect(await frames()).toBe(0);
  });

  test('bytes are counted as on the wire, within 2 %', async () => {
    const { network } = system();
    const [path] = network.paths;
    await path!.cutPackets();
    const before = await path!.counters();
    const made = await start([{ name: 'wan0', interface: 'wan0', metered: {} }]);
    await isWorking('wan0');
    await made.make({ ms: 3_000, gapMs: 2, bytes: 1_000 });
    await sleep(300);
    const now = await path!.counters();
    const { client } = system().pair;
    for (const direction of ['sent', 'received'] as const) {
      const key = `${direction}IpBytes` as const;
      const wire = now[key] - before[key];
      const labels = { uplink: 'wan0', direction, source: 'kernel' };
      const ours = await client.metric('tributary_uplink_wire_bytes_total', labels);
      report(`${direction}: ${wire} bytes on the wire, ${((ours / wire - 1) * 100).toFixed(2)} % off`);
      expect(Math.abs(ours / wire - 1)).toBeLessThan(0.02);
    }
  });

  test('an uplink at its cap has no path any more, and a call goes on over another one', async () => {
    const { pair } = system();
    await pair.amend(pair.clientFile, { stateDir: 'capped' });
    const metered = { daily: '1MiB', atCap: 'stop' };
    const made = await start([
      { name: 'wan0', interface: 'wan0', metered },
      { name: 'wan1', interface: 'wan1', standby: 'make-before-break', backup: true },
    ]);
    await isWorking('wan0');
    let isCapped = false;
    const isCap = ({ uplink, reason }: LogLine) => uplink === 'wan0' && /cap reached/.test(String(reason));
    const capped = pair.client.untilLog(isCap, { timeoutMs: 30_000 }).then(() => {
      isCapped = true;
    });
    let call = await made.make({ ms: 2_000, gapMs: 2, bytes: 1_300 });
    while (!isCapped) call = await made.make({ ms: 2_000, gapMs: 2, bytes: 1_300 });
    await capped;
    const { sent, came, longestMs } = call;
    const atCap = await packets('wan0');
    report(`at the cap of its uplink: ${sent - came} of ${sent} lost, longest pause ${longestMs} ms`);
    await made.make({ ms: 300, gapMs: 10, bytes: 160 });
    expect(await packets('wan0')).toBe(atCap);
    expect(await packets('wan1')).toBeGreaterThan(0);
    expect(longestMs).toBeLessThan(1_000);
    expect(await pair.client.metric('tributary_uplink_packet_paths', { uplink: 'wan0' })).toBe(0);
  });

  test('what is longer than an interface carries now travels in parts', async () => {
    const { network } = system();
    const made = await start(system().pair.byInterface(['wan0']));
    await isWorking('wan0');
    expect((await made.make({ ms: 300, gapMs: 10, bytes: 1_300 })).came).toBeGreaterThan(20);
    await network.client.ip(4, ['link set dev wan0 mtu 1280']);
    try {
      // This end hears it from its kernel at once; the other one has to find out.
      const finding = await made.make({ ms: 2_000, gapMs: 10, bytes: 1_300 });
      const { sent, came } = await made.make({ ms: 1_000, gapMs: 10, bytes: 1_300 });
      report(`an interface that carries less: pause of ${finding.longestMs} ms`);
      expect(finding.longestMs).toBeLessThan(2_000);
      expect(came).toBeGreaterThan(sent * (1 - MOST_LOST));
      // As long as the path was silent.
      expect(await frames()).toBeLessThan(sent / 2);
    } finally {
      await network.client.ip(4, ['link set dev wan0 mtu 1500']);
    }
  });

  test('where UDP does not pass, a call goes over the subflow', async () => {
    const { concentrator } = system().network;
    const rules =
      'table inet closed { chain in { type filter hook input priority 0; udp dport 8443 drop; }; }';
    await concentrator.exec('nft', ['-f', '-'], { input: `${rules}\n` });
    try {
      const made = await start(system().pair.byInterface());
      const { sent, came } = await made.make({ ms: 2_000, gapMs: 10, bytes: 160 });
      expect(came).toBeGreaterThan(sent * 0.9);
      expect(await frames()).toBeGreaterThan(sent * 0.9);
    } finally {
      await concentrator.exec('nft', ['delete', 'table', 'inet', 'closed']);
    }
  });

  test('a call survives another address behind a NAT', async () => {
    const { pair, network } = system();
    const modem = await Modem.plugIn(network, 'lte7', 7);
    try {
      const made = await start(pair.byInterface([modem.name]));
      await isWorking(modem.name);
      const call = made.make({ ms: 4_000, gapMs: 20, bytes: 160 });
      await sleep(1_000);
      await modem.changeAddress(77);
      const { sent, came, longestMs } = await call;
      report(`another address behind a NAT: ${sent - came} of ${sent} lost, longest pause ${longestMs} ms`);
      expect(longestMs).toBeLessThan(2_000);
    } finally {
      await modem.unplug();
    }
  });
});
