import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { UplinkCase } from '../../../client-proxy/doctor/case/uplink-check.ts';
import { UPLINK_CHECKS } from '../../../client-proxy/doctor/uplink-checks.ts';
import { metered as metering } from '../../../client-proxy/metering/metered-settings.ts';
import { readUsageFile, USAGE_FILE_NAME } from '../../../client-proxy/metering/usage-file.ts';
import { SubflowError } from '../../../client-proxy/uplink/subflow-error.ts';
import { UplinkError } from '../../../client-proxy/uplink/uplink-error.ts';
import { ERROR_CODE } from '../../../shared/protocol/errors.ts';
import { HandshakeRefused } from '../../../shared/protocol/handshake/client-handshake.ts';
import { runChecks } from '../../../shared/runtime/doctor/run-checks.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { ADDRESS, doctorCase, measuring, samplesOf, UPLINK } from './doctor-case.ts';

const NAMED = [{ host: 'vps.test', port: 8443 }];
const OTHER = { host: '192.0.2.2', port: 8443 };

function run(name: string, it: UplinkCase) {
  return UPLINK_CHECKS.find((check) => check.name === name)!.run(it);
}

const timedOut = () =>
  Promise.reject(new UplinkError('wifi', 'timedOut', 'no connection to x: no answer in time'));

describe('each check', () => {
  it('has a name of its own, and needs only checks before it', () => {
    const names = UPLINK_CHECKS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const [i, { needs = [] }] of UPLINK_CHECKS.entries()) {
      expect(needs.filter((need) => !names.slice(0, i).includes(need))).toEqual([]);
    }
  });

  it('finds nothing wrong where nothing is, and leaves out what was not asked for', async () => {
    const reports: string[] = [];
    await runChecks(UPLINK_CHECKS, doctorCase(), 'wifi', ({ check, outcome }) =>
      reports.push(`${check} ${outcome}`),
    );
    expect(reports).toEqual([
      'interface ok',
      'address ok',
      'route ok',
      'reverse-path ok',
      'arp ok',
      'names skipped',
      'tcp ok',
      'tls-and-pin ok',
      'authentication ok',
      'clock skipped',
      'packet-size ok',
      'round-trip ok',
      'udp ok',
      'download ok',
      'upload ok',
    ]);
  });
});

