import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startEcho } from './support/origin.ts';
import { Pair, UPLINKS } from './support/pair.ts';
import { readAll, socksConnect } from './support/socks-client.ts';

const PROGRAMS = ['client', 'concentrator'] as const;

describe('health and metrics', () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await Pair.start();
    const origin = await startEcho();
    const { socket } = await socksConnect(pair.socks, origin);
    socket.end('hello');
    await readAll(socket);
    await origin.close();
  });
  afterAll(() => pair.close());

  it.each(PROGRAMS)('the %s is alive and ready', async (program) => {
    expect(await pair.get(program, '/healthz')).toEqual({ status: 200, text: 'ok\n' });
    const uplinks = program === 'client' ? UPLINKS.map((name) => `uplink ${name}: in use\n`) : [];
    expect(await pair.get(program, '/readyz')).toEqual({ status: 200, text: ['ok\n', ...uplinks].join('') });
    expect((await pair.get(program, '/nothing')).status).toBe(404);
  });

  // The rules of `promtool check metrics` (client_golang's promlint) and prometheus.io/docs/practices/naming.
  it.each(PROGRAMS)("the %s's metrics follow the conventions", async (program) => {
    const { metrics } = await pair.metrics(program);
    for (const { name, help, type, samples } of metrics) {
      expect(help, `help of ${name}`).not.toBe('');
      expect(['counter', 'gauge', 'histogram', 'summary'], `type of ${name}`).toContain(type);
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
      for (const { labels, value } of samples) {
        expect(value, name).not.toBeNaN();
        for (const label of Object.keys(labels)) expect(label).toMatch(/^[a-z][a-z0-9_]*$/);
      }
    }
    const own = metrics.filter(({ name }) => name.startsWith('tributary_'));
    expect(own.length).toBeGreaterThan(10);
    for (const { name, type } of own) {
      expect(name.endsWith('_total'), `${name} is a ${type}`).toBe(type === 'counter');
      expect(name, 'no type in the name').not.toMatch(/_(counter|gauge|histogram|summary)(_|$)/);
      expect(name, 'base units').not.toMatch(
        /_(ms|milliseconds?|us|microseconds?|minutes?|hours?|kb|kib|mb|mib|kilobytes|megabytes|bits?|percent)(_|$)/,
      );
      // OpenMetrics names a counter without its suffix: no other metric may have that name.
      const family = name.replace(/_total$/, '');
      expect(own.filter((other) => other.name.replace(/_total$/, '') === family)).toHaveLength(1);
    }
  });

  it.each(PROGRAMS)("the %s's metrics say what happened", async (program) => {
    const metrics = await pair.metrics(program);
    expect(metrics.sum('tributary_build_info')).toBe(1);
    expect(metrics.sum('tributary_sessions')).toBe(1);
    expect(metrics.sum('tributary_stream_opens_total', { result: 'ok' })).toBe(1);
    for (const uplink of UPLINKS) {
      expect(metrics.sum('tributary_subflows', { uplink, state: 'active' })).toBe(1);
    }
    expect(metrics.sum('tributary_uplink_bytes_total')).toBeGreaterThan(10);
  });

  it.each(PROGRAMS)(
    'the %s tells the round trip time of each uplink once it has measured it',
    async (program) => {
      // An idle uplink is pinged once a second.
      await vi.waitFor(
        async () => {
          const metrics = await pair.metrics(program);
          for (const uplink of UPLINKS) {
            const rttSeconds = metrics.sum('tributary_uplink_rtt_seconds', { uplink });
            expect(rttSeconds).toBeGreaterThan(0);
            expect(rttSeconds).toBeLessThan(0.1);
          }
        },
        { timeout: 10_000, interval: 200 },
      );
    },
  );

  it('the client tells one state of each uplink', async () => {
    const metrics = await pair.metrics('client');
    for (const uplink of UPLINKS) {
      expect(metrics.sum('tributary_uplink_state', { uplink, state: 'in-use' })).toBe(1);
      expect(metrics.sum('tributary_uplink_state', { uplink })).toBe(1);
    }
  });

  it('both ends agree on the bytes', async () => {
    const sum = async (program: 'client' | 'concentrator', direction: string) =>
      (await pair.metrics(program)).sum('tributary_uplink_bytes_total', { direction });
    // Pings go on meanwhile, 8 bytes and a receipt each.
    expect(Math.abs((await sum('client', 'sent')) - (await sum('concentrator', 'received')))).toBeLessThan(
      500,
    );
  });
});
