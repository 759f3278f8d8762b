import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { ConfiguredUplink, PresentUplink } from '../../../client-proxy/config/client-config.ts';
import { type UplinkConfig, UplinkSet } from '../../../client-proxy/discovery/uplink-set.ts';
import { UplinkStates } from '../../../client-proxy/discovery/uplink-states.ts';
import type { NetworkView } from '../../../client-proxy/network/network-view.ts';
import type { UplinkLoss } from '../../../client-proxy/network/uplink-trouble.ts';
import { parseTimeSpan } from '../../../client-proxy/schedule/time-span.ts';
import { device, view } from '../network/views.ts';

const AUTO: UplinkConfig = {
  uplinks: [],
  autoUplinks: { all: true, include: [], exclude: [], settings: [] },
  subflowsPerPath: 'auto',
  standby: 'make-before-break',
};
const onDevice = (name: string): ConfiguredUplink => ({
  name,
  binding: { kind: 'interface', interface: name },
  backup: false,
});

/** A set whose uplinks are all up; what it told its follower, and what it logged. */
function bed(config: UplinkConfig, ...views: NetworkView[]) {
  const asked = {
    uplinks: [] as readonly ConfiguredUplink[],
    losses: [] as UplinkLoss[],
    retries: [] as string[][],
  };
  const log: Record<string, unknown>[] = [];
  const clock = { nowMs: 0 };
  const logger = pino(
    { level: 'debug', base: null, timestamp: false },
    { write: (line) => log.push(JSON.parse(line)) },
  );
  const set = new UplinkSet({
    bindsByInterface: true,
    maxUplinks: 16,
    wallClock: () => clock.nowMs,
    logger,
  });
  set.follow({
    setUplinks: (uplinks) => {
      asked.uplinks = uplinks;
    },
    loseUplink: (loss) => asked.losses.push(loss),
    retryUplinks: (names) => asked.retries.push([...names]),
  });
  set.configure(config);
  for (const one of views) set.onNetwork(one);
  const dialled = () =>
    asked.uplinks.map(({ name }) => ({
      name,
      isUp: true,
      state: 'in-use' as const,
      cause: 'none' as const,
      reason: 'in use',
    }));
  const states = new UplinkStates({ uplinks: set, wallClock: () => clock.nowMs, logger });
  return {
    set,
    asked,
    log,
    clock,
    names: () => asked.uplinks.map(({ name }) => name),
    status: () => states.status(dialled()),
    review: () => states.review(dialled()),
  };
}