describe('names', () => {
  const asked = (
    answers: Record<string, readonly string[] | Error>,
    known: Partial<{ addresses: string[]; isListed: boolean }> = {},
    elsewhere: Record<string, readonly string[]> = {},
  ) =>
    doctorCase(
      {
        names: {
          serversOf: async () => ({
            servers: Object.keys(answers),
            areOfSystem: answers.ofSystem !== undefined,
          }),
          async ask(uplink, server) {
            const answer = (uplink === undefined ? elsewhere : answers)[server];
            if (answer === undefined || answer instanceof Error) throw answer;
            return answer;
          },
          askSystem: async () => ({ addresses: [], isListed: false }),
          reachable: async (_uplink, address) => [address],
        },
        known: new Map([['vps.test', { addresses: [], isListed: false, ...known }]]),
      },
      NAMED,
    );

  it.each([
    ['all answer', asked({ a: ['192.0.2.1'], b: ['192.0.2.1'] }), 'ok', /vps.test is 192.0.2.1, by a, b/],
    ['one is dead', asked({ a: new Error('silence'), b: ['192.0.2.1'] }), 'warning', /but a: silence/],
    ['all are dead', asked({ a: new Error('silence') }), 'failed', /cannot be resolved: a: silence/],
    [
      'the server of the system is elsewhere',
      asked({ ofSystem: new Error('silence') }, { addresses: ['192.0.2.1'] }),
      'ok',
      /does not answer over this uplink/,
    ],
    [
      'one of the system is in the network of another uplink',
      asked({ ofSystem: new Error('silence'), b: ['192.0.2.1'] }, {}, { ofSystem: ['192.0.2.1'] }),
      'ok',
      /by b; ofSystem answers over other uplinks alone/,
    ],
    [
      'one of the system is dead',
      asked({ ofSystem: new Error('silence'), b: ['192.0.2.1'] }),
      'warning',
      /but ofSystem: silence/,
    ],
    [
      'the system alone knows',
      asked({ a: new Error('silence') }, { addresses: ['192.0.2.1'] }),
      'warning',
      /the system knows/,
    ],
    [
      'the hosts file has it',
      asked({ a: new Error('silence') }, { addresses: ['192.0.2.1'], isListed: true }),
      'ok',
      /hosts file/,
    ],
    ['there is none to ask', asked({}, { addresses: ['192.0.2.1'] }), 'ok', /system's resolver/],
    ['nobody knows', asked({}), 'failed', /no name server knows it/],
  ] as const)('where %s', async (_case, it, outcome, words) => {
    expect(await run('names', it)).toMatchObject({ outcome, words: expect.stringMatching(words) });
    expect(it.found.addresses).toEqual(outcome === 'failed' ? [] : [ADDRESS]);
  });

  it('leave out addresses of a family that the uplink does not have', async () => {
    const both = [ADDRESS, { host: '2001:db8::1', port: 8443 }];
    const it = doctorCase({}, both);
    await run('names', it);
    expect(it.found.addresses).toEqual([ADDRESS]);
  });
});

describe('tcp and tls', () => {
  it('say so when the concentrator has no address that the uplink could reach', async () => {
    const it = doctorCase({}, []);
    expect(await run('tcp', it)).toMatchObject({
      outcome: 'failed',
      words: expect.stringContaining('no address'),
    });
  });

  it('warn when one of two addresses fails, and go on with the other', async () => {
    const it = doctorCase({}, [ADDRESS, OTHER]);
    const prober = {
      ...it.prober,
      connect: (_uplink: unknown, { host }: { host: string }) =>
        host === OTHER.host ? timedOut() : Promise.resolve(3),
    };
    const found = await run('tcp', { ...it, prober });
    expect(found).toMatchObject({ outcome: 'warning', figures: { connect: { value: 3, unit: 'ms' } } });
    expect(it.found.reached).toEqual([ADDRESS]);
  });

  it('say that the gateway is silent, where that is why', async () => {
    const words = 'the gateway 192.168.1.1 does not answer on wlan0';
    const it = doctorCase({
      diagnose: async () => [
        { code: 'gateway-silent', severity: 'suspicion', words, remedy: 'check `ip neighbour`' },
      ],
    });
    it.found.paths = [{ target: ADDRESS, findings: [] }];
    const found = await run('tcp', { ...it, prober: { ...it.prober, connect: timedOut } });
    expect(found).toMatchObject({ outcome: 'failed', words, remedy: ['check ip neighbour'] });
  });

  it.each([
    [new SubflowError('notAuthorized', 'another certificate'), /join --update/],
    [new SubflowError('unsupportedVersion', 'does not speak'), /no concentrator/],
    [new UplinkError('wifi', 'connectionReset', 'reset'), /portal/],
  ])('say what may be behind %s', async (error, remedy) => {
    const it = doctorCase();
    const found = await run('tls-and-pin', {
      ...it,
      prober: { ...it.prober, secure: () => Promise.reject(error) },
    });
    expect(found).toMatchObject({ outcome: 'failed' });
    expect(found.remedy?.join('\n')).toMatch(remedy);
  });
});

describe('authentication', () => {
  it.each([
    ['resourceExceeded', 'warning', /too many sessions/],
    ['goingAway', 'warning', /shutting down/],
    ['unsupportedVersion', 'failed', /unsupportedVersion/],
  ] as const)('tells %s from an unknown key', async (code, outcome, words) => {
    const it = doctorCase();
    const measure = () => Promise.reject(new HandshakeRefused(ERROR_CODE[code]));
    const found = await run('authentication', { ...it, prober: { ...it.prober, measure } });
    expect(found).toMatchObject({ outcome, words: expect.stringMatching(words) });
  });

  it.each(['goingAway', 'resourceExceeded'] as const)(
    'does not call a concentrator old that takes no measurements now: %s',
    async (code) => {
      const outcomes = new Map<string, string>();
      const it = doctorCase({ options: { metered: false, speedBytes: 1e6, natTimeout: true } });
      const measure = () => Promise.reject(new HandshakeRefused(ERROR_CODE[code]));
      const busy = { ...it, prober: { ...it.prober, measure } };
      await runChecks(UPLINK_CHECKS, busy, 'wifi', ({ check, outcome, words }) =>
        outcomes.set(check, `${outcome} ${words}`),
      );
      for (const name of ['clock', 'packet-size', 'round-trip', 'download', 'upload', 'nat-timeout']) {
        expect(outcomes.get(name)).toMatch(/^skipped the concentrator takes no measurements now/);
      }
    },
  );

  it.each(['packet-size', 'round-trip', 'download'])(
    'is no fault of the uplink when it is refused later, in %s',
    async (name) => {
      const it = doctorCase();
      const measure = () => Promise.reject(new HandshakeRefused(ERROR_CODE.resourceExceeded));
      expect(await run(name, { ...it, prober: { ...it.prober, measure } })).toMatchObject({
        outcome: 'skipped',
      });
    },
  );

  it('leads to nothing but skipped checks at an older concentrator', async () => {
    const outcomes = new Map<string, string>();
    const it = doctorCase({ options: { metered: false, speedBytes: 1e6, natTimeout: true } });
    const older = { ...it, prober: { ...it.prober, measure: async () => undefined } };
    await runChecks(UPLINK_CHECKS, older, 'wifi', ({ check, outcome, words }) =>
      outcomes.set(check, `${outcome} ${words}`),
    );
    expect(outcomes.get('authentication')).toMatch(/^ok .*older/);
    for (const name of ['clock', 'packet-size', 'round-trip', 'download', 'upload', 'nat-timeout']) {
      expect(outcomes.get(name)).toMatch(/^skipped the concentrator is older/);
    }
  });
});

describe('clock', () => {
  it.each([
    [59_000, 'ok'],
    [-59_000, 'ok'],
    [61_000, 'warning'],
    [-86_400_000 * 400, 'warning'],
  ])('with a difference of %d ms', async (clockSkewMs, outcome) => {
    const it = doctorCase();
    Object.assign(it.found, {
      clockSkewMs,
      facts: { version: '1', timeMs: 0, seenAddress: '', settings: {} },
    });
    expect(await run('clock', it)).toMatchObject({
      outcome,
      figures: { skew: { value: clockSkewMs, unit: 'ms' } },
    });
  });
});

describe('packet size', () => {
  /** Packets of IP above this vanish, in this direction. */
  const hole = (direction: 'send' | 'receive', most: number) => {
    const overheadBytes = 98;
    const exchange = async (bytes: number) => ({ samples: [], isComplete: bytes + overheadBytes <= most });
    const it = doctorCase();
    const measure = async () => ({
      connection: measuring({ [direction]: exchange }),
      terms: { allowanceBytes: 1e9, facts: '{}' },
    });
    return { ...it, prober: { ...it.prober, measure } };
  };

  it.each([
    ['send', 1_400, 1_400, 'to'],
    ['receive', 1_400, 1_400, 'from'],
    ['receive', 1_492, 1_492, 'from'],
    ['send', 1_290, 1_240, 'to'],
  ] as const)('finds a hole on %s above %d bytes', async (direction, most, told, way) => {
    const it = hole(direction, most);
    expect(await run('packet-size', it)).toMatchObject({
      outcome: 'warning',
      words: expect.stringContaining(`packets above ${told} bytes vanish (IPv4, ${way} the concentrator)`),
      figures: { largestPacket: { value: told, unit: 'bytes' } },
      remedy: [expect.stringContaining(`ip link set dev wlan0 mtu ${told} `), expect.anything()],
    });
    expect(await run('download', it)).toMatchObject({ outcome: 'skipped' });
  });

  it('fails where nothing passes', async () => {
    expect(await run('packet-size', hole('receive', 0))).toMatchObject({ outcome: 'failed' });
  });
});

describe('download and upload', () => {
  const loaded = (pings: readonly number[], over: Partial<UplinkCase> = {}, msPerKilobyte = 1) => {
    const it = doctorCase(over);
    const times = [...pings];
    // It ends when the last question is answered.
    let end = () => {};
    const done = new Promise<void>((resolve) => {
      end = resolve;
    });
    const exchange = async (bytes: number) => {
      await done;
      return { samples: samplesOf(bytes, msPerKilobyte), isComplete: true };
    };
    const ping = async () => {
      const ms = times.shift() ?? pings.at(-1)!;
      if (times.length === 0) end();
      return ms;
    };
    const measure = async () => ({
      connection: measuring({ ping, send: exchange, receive: exchange }),
      terms: { allowanceBytes: 1e9, facts: '{}' },
    });
    it.found.rttMs = 20;
    return { ...it, prober: { ...it.prober, measure } };
  };

  it('tell the rate, and the round trip meanwhile', async () => {
    expect(await run('download', loaded([20, 45, 50, 55, 60]))).toMatchObject({
      outcome: 'ok',
      words: expect.stringMatching(/^8 Mbit\/s, round trip meanwhile 5\d ms$/),
      figures: { rate: { value: 8e6, unit: 'bit/s' } },
    });
  });

  it('warn of a queue that is too long, and say how to shorten it', async () => {
    const found = await run('upload', loaded([20, 900, 900, 900, 900]));
    expect(found).toMatchObject({ outcome: 'warning', words: expect.stringContaining('bufferbloat') });
    expect(found.remedy?.[0]).toBe('tc qdisc replace dev wlan0 root cake bandwidth 7200kbit');
  });

  it('take the packets that TCP begins with for no queue on a slow link, and shape it below its rate', async () => {
    const [own, long] = [
      await run('upload', loaded([20, 500, 500, 500, 500], {}, 40)),
      await run('upload', loaded([20, 2_000, 2_000, 2_000, 2_000], {}, 40)),
    ];
    expect(own).toMatchObject({ outcome: 'ok', words: '200 kbit/s, round trip meanwhile 500 ms' });
    expect(long).toMatchObject({
      outcome: 'warning',
      remedy: ['tc qdisc replace dev wlan0 root cake bandwidth 180kbit', expect.anything()],
    });
  });

  it.each([
    ['a metered uplink', doctorCase({ uplink: { ...UPLINK, metered: {} as never } }), /metered/],
    [
      'no bytes wanted',
      doctorCase({ options: { metered: false, speedBytes: 0, natTimeout: false } }),
      /--speed-bytes/,
    ],
    [
      'nothing allowed',
      Object.assign(doctorCase(), { found: { ...doctorCase().found, allowanceBytes: 10 } }),
      /measurementBytesPerHour/,
    ],
  ])('are left out with %s', async (_case, it, words) => {
    expect(await run('download', it)).toMatchObject({
      outcome: 'skipped',
      words: expect.stringMatching(words),
    });
  });

  it('fail where nothing passes', async () => {
    const it = doctorCase();
    const nothing = async () => ({ samples: [{ atMs: 0, bytes: 0 }], isComplete: false });
    const measure = async () => ({
      connection: measuring({ receive: nothing }),
      terms: { allowanceBytes: 1e9, facts: '{}' },
    });
    expect(await run('download', { ...it, prober: { ...it.prober, measure } })).toMatchObject({
      outcome: 'failed',
    });
  });
});

describe('UDP', () => {
  it.each<[string, UplinkCase['prober']['udp'], string, RegExp]>([
    [
      'passes',
      async () => ({ kind: 'passes', rttMs: 12.34, port: 8443 }),
      'ok',
      /port 8443 are answered in 12 ms/,
    ],
    [
      'is blocked',
      async () => ({ kind: 'blocked', port: 443 }),
      'warning',
      /no packet to UDP port 443 .* was answered/,
    ],
    ['is not carried', async () => ({ kind: 'not-carried' }), 'skipped', /carries no UDP/],
    [
      'was not tried',
      () => Promise.reject(new HandshakeRefused(ERROR_CODE.resourceExceeded)),
      'skipped',
      /no session/,
    ],
  ])('%s', async (_, udp, outcome, words) => {
    const it = doctorCase();
    const found = await run('udp', { ...it, prober: { ...it.prober, udp } });
    expect(found).toMatchObject({ outcome, words: expect.stringMatching(words) });
    if (outcome === 'warning') expect(found.remedy?.[0]).toMatch(/^ufw allow 443\/udp/);
  });

  it('is not tried where it cannot be, or nobody wants it', async () => {
    const udp = vi.fn();
    const it = doctorCase();
    const prober = { ...it.prober, udp };
    const proxied = { ...UPLINK, binding: { kind: 'proxy', host: '192.0.2.9', port: 1080 } as const };
    const off = { ...it.config, datagrams: false };
    for (const over of [{ uplink: proxied }, { config: off }]) {
      expect(await run('udp', { ...it, prober, ...over })).toMatchObject({ outcome: 'skipped' });
    }
    expect(udp).not.toHaveBeenCalled();
  });
});

describe('idle time-out of a NAT', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    [Number.POSITIVE_INFINITY, 'ok', /240 s of silence, and more/],
    [100_000, 'ok', /through 60 s of silence, and are forgotten within 120 s/],
    [20_000, 'warning', /through 15 s/],
    // It works all the same: subflows that are not metered are never silent for long.
    [5_000, 'warning', /forgotten within 15 s/],
  ])('of %d ms', async (timeoutMs, outcome, words) => {
    vi.useFakeTimers();
    const it = doctorCase();
    const measure = async () => {
      const sinceMs = Date.now();
      let isSilent = false;
      const connection = measuring({
        keepSilent: () => {
          isSilent = true;
        },
        ping: async () => (isSilent && Date.now() - sinceMs > timeoutMs ? undefined : 10),
      });
      return { connection, terms: { allowanceBytes: 0, facts: '{}' } };
    };
    const finding = run('nat-timeout', { ...it, prober: { ...it.prober, measure } });
    await vi.advanceTimersByTimeAsync(240_000);
    expect(await finding).toMatchObject({ outcome, words: expect.stringMatching(words) });
  });
});

