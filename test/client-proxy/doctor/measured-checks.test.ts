import { describe, expect, it } from 'vitest';
import type { UplinkCase } from '../../../client-proxy/doctor/case/uplink-check.ts';
import { UplinkError } from '../../../client-proxy/uplink/uplink-error.ts';
import { doctorCase, measuring, run, samplesOf, UPLINK } from './doctor-case.ts';

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

  /** A link of so many bytes in a second, which loses nothing. */
  const slowLink = (bytesPerSecond: number) => {
    const send = async (bytes: number, timeoutMs: number) => {
      const tookMs = (bytes / bytesPerSecond) * 1_000;
      const samples = samplesOf(bytes, 1_000_000 / bytesPerSecond);
      return { samples: tookMs > timeoutMs ? [] : samples, isComplete: tookMs <= timeoutMs };
    };
    const it = doctorCase();
    const measure = async () => ({
      connection: measuring({ send }),
      terms: { allowanceBytes: 1e9, facts: '{}' },
    });
    return { ...it, prober: { ...it.prober, measure } };
  };

  it.each([
    [4_000, 'ok', /packets of full size pass/],
    [1_000, 'skipped', /too slow to tell/],
  ])('does not take a link of %d bytes/s for a hole', async (bytesPerSecond, outcome, words) => {
    const it = slowLink(bytesPerSecond);
    expect(await run('packet-size', it)).toMatchObject({ outcome, words: expect.stringMatching(words) });
    expect(it.found.packetBytes).toBeUndefined();
  });

  it.each([600, 2_000])(
    'finds a hole beyond a round trip of %d ms, which makes no link slow',
    async (rttMs) => {
      const exchange = async (bytes: number, timeoutMs: number) => ({
        samples: samplesOf(bytes, (1_000 * rttMs) / bytes),
        isComplete: bytes + 98 <= 1_400 && rttMs <= timeoutMs,
      });
      const it = doctorCase();
      const measure = async () => ({
        connection: measuring({ ping: async () => rttMs, receive: exchange }),
        terms: { allowanceBytes: 1e9, facts: '{}' },
      });
      expect(await run('packet-size', { ...it, prober: { ...it.prober, measure } })).toMatchObject({
        outcome: 'warning',
        words: expect.stringContaining('packets above 1400 bytes vanish (IPv4, from the concentrator)'),
      });
    },
  );

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

  it.each(['download', 'round-trip', 'nat-timeout', 'authentication'])(
    'say that an uplink was lost meanwhile, and leave no connection behind: %s',
    async (name) => {
      let open = 0;
      let tries = 0;
      const close = () => {
        open -= 1;
      };
      const connection = measuring({ close });
      const measure = async () => {
        tries += 1;
        if (name === 'round-trip' || name === 'authentication' || tries > 1)
          throw new UplinkError('wifi', 'networkFailure', 'no connection to x: the network is down');
        open += 1;
        return { connection, terms: { allowanceBytes: 1e9, facts: '{}' } };
      };
      const it = doctorCase();
      expect(await run(name, { ...it, prober: { ...it.prober, measure } })).toMatchObject({
        outcome: 'failed',
        words: 'the connection was lost meanwhile: no connection to x: the network is down',
        remedy: [],
      });
      expect(open).toBe(0);
    },
  );

  it.each([
    [20, 3_000],
    [600, 12_000],
    [2_000, 15_000],
  ])('take longer beyond a round trip of %d ms: %d ms', async (rttMs, longestMs) => {
    const it = doctorCase();
    it.found.rttMs = rttMs;
    const limits: number[] = [];
    const exchange = async (bytes: number, timeoutMs: number) => {
      limits.push(timeoutMs);
      return { samples: samplesOf(bytes, 1), isComplete: true };
    };
    const measure = async () => ({
      connection: measuring({ send: exchange, receive: exchange }),
      terms: { allowanceBytes: 1e9, facts: '{}' },
    });
    for (const name of ['download', 'upload']) await run(name, { ...it, prober: { ...it.prober, measure } });
    expect(limits).toEqual([longestMs, longestMs]);
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
