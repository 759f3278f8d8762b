import { describe, expect, it } from 'vitest';
import { UPLINK_CHECKS } from '../../../client-proxy/doctor/uplink-checks.ts';
import { SubflowError } from '../../../client-proxy/uplink/subflow-error.ts';
import { UplinkError } from '../../../client-proxy/uplink/uplink-error.ts';
import { ERROR_CODE, TributaryError } from '../../../shared/protocol/errors.ts';
import { HandshakeRefused } from '../../../shared/protocol/handshake/client-handshake.ts';
import { runChecks } from '../../../shared/runtime/doctor/run-checks.ts';
import { ADDRESS, doctorCase, run, UPLINK } from './doctor-case.ts';

const NAMED = [{ host: 'vps.test', port: 8443 }];
const OTHER = { host: '192.0.2.2', port: 8443 };

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

describe('route', () => {
  it('names the families that the kernel has a way for, whatever becomes of the answers', async () => {
    const strict = {
      code: 'rp-filter',
      severity: 'fault',
      words: 'answers are dropped',
      remedy: '',
    } as const;
    expect(await run('route', doctorCase({ diagnose: async () => [strict] }))).toMatchObject({
      outcome: 'ok',
      words: 'the kernel has a way for IPv4',
    });
  });
});

describe('tcp', () => {
  it.each([
    ['an interface', UPLINK, /in 1500 ms: a packet was lost$/],
    [
      'a proxy, which may be behind a satellite',
      { ...UPLINK, binding: { kind: 'proxy', host: '192.0.2.9', port: 1080 } as const },
      /in 1500 ms$/,
    ],
  ])('says of a slow connection what it can tell, over %s', async (_, uplink, words) => {
    const it = doctorCase({ uplink });
    const connect = async () => 1_500;
    expect(await run('tcp', { ...it, prober: { ...it.prober, connect } })).toMatchObject({
      outcome: 'ok',
      words: expect.stringMatching(words),
    });
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

  it('says what to do at the concentrator where it does not know the key', async () => {
    const it = doctorCase();
    const measure = () => Promise.reject(new TributaryError('notAuthorized', 'closed', 'peer'));
    const { outcome, remedy } = await run('authentication', { ...it, prober: { ...it.prober, measure } });
    expect([outcome, remedy?.join('\n')]).toEqual(['failed', expect.stringContaining('client add laptop')]);
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
        // Authentication was well.
        words: expect.stringMatching(/a moment ago.*try again/),
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