it('takes a connection that outlived a longer silence for no proof', async () => {
  vi.useFakeTimers();
  const it = doctorCase();
  let opened = 0;
  const measure = async () => {
    const isLost = opened++ === 1;
    const connection = measuring({ ping: async () => (isLost ? undefined : 10) });
    return { connection, terms: { allowanceBytes: 0, facts: '{}' } };
  };
  const finding = run('nat-timeout', { ...it, prober: { ...it.prober, measure } });
  await vi.advanceTimersByTimeAsync(240_000);
  vi.useRealTimers();
  expect(await finding).toMatchObject({
    words: 'connections live through 15 s of silence, and are forgotten within 30 s',
    figures: { survives: { value: 15, unit: 's' }, forgotten: { value: 30, unit: 's' } },
  });
});

describe('cap', () => {
  const atCap = async (over: Parameters<typeof metering.parse>[0], options = {}) => {
    const usageFile = join(await temporaryDirectory(), USAGE_FILE_NAME);
    const uplink = { ...UPLINK, metered: metering.parse(over) };
    const it = doctorCase({ uplink, usageFile });
    await run('usage', it);
    return run('cap', { ...it, options: { ...it.options, ...options } });
  };

  it.each([
    [{ monthly: '4MiB' }, {}, 'ok', /room below its caps/],
    [{ monthly: '2MiB' }, {}, 'warning', /^monthly cap reached, until 1970-02-01: .* no other uplink works/],
    [{ daily: '2MiB', atCap: 'stop' }, {}, 'failed', /^daily cap reached, .* sends nothing over it/],
    [{ daily: '2MiB', atCap: 'stop' }, { metered: true }, 'warning', /sends nothing over it/],
  ])('of %j with %j', async (settings, options, outcome, words) => {
    expect(await atCap(settings, options)).toMatchObject({ outcome, words: expect.stringMatching(words) });
  });

  it('is no check where there is none, and nothing is sent over an uplink that is stopped', async () => {
    const usageFile = join(await temporaryDirectory(), USAGE_FILE_NAME);
    const uplink = { ...UPLINK, metered: metering.parse({ daily: '2MiB', atCap: 'stop' }) };
    const it = doctorCase({ uplink, usageFile });
    await run('usage', it);
    const [connect, ask] = [vi.fn(), vi.fn()];
    const watched = { ...it, prober: { ...it.prober, connect }, names: { ...it.names, ask } };
    const outcomes: string[] = [];
    await runChecks(UPLINK_CHECKS, watched, 'wifi', ({ check, outcome }) =>
      outcomes.push(`${check} ${outcome}`),
    );
    expect(outcomes.slice(0, 4)).toEqual(['interface ok', 'address ok', 'cap failed', 'route skipped']);
    expect([connect.mock.calls, ask.mock.calls]).toEqual([[], []]);
    const check = UPLINK_CHECKS.find(({ name }) => name === 'cap')!;
    expect(check.applies!(doctorCase())).toBe(false);
  });
});

