import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ClientHistory } from '../../../server-concentrator/page/client-history.ts';
import type { LookedAtSession } from '../../../server-concentrator/page/client-look.ts';
import { PageFeed } from '../../../server-concentrator/page/page-feed.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { withTuning } from '../../../shared/protocol/session/core-tuning.ts';
import { Session } from '../../../shared/protocol/session/session.ts';
import { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';
import { TrafficTable } from '../../../shared/runtime/session/uplink-traffic.ts';
import type { SubflowTransport } from '../../../shared/runtime/subflow/subflow-transport.ts';
import { InventedConcentrator } from './many-clients.ts';

const CLIENTS = [
  { client: 'a', ageMs: 1, streams: 1, uplinks: [{ name: 'dsl', down: 8_000, up: 0, rttMs: 5 }] },
];

/** A page, and the events that it was told. */
function openPage(feed: PageFeed, query = '') {
  const page = new PassThrough();
  const events: { name: string; data: Record<string, unknown> }[] = [];
  page.setEncoding('utf8').on('data', (text: string) => {
    for (const [, name, data] of text.matchAll(/event: (.*)\ndata: (.*)\n\n/g))
      events.push({ name: name!, data: JSON.parse(data!) });
  });
  feed.open(page as unknown as ServerResponse, new URLSearchParams(query));
  return { page, events };
}

describe('the feed of the page', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('looks while a page is open, and not at all while none is', async () => {
    const concentrator = new InventedConcentrator(CLIENTS);
    let looks = 0;
    const sessions = () => {
      looks += 1;
      return concentrator.sessions;
    };
    const feed = new PageFeed({ ...concentrator.source, sessions });
    const second = async () => {
      concentrator.carry(1_000);
      await vi.advanceTimersByTimeAsync(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    };
    await second();
    expect(looks).toBe(0);
    const { page, events } = openPage(feed);
    await second();
    await second();
    expect(looks).toBe(3);
    expect(events.map(({ name }) => name)).toEqual(['history', 'view', 'view', 'view']);
    expect(events.at(-1)!.data).toMatchObject({ sum: { down: 8_000, up: 0 } });
    // What it has already is not told again.
    const other = openPage(feed, `after=${events.at(-1)!.data.timeMs}`);
    await new Promise((resolve) => setImmediate(resolve));
    expect(other.events[0]!.data).toMatchObject({ times: [], clients: [] });
    page.destroy();
    other.page.destroy();
    await second();
    await second();
    expect(looks).toBe(3);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the history', () => {
  it('is an hour at most, and tells of those that carried most', () => {
    const history = new ClientHistory();
    for (let i = 1; i <= 4_000; i++) {
      const top = [{ name: `c${i % 30}`, down: i % 30, up: 0 }];
      history.add({ timeMs: i * 1_000, sum: { down: 40, up: 1 }, top });
    }
    const { times, sum, clients } = history.report(0);
    expect([times.length, times[0], sum.down.length]).toEqual([3_600, 401_000, 3_600]);
    expect(clients.map(({ name }) => name)).toEqual(Array.from({ length: 20 }, (_, i) => `c${29 - i}`));
    expect(history.report(3_999_000).clients).toEqual([{ name: 'c10', down: [10], up: [0] }]);
    // The clock was set back.
    history.add({ timeMs: 5_000, sum: { down: 1, up: 1 }, top: [] });
    expect(history.report(0).times).toEqual([5_000]);
  });
});

it('costs no more each second than to write a thousand sessions down a few times', () => {
  const uplinks = ['dsl', 'lte', 'starlink'];
  const sessions = Array.from({ length: 1_000 }, (_, i) => liveSession(`client-${i}`, uplinks));
  // What has to be looked at, as JSON: the measure of this machine, and of how busy it is.
  const written = sessions.map((_, i) => ({
    client: `client-${i}`,
    uplinks: uplinks.map((name) => ({ name, sentBytes: i, receivedBytes: i, isUp: true })),
  }));
  const { source } = new InventedConcentrator([]);
  let nowMs = 1_700_000_000_000;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const feed = new PageFeed({ ...source, wallClock: () => nowMs, sessions: () => sessions });
  const { page } = openPage(feed);
  const costs: { readonly feedMs: number; readonly jsonMs: number }[] = [];
  for (let i = 0; i < SECONDS; i++) {
    for (const { traffic } of sessions) (traffic as TrafficTable).of('dsl').sentBytes += 1_000_000;
    nowMs += 1_000;
    const feedMs = processorMs(() => vi.advanceTimersByTime(1_000));
    costs.push({ feedMs, jsonMs: processorMs(() => JSON.parse(JSON.stringify(written))) });
  }
  page.destroy();
  vi.useRealTimers();
  // Until then it is mostly compiled.
  const warm = costs
    .slice(SECONDS / 2)
    .sort((one, other) => one.feedMs / one.jsonMs - other.feedMs / other.jsonMs);
  const { feedMs, jsonMs } = warm[warm.length >> 1]!;
  console.log(
    `measured: a second of the page with 1,000 sessions: ${feedMs.toFixed(1)} ms of processor time, JSON of them ${jsonMs.toFixed(1)} ms`,
  );
  expect(feedMs / jsonMs).toBeLessThan(MAX_RATIO);
});

const SECONDS = 40;
/** Twice what it costs. */
const MAX_RATIO = 10;

function processorMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function liveSession(clientId: string, uplinks: readonly string[]): LookedAtSession {
  const traffic = new TrafficTable(32);
  const clock = () => 1_000;
  const session = new Session({
    ...{ role: 'concentrator', maxStreams: 16, firstWindowBytes: 65_536, lingerMs: 60_000 },
    ...{ memory: new MemoryBudget(1e6), nowMs: clock(), tuning: withTuning({}) },
  });
  const driver = new SessionDriver({
    ...{ session, clock, logger: pino({ enabled: false }), owner: {} as never },
    trafficOf: (name) => traffic.of(name),
  });
  for (const [id, uplinkName] of uplinks.entries()) {
    const transport = {
      ...{
        localAddress: '198.51.100.1',
        localPort: 443,
        remoteAddress: '203.0.113.9',
        remotePort: 4_000 + id,
      },
      ...{ setHandlers() {}, setReading() {}, write() {}, measure: () => undefined, destroy() {} },
    } as Partial<SubflowTransport> as SubflowTransport;
    driver.addSubflow({ id, uplinkName, isBackup: false, path: 0 }, transport, new Uint8Array(0));
  }
  return { clientId, id: clientId, driver, traffic };
}