describe('the set of uplinks', () => {
  it('follows the interfaces: what appears is used, what is gone is lost, and told as gone until it is back', () => {
    const { set, asked, names, log, status } = bed(AUTO, view(device('eth0')));
    expect(names()).toEqual(['eth0']);
    set.onNetwork(view(device('eth0'), device('usb0', { index: 3 })));
    expect(names()).toEqual(['eth0', 'usb0']);
    expect(asked.losses).toEqual([]);
    set.onNetwork(view(device('eth0')));
    expect(names()).toEqual(['eth0']);
    expect(asked.losses).toEqual([{ uplinkName: 'usb0', reason: 'its interface is gone', kind: 'gone' }]);
    expect(status()).toMatchObject([
      { name: 'eth0', isUp: true, state: 'in-use', reason: 'in use' },
      { name: 'usb0', isUp: false, state: 'down', reason: 'its interface is gone' },
    ]);
    set.onNetwork(view(device('eth0'), device('usb0', { index: 4 })));
    expect(status()).toMatchObject([{ name: 'eth0' }, { name: 'usb0', isUp: true }]);
    expect(asked.retries).toEqual([['eth0'], ['usb0'], ['usb0']]);
    expect(log.map(({ msg, uplink }) => `${msg} ${uplink}`)).toEqual([
      'uplink added eth0',
      'uplink added usb0',
      'uplink removed usb0',
      'uplink added usb0',
    ]);
  });

  it('keeps the name of an uplink when another goes, and comes back, whose interface has nearly the same', () => {
    const [one, other] = [device('w\u00e4n', { index: 2 }), device('w\u00f6n', { index: 3 })];
    const { set, asked, names } = bed(AUTO, view(one, other));
    expect(names()).toEqual(['w-n', 'w-n-2']);
    const [, kept] = asked.uplinks;
    set.onNetwork(view(other));
    expect(asked.uplinks).toEqual([kept]);
    set.onNetwork(view(one, other));
    expect(asked.uplinks.map(({ name, binding }) => [name, binding])).toEqual([
      ['w-n-2', { kind: 'interface', interface: 'w\u00f6n' }],
      ['w-n', { kind: 'interface', interface: 'w\u00e4n' }],
    ]);
  });

  it('takes an interface that has been made anew between two looks for another', () => {
    const { set, asked } = bed(AUTO, view(device('usb0', { index: 3 })));
    set.onNetwork(view(device('usb0', { index: 4 })));
    expect(asked.losses).toMatchObject([{ uplinkName: 'usb0', kind: 'gone' }]);
  });

  it('does not take an interface for another when its number is not told any more', () => {
    const { set, asked } = bed(AUTO, view(device('usb0', { index: 3 })));
    set.onNetwork(view(device('usb0', { index: 0, routes: undefined })));
    set.onNetwork(view(device('usb0', { index: 3 })));
    expect(asked.losses).toEqual([]);
  });

  it('doubts the subflows of an address that is gone, and no others', () => {
    const { set, asked } = bed(
      {
        ...AUTO,
        uplinks: [{ name: 'fixed', binding: { kind: 'address', address: '10.0.0.2' }, backup: false }],
      },
      view(
        device('eth0', { addresses: ['10.0.0.2'] }),
        device('usb0', { addresses: ['192.168.8.100', 'fd00::1'] }),
      ),
    );
    set.onNetwork(
      view(
        // The same address on another interface: what is bound to it there has not lost it.
        device('eth0', { addresses: ['10.0.0.3', '192.168.8.100'] }),
        device('usb0', { addresses: ['192.168.8.101', 'fd00::1'] }),
      ),
    );
    const told = asked.losses.map(({ uplinkName, addresses, kind }) => [uplinkName, [...addresses!], kind]);
    expect(told).toEqual([
      ['fixed', ['10.0.0.2'], 'moved'],
      ['usb0', ['192.168.8.100'], 'moved'],
    ]);
  });

  it('keeps an uplink whose cable is pulled or route is gone, and tells so once', () => {
    const { set, asked, names, log, status } = bed(AUTO, view(device('eth0')));
    const pulled = view(device('eth0', { hasCarrier: false, routes: undefined }));
    set.onNetwork(pulled);
    expect(names()).toEqual(['eth0']);
    const reason = 'its interface has no carrier';
    expect(asked.losses).toEqual([{ uplinkName: 'eth0', reason, kind: 'interrupted' }]);
    expect(status()).toMatchObject([{ name: 'eth0', isUp: false, state: 'down', reason }]);
    set.onNetwork(pulled);
    set.onNetwork(view(device('eth0', { routes: [] })));
    // A subflow that works knows better.
    expect(status()).toMatchObject([{ name: 'eth0', isUp: true, state: 'in-use', reason: 'in use' }]);
    set.onNetwork(view(device('eth0')));
    expect(log.slice(1).map(({ msg, reason: why }) => [msg, why])).toEqual([
      ['uplink: no network', reason],
      [
        'uplink: no network',
        'no route towards the concentrator; `ip route add default via GATEWAY dev eth0 metric 1002`',
      ],
      ['uplink: its network is back', undefined],
    ]);
  });

  it('tells of an interface that cannot be used why, and takes it when it can', () => {
    const { set, names } = bed(
      AUTO,
      view(
        device('eth0', { addresses: [] }),
        device('veth1', { kind: 'veth' }),
        device('eth1', { routes: [] }),
      ),
    );
    expect(names()).toEqual([]);
    expect(set.leftOut.map((one) => `${one.interface}: ${one.reason}`)).toEqual([
      'eth0: its interface has no address that packets can come back to',
      'eth1: no route towards the concentrator; `ip route add default via GATEWAY dev eth1 metric 1002`',
    ]);
    set.onNetwork(view(device('eth0')));
    expect(names()).toEqual(['eth0']);
  });

  it('retries those uplinks alone that a change concerns, and leaves the others as they are', () => {
    const proxy = { kind: 'proxy', host: '192.168.43.1', port: 1080 } as const;
    const list: ConfiguredUplink[] = [
      onDevice('eth0'),
      { name: 'fixed', binding: { kind: 'address', address: '10.0.0.2' }, backup: false },
      {
        name: 'phone',
        binding: { ...proxy, over: { kind: 'interface', interface: 'wlan0' } },
        backup: false,
      },
      { name: 'relay', binding: proxy, backup: false },
    ];
    const routing = { sources: [], strays: [], ways: ['default via 10.0.0.1'] };
    const eth0 = device('eth0', { addresses: ['10.0.0.5'], routing });
    const eth1 = device('eth1', { addresses: ['10.0.0.2'] });
    const wlan0 = device('wlan0', { addresses: ['192.168.43.7'] });
    const { set, asked } = bed(
      { ...AUTO, autoUplinks: undefined, uplinks: list } as never,
      view(eth0, eth1, wlan0),
    );
    const before = set.uplinks;
    const retriedBy = (...interfaces: Parameters<typeof view>) => {
      asked.retries.length = 0;
      set.onNetwork(view(...interfaces));
      return asked.retries.flat();
    };
    for (let index = 10; index < 20; index++) {
      const veth = device('veth0', { index, kind: 'veth', addresses: ['172.17.0.1'], routes: [] });
      expect(retriedBy(eth0, eth1, wlan0, veth)).toEqual([]);
      expect(retriedBy(eth0, eth1, wlan0)).toEqual([]);
    }
    expect(set.uplinks.every((uplink, at) => uplink === before[at])).toBe(true);
    const gateway = { ...eth0, routing: { ...routing, ways: ['default via 10.0.0.9'] } };
    expect(retriedBy(gateway, eth1, wlan0)).toEqual(['eth0', 'relay']);
    // What cannot work is not dialled before it can.
    expect(retriedBy(gateway, eth1, { ...wlan0, hasCarrier: false })).toEqual(['relay']);
    expect(retriedBy(gateway, { ...eth1, index: 30 }, wlan0)).toEqual(['fixed', 'phone', 'relay']);
    expect(retriedBy(gateway, { ...eth1, index: 30 }, wlan0, device('ppp0'))).toEqual(['relay']);
  });

  it('has a proxy use the interface that it is bound to, and needs no route beyond it', () => {
    const over = { kind: 'interface', interface: 'wlan0' } as const;
    const phone: ConfiguredUplink = {
      name: 'phone',
      binding: { kind: 'proxy', host: '192.168.43.1', port: 1080, over },
      backup: false,
    };
    const { set, names, asked } = bed({ ...AUTO, uplinks: [phone] }, view(device('wlan0', { routes: [] })));
    expect(names()).toEqual(['phone']);
    expect(set.troubles.size).toBe(0);
    set.onNetwork(view(device('wlan0', { hasCarrier: false })));
    expect(asked.losses).toMatchObject([{ uplinkName: 'phone', kind: 'interrupted' }]);
    set.onNetwork(view());
    expect(asked.losses.at(-1)).toMatchObject({ uplinkName: 'phone', kind: 'gone' });
    expect(set.troubles.get('phone')).toMatchObject({ code: 'interface-missing' });
  });

  it('takes a new configuration over', () => {
    const { set, names, log, status } = bed({
      uplinks: [onDevice('eth0')],
      subflowsPerPath: 'auto',
      standby: 'make-before-break',
    });
    expect(names()).toEqual(['eth0']);
    set.onNetwork(view(device('eth0'), device('eth1')));
    set.configure(AUTO);
    expect(names()).toEqual(['eth0', 'eth1']);
    set.configure({ ...AUTO, autoUplinks: { ...AUTO.autoUplinks!, exclude: ['eth1'] } });
    expect(names()).toEqual(['eth0']);
    expect(log.filter(({ msg }) => msg === 'uplink removed')).toEqual([
      expect.objectContaining({ uplink: 'eth1', reason: 'excluded by "eth1"' }),
    ]);
    // It is not gone, so nothing is told of it.
    expect(status().map(({ name }) => name)).toEqual(['eth0']);
  });

  it('remembers only so many that are gone', () => {
    const { set, status } = bed(AUTO);
    for (let i = 0; i < 100; i++) set.onNetwork(view(device(`usb${i}`, { index: i })));
    expect(status()).toHaveLength(17);
    expect(status().at(-1)).toMatchObject({ name: 'usb98', reason: 'its interface is gone' });
  });
});

