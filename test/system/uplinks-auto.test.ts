import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { run } from '../bed/namespace.ts';
import { Modem } from './support/modem.ts';
import { command } from './support/program.ts';
import { describeSystem, expectWhole, report } from './support/system.ts';
import { download, upload } from './support/transfer.ts';

const BODY_BYTES = 12_000_000;
const CUT_AT_BYTES = 2_000_000;
/** From an interface's route until an uplink has carried `CARRIED_BYTES` over it. */
const IN_USE_MS = 2_000;
const CARRIED_BYTES = 100_000;
/** The longest pause of a stream when one of two uplinks goes: some round trips, and what a busy machine adds. */
const PAUSE_MS = 1_000;
/** The last part of another address. */
const OTHER_HOST = 77;
const DIRECTIONS = [
  { name: 'download', transfer: download },
  { name: 'upload', transfer: upload },
] as const;

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];
// The devices of a namespace are virtual, so that all have to be included.
const ALL = { include: ['wan*'] };

describeSystem('uplinks that the client finds by itself', { paths, congestionControl: 'bbr' }, (system) => {
  test('are those that are not excluded, with the reason for each of the others', async () => {
    const { pair, network } = system();
    await pair.startConcentrator();
    await pair.startClient({ ...ALL, exclude: ['*1'] });
    await pair.untilUp(['wan0']);
    const checked = await command(network.client, 'client-proxy', ['check', '--config', pair.clientFile]);
    expect(checked).toContain('found         wan0: interface wan0, up with');
    expect(checked).toContain('left out      wan1: excluded by "*1"');
    expect(checked).toContain('left out      lo: the loopback interface');
    await expectWhole(download(pair, CUT_AT_BYTES), CUT_AT_BYTES);
    expect((await network.path('wan1').counters()).receivedBytes).toBeLessThan(CARRIED_BYTES);

    await pair.startClient({ auto: true });
    const left = await pair.client.untilLog(({ interface: device }) => device === 'wan0');
    expect(left).toMatchObject({ msg: 'interface left out', reason: 'virtual (veth)' });
    expect(await ready()).toContain('no interface is an uplink');
    await pair.client.stop();
    expect(await processes()).toEqual([]);
  });

  test('what watches the network ends with the program, be it killed', async () => {
    const { pair, network } = system();
    await pair.startClient(ALL);
    expect(await processes()).toContain('ip');
    pair.client.signal('SIGKILL');
    await pair.client.exited;
    await network.path('wan1').linkUp();
    await expect.poll(processes).toEqual([]);
  });

  test('a new interface carries data within two seconds', async () => {
    const { pair, network } = system();
    await startAuto(['wan0', 'wan1']);
    const under = download(pair, BODY_BYTES);
    await under.reached(CUT_AT_BYTES);
    const path = await network.addPath({ name: 'wan2', downMbps: 40, upMbps: 40 });
    const madeMs = performance.now();
    while ((await path.counters()).receivedBytes < CARRIED_BYTES) {
      expect(performance.now() - madeMs).toBeLessThan(IN_USE_MS);
      await sleep(20);
    }
    report(`a new interface in use after ${(performance.now() - madeMs).toFixed(0)} ms`);
    await expectWhole(under, BODY_BYTES);
    await path.remove();
    await pair.client.untilLog(({ msg, uplink }) => msg === 'uplink removed' && uplink === 'wan2');
    expect(await pair.client.metric('tributary_uplink_up', { uplink: 'wan2' })).toBe(0);
  });

  test.each(DIRECTIONS)(
    'an interface removed in the middle: no stream notices, $name',
    async ({ name, transfer }) => {
      const { pair, network } = system();
      const path = network.path('wan0');
      await startAuto(['wan0', 'wan1']);
      const under = transfer(pair, BODY_BYTES);
      await under.reached(CUT_AT_BYTES);
      const since = pair.client.log.length;
      const removedMs = performance.now();
      await path.remove();
      try {
        const removed = await pair.client.untilLog(({ msg }) => msg === 'uplink removed', { since });
        const noticedMs = performance.now() - removedMs;
        expect(removed).toMatchObject({ uplink: 'wan0', reason: 'its interface is gone' });
        expect(noticedMs).toBeLessThan(1_000);
        const { longestPauseMs } = await expectWhole(under, BODY_BYTES);
        report(
          `removed, ${name}: noticed after ${noticedMs.toFixed(0)} ms, longest pause ${longestPauseMs.toFixed(0)} ms`,
        );
        expect(longestPauseMs).toBeLessThan(PAUSE_MS);
      } finally {
        const back = pair.client.log.length;
        await path.create();
        await pair.untilUp(['wan0'], back);
      }
    },
  );

  test('the address of an interface changes: its subflow is dialled anew at once, no stream notices', async () => {
    const { pair, network } = system();
    const path = network.path('wan0');
    await startAuto(['wan0', 'wan1']);
    const under = download(pair, BODY_BYTES);
    await under.reached(CUT_AT_BYTES);
    const since = pair.client.log.length;
    const before = path.address.v4;
    await path.linkUp(OTHER_HOST);
    const changedMs = performance.now();
    const doubted = await pair.client.untilLog(({ msg }) => msg === 'subflow doubted', { since });
    expect(doubted).toMatchObject({ uplink: 'wan0' });
    // On a busy machine the other end may be the first to miss what it waits for.
    expect(String(doubted.reason)).toMatch(
      new RegExp(`its address .*(${before}|${path.address.v6}|fd78).* is gone|the peer doubts it`),
    );
    await pair.untilUp(['wan0'], since);
    const redialledMs = performance.now() - changedMs;
    const { longestPauseMs } = await expectWhole(under, BODY_BYTES);
    report(
      `address changed: up again after ${redialledMs.toFixed(0)} ms, longest pause ${longestPauseMs.toFixed(0)} ms`,
    );
    expect(longestPauseMs).toBeLessThan(PAUSE_MS);
    expect(redialledMs).toBeLessThan(IN_USE_MS);
  });

  test('two modems with the same network, address and gateway both carry', async () => {
    const { pair, network } = system();
    const modems = [
      await Modem.plugIn(network, 'modem0', 20),
      await Modem.plugIn(network, 'modem1', 21, true),
    ];
    try {
      await pair.startConcentrator();
      await pair.startClient({ auto: false, include: ['modem*'] });
      await pair.untilUp(['modem0', 'modem1']);
      await expectWhole(download(pair, BODY_BYTES), BODY_BYTES);
      const received = await Promise.all(modems.map((modem) => modem.receivedBytes()));
      report(`the same network twice: ${received.join(' and ')} bytes`);
      for (const bytes of received) expect(bytes).toBeGreaterThan(BODY_BYTES / 5);
    } finally {
      await pair.client.stop();
      for (const modem of modems) await modem.unplug();
    }
  });

  test('two phones that serve SOCKS5 at the same address both carry', async () => {
    const { pair, network } = system();
    const phones = [
      await Modem.plugIn(network, 'phone0', 22),
      await Modem.plugIn(network, 'phone1', 23, true),
    ];
    try {
      for (const phone of phones) await phone.serveSocks();
      await pair.startConcentrator();
      const proxy = 'socks5://192.168.8.1:1080';
      const uplinks = phones.map(({ name }) => ({ name, proxy, interface: name }));
      await pair.withClientChanges('concentrator', { addresses: ['10.78.0.1:8443'] }, async () => {
        await pair.startClient(uplinks);
        await pair.untilUp(['phone0', 'phone1']);
        await expectWhole(download(pair, BODY_BYTES), BODY_BYTES);
        const received = await Promise.all(phones.map((phone) => phone.receivedBytes()));
        report(`the same proxy twice: ${received.join(' and ')} bytes`);
        for (const bytes of received) expect(bytes).toBeGreaterThan(BODY_BYTES / 5);
      });
    } finally {
      await pair.client.stop();
      for (const phone of phones) await phone.unplug();
    }
  });

  test('a reload adds uplinks and takes them out, in the middle of a transfer', async () => {
    const { pair, network } = system();
    await pair.start(pair.byInterface(['wan0']));
    const under = download(pair, BODY_BYTES);
    await under.reached(CUT_AT_BYTES);
    let since = pair.client.log.length;
    const added = [
      ...pair.byInterface(['wan0']),
      { name: 'second', address: network.path('wan1').address.v4 },
    ];
    await reloadWith(added);
    await pair.untilUp(['second'], since);
    since = pair.client.log.length;
    await reloadWith(added.slice(1));
    const removed = await pair.client.untilLog(({ msg }) => msg === 'uplink removed', { since });
    expect(removed).toMatchObject({ uplink: 'wan0', reason: 'no longer configured' });
    const { longestPauseMs } = await expectWhole(under, BODY_BYTES);
    expect(longestPauseMs).toBeLessThan(PAUSE_MS);
    expect(await pair.client.metric('tributary_subflows', { uplink: 'wan0' })).toBe(0);
    // And from a list to what is found.
    since = pair.client.log.length;
    await reloadWith(ALL);
    await pair.untilUp(['wan0', 'wan1'], since);
    await expectWhole(download(pair, CUT_AT_BYTES), CUT_AT_BYTES);
  });

  async function startAuto(names: readonly string[]): Promise<void> {
    const { pair } = system();
    await pair.startConcentrator();
    await pair.startClient(ALL);
    await pair.untilUp(names);
  }

  async function reloadWith(uplinks: Parameters<ReturnType<typeof system>['pair']['configureUplinks']>[0]) {
    const { pair } = system();
    const since = pair.client.log.length;
    await pair.configureUplinks(uplinks);
    pair.client.signal('SIGHUP');
    const reloaded = await pair.client.untilLog(({ msg }) => msg === 'reloaded', { since });
    expect(reloaded).toMatchObject({ live: ['uplinks'] });
  }

  /** What runs where the client does. */
  async function processes(): Promise<string[]> {
    const pids = (await run('ip', ['netns', 'pids', system().network.client.name]))
      .split('\n')
      .filter(Boolean);
    return Promise.all(pids.map(async (pid) => (await run('cat', [`/proc/${pid}/comm`])).trim()));
  }

  function ready(): Promise<string> {
    return system().network.client.exec('curl', ['-sS', '--max-time', '5', 'http://127.0.0.1:9101/readyz']);
  }
});