describe('usage', () => {
  const metered = metering.parse({ monthly: '4MiB', warnAt: '50%' });
  const case_ = (usageFile: string) => doctorCase({ uplink: { ...UPLINK, plan: 'sim', metered }, usageFile });

  it('counts for its plan what the checks have used of a metered uplink, and says that a cap is near', async () => {
    const file = join(await temporaryDirectory(), USAGE_FILE_NAME);
    const found = await run('usage', case_(file));
    expect(found).toMatchObject({
      ...{ outcome: 'ok', figures: { used: { value: 3_000_000, unit: 'bytes' } } },
      words: 'this examination has used 3 MB, counted for the plan sim; its monthly cap is nearly reached',
    });
    await run('usage', case_(file));
    const kept = await readUsageFile(file);
    expect(kept.kind === 'read' && kept.usage.get('sim')!.month).toMatchObject({
      ...{ sentBytes: 2_000_000, receivedBytes: 4_000_000 },
    });
  });

  it('says where it cannot be counted', async () => {
    const folder = await temporaryDirectory();
    await writeFile(join(folder, 'state'), '');
    const { outcome, words } = await run('usage', case_(join(folder, 'state', USAGE_FILE_NAME)));
    expect(outcome).toBe('ok');
    expect(words).toMatch(/^this examination has used 3 MB, which no cap counts: .*state/);
  });
});