it('tells since when an uplink has been in its state, whoever says so, and each state once', () => {
  const { set, log, clock, status, review } = bed(
    { ...AUTO, uplinks: [onDevice('eth0')] },
    view(device('eth0')),
  );
  const told = () => status().map(({ state, sinceMs }) => `${state} since ${sinceMs}`);
  const reviewAt = (nowMs: number) => {
    clock.nowMs = nowMs;
    review();
    return told();
  };
  expect(reviewAt(1_000)).toEqual(['in-use since 1000']);
  expect(reviewAt(2_000)).toEqual(['in-use since 1000']);
  set.onNetwork(view(device('eth0', { hasCarrier: false })));
  clock.nowMs = 3_000;
  // Not reviewed yet.
  expect(told()).toEqual(['down since 3000']);
  expect(reviewAt(3_500)).toEqual(['down since 3500']);
  expect(reviewAt(4_000)).toEqual(['down since 3500']);
  const states = log.filter(({ msg }) => msg === 'state of an uplink');
  expect(states.map(({ state, reason }) => `${state}: ${reason}`)).toEqual([
    'in-use: in use',
    'down: its interface has no carrier',
  ]);
});

it('has the rate limits of metered uplinks ready for their sessions, those that are found included', () => {
  const rateLimit = { downBytesPerSecond: 2e6, upBytesPerSecond: 1e6 };
  const metered = { rateLimit, billingDay: 1, atCap: 'stop', warnAtShare: 0.75 } as const;
  const settings = [{ match: 'wwan*', metered }];
  const auto = { all: true, include: [], exclude: [], settings };
  const { set } = bed(
    { ...AUTO, uplinks: [{ ...onDevice('lte'), metered }], autoUplinks: auto },
    view(device('wwan0')),
  );
  const expected = { sendBytesPerSecond: 1e6, receiveBytesPerSecond: 2e6, isMetered: true };
  expect(set.uplinks.map(({ name, rateLimit }) => [name, rateLimit])).toEqual([
    ['lte', expected],
    ['wwan0', expected],
  ]);
});

describe('what depends on the time of day', () => {
  const HOUR_MS = 3_600_000;
  const between = [parseTimeSpan('18:00-23:00 UTC')!];
  const config = (more: Partial<ConfiguredUplink>): UplinkConfig => ({
    ...AUTO,
    uplinks: [onDevice('eth0'), { ...onDevice('wwan0'), ...more }],
  });
  const present = ({ asked }: ReturnType<typeof bed>) => {
    const { backup, backupReason, costPerGB } = asked.uplinks[1] as PresentUplink;
    return { backup, backupReason, costPerGB };
  };

  it('makes an uplink a backup for its time, with the reason, and tells followers when that changes', () => {
    const at = bed(config({ backupWhen: { between } }));
    expect(present(at)).toEqual({ backup: false });
    const before = at.asked.uplinks;
    at.clock.nowMs = 17 * HOUR_MS;
    at.set.onTime();
    expect(at.asked.uplinks).toBe(before);
    at.clock.nowMs = 18 * HOUR_MS;
    at.set.onTime();
    expect(present(at)).toEqual({ backup: true, backupReason: 'between 18:00-23:00 UTC' });
    at.clock.nowMs = 23 * HOUR_MS;
    at.set.onTime();
    expect(present(at)).toEqual({ backup: false });
  });

  it('is so from the start, and after a change of the network', () => {
    const at = bed(config({}));
    at.clock.nowMs = 20 * HOUR_MS;
    at.set.configure(config({ backupWhen: { between } }));
    expect(present(at).backup).toBe(true);
    at.set.onNetwork(view(device('eth0'), device('wwan0')));
    expect(present(at).backup).toBe(true);
  });

  it('knows what a gigabyte costs now', () => {
    const costs = [{ between, cost: 5 }, { cost: 1 }];
    const at = bed(config({ costs, backupWhen: { aboveCost: 2 } }));
    expect(present(at)).toEqual({ backup: false, costPerGB: 1 });
    at.clock.nowMs = 20 * HOUR_MS;
    at.set.onTime();
    expect(present(at)).toEqual({
      backup: true,
      backupReason: 'it costs 5 per GB, which is above 2',
      costPerGB: 5,
    });
  });
});
