import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PublishedService } from '../../../client-proxy/publish/published-service.ts';
import { Publisher } from '../../../client-proxy/publish/publisher.ts';
import { StreamError } from '../../../shared/protocol/errors.ts';
import type { PublishedPlace } from '../../../shared/protocol/session/publications.ts';
import type { Visit } from '../../../shared/protocol/session/stream-commands.ts';
import type { AppSocket } from '../../../shared/runtime/app/app-socket.ts';
import type { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';

const web: PublishedService = {
  listen: { host: '*', port: 443 },
  to: { host: '127.0.0.1', port: 8443 },
  allow: [],
  maxConnections: 2,
};
const ssh: PublishedService = {
  ...web,
  listen: { host: '*', port: 22 },
  to: { host: '127.0.0.1', port: 22 },
  allow: ['203.0.113.0/24'],
  policy: { mode: 'lowest-latency' },
};
const visit = (slot: number, generation = 1, last = 9): Visit => ({
  slot,
  generation,
  visitor: Uint8Array.of(203, 0, 113, last),
  local: Uint8Array.of(198, 51, 100, 7),
  visitorPort: 50_000,
  localPort: 443,
});

/** A session that writes down what it is told. */
function fakeSession() {
  const told: string[] = [];
  const slots: { generation: number; isWanted: boolean }[] = [];
  const session = {
    publications: {
      request({ host, port }: PublishedPlace) {
        let slot = slots.findIndex(({ isWanted }) => !isWanted);
        if (slot < 0) slot = slots.length;
        const generation = (slots[slot]?.generation ?? 0) + 1;
        slots[slot] = { generation, isWanted: true };
        told.push(`publish ${slot}.${generation} ${host}:${port}`);
        return { slot, generation };
      },
      withdraw({ slot, generation }: { slot: number; generation: number }) {
        slots[slot] = { generation: generation + 1, isWanted: false };
        told.push(`withdraw ${slot}.${generation}`);
      },
    },
    streams: {
      accept: (id: number) => void told.push(`accept ${id}`),
      refuse: (id: number, error: string) => void told.push(`refuse ${id} ${error}`),
      steer: (id: number, { mode }: { mode: string }) => void told.push(`steer ${id} ${mode}`),
      reset: (id: number) => void told.push(`reset ${id}`),
      consumed() {},
    },
    goAway: () => void told.push('goaway'),
  };
  const driver = {
    input: (work: (commands: typeof session) => unknown) => work(session),
    attachStream() {},
    forgetStream() {},
    holdsBack: () => false,
  } as unknown as SessionDriver;
  return { driver, told };
}

function bed(dial: () => Promise<AppSocket> = () => new Promise(() => {})) {
  const results: string[] = [];
  const log: string[] = [];
  const line = (fields: object, message: string) => void log.push(`${message} ${JSON.stringify(fields)}`);
  const publisher = new Publisher({
    dialer: { dial },
    steer: (policy) => ({ policy: policy ?? { mode: 'aggregate' }, opened() {}, over() {} }),
    stallTimeoutMs: 1_000,
    hasDescriptor: () => true,
    onResult: (result) => void results.push(result),
    wallClock: () => 0,
    logger: { debug: line, info: line, warn: line, error: line },
  });
  const states = () => publisher.all.map(({ listen, state, reason }) => `${listen} ${state}: ${reason}`);
  return { publisher, results, log, states };
}

const listening = (port: number) => ({ ok: true, host: '*', port }) as const;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('services', () => {
  it('are asked for in each session anew, and told of with what became of them', () => {
    const { publisher, states } = bed();
    publisher.configure([web, ssh]);
    expect(states()).toEqual([
      '*:443 waiting: no session with the concentrator',
      '*:22 waiting: no session with the concentrator',
    ]);
    const first = fakeSession();
    publisher.onSession(first.driver, true);
    expect(first.told).toEqual(['publish 0.1 *:443', 'publish 1.1 *:22']);
    publisher.onPublished(first.driver, { slot: 0, generation: 1 }, listening(443));
    publisher.onPublished(
      first.driver,
      { slot: 1, generation: 1 },
      {
        ok: false,
        error: 'networkFailure',
        reason: "port 22 is taken by \u001b[31mclient 'office'",
      },
    );
    expect(states()).toEqual([
      '*:443 listening: visitors are served',
      "*:22 refused: port 22 is taken by ?[31mclient 'office'",
    ]);
    publisher.onSessionEnded(first.driver);
    expect(states()).toEqual([
      '*:443 waiting: no session with the concentrator',
      '*:22 waiting: no session with the concentrator',
    ]);
    const second = fakeSession();
    publisher.onSession(second.driver, true);
    expect(second.told).toEqual(['publish 0.1 *:443', 'publish 1.1 *:22']);
  });

  it('that are refused are asked for again, and the log says it once', () => {
    const { publisher, log, states } = bed();
    publisher.configure([web]);
    const { driver, told } = fakeSession();
    publisher.onSession(driver, true);
    const refusal = { ok: false, error: 'networkFailure', reason: 'taken' } as const;
    for (let generation = 1; generation < 7; generation += 2) {
      publisher.onPublished(driver, { slot: 0, generation }, refusal);
      vi.advanceTimersByTime(30_000);
    }
    expect(told).toEqual([
      'publish 0.1 *:443',
      'withdraw 0.1',
      'publish 0.3 *:443',
      'withdraw 0.3',
      'publish 0.5 *:443',
      'withdraw 0.5',
      'publish 0.7 *:443',
    ]);
    expect(log.filter((line) => line.startsWith('not published'))).toHaveLength(1);
    publisher.onPublished(driver, { slot: 0, generation: 7 }, listening(443));
    expect(states()).toEqual(['*:443 listening: visitors are served']);
  });

  it('are refused by a concentrator that is too old, which is asked for nothing', () => {
    const { publisher, states } = bed();
    publisher.configure([web]);
    const { driver, told } = fakeSession();
    publisher.onSession(driver, false);
    expect(told).toEqual([]);
    expect(states()).toEqual([
      '*:443 refused: the concentrator is of a version that cannot publish ports: update it',
    ]);
  });

  it('come and go with a configuration; what stays is not asked for again', () => {
    const { publisher, states } = bed();
    publisher.configure([web]);
    const { driver, told } = fakeSession();
    publisher.onSession(driver, true);
    publisher.onPublished(driver, { slot: 0, generation: 1 }, listening(443));
    publisher.configure([{ ...web, to: { path: '/run/web.sock' } }, ssh]);
    expect(told).toEqual(['publish 0.1 *:443', 'publish 1.1 *:22']);
    publisher.configure([ssh]);
    expect(told.slice(2)).toEqual(['withdraw 0.1']);
    expect(states()).toEqual(['*:22 waiting: the concentrator has not answered yet']);
    // A late answer for what is gone.
    publisher.onPublished(driver, { slot: 0, generation: 1 }, listening(443));
    expect(publisher.all).toHaveLength(1);
  });
});

describe('a visitor', () => {
  function served(dial?: () => Promise<AppSocket>) {
    const all = bed(dial);
    const session = fakeSession();
    all.publisher.configure([web, ssh]);
    all.publisher.onSession(session.driver, true);
    session.told.length = 0;
    return { ...all, ...session };
  }

  it.each([
    ['of a publication that never was', visit(9), 'refuse 1 notAuthorized'],
    ['of one that was there before', visit(0, 2), 'refuse 1 notAuthorized'],
    [
      'from outside the ranges',
      { ...visit(1), visitor: Uint8Array.of(198, 51, 100, 1) },
      'refuse 1 notAuthorized',
    ],
    [
      'from outside the ranges, over IPv6',
      { ...visit(1), visitor: new Uint8Array(16).fill(1), local: new Uint8Array(16) },
      'refuse 1 notAuthorized',
    ],
  ])('%s is refused, and nothing is dialled', (_, its, answer) => {
    const dial = vi.fn();
    const { publisher, driver, told, results } = served(dial);
    publisher.onInbound(driver, 1, its);
    expect([told, results, dial.mock.calls]).toEqual([[answer], ['notAuthorized'], []]);
  });

  it('is steered by the policy of the service, and refused when that is not there', async () => {
    const { publisher, driver, told, results, log } = served(async () => {
      throw new StreamError('connectionRefused', '127.0.0.1:22 could not be connected to');
    });
    publisher.onInbound(driver, 1, visit(1));
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual(['steer 1 lowest-latency', 'refuse 1 connectionRefused']);
    expect(results).toEqual(['connectionRefused']);
    expect(log.at(-1)).toContain('a published service is not there');
    expect(publisher.all.map(({ connections }) => connections)).toEqual([0, 0]);
  });

  it('from inside the ranges is served, as IPv4 also where either is written as IPv6', () => {
    const { publisher, driver, told } = served();
    const mapped = Uint8Array.of(...new Uint8Array(10), 255, 255, 203, 0, 113, 9);
    publisher.onInbound(driver, 1, { ...visit(1), visitor: mapped, local: new Uint8Array(16) });
    publisher.configure([{ ...ssh, allow: ['::ffff:203.0.113.0/120'] }]);
    publisher.onInbound(driver, 2, visit(1));
    publisher.configure([{ ...ssh, allow: ['198.51.100.0/24'] }]);
    publisher.onInbound(driver, 3, visit(1));
    expect(told.filter((line) => line.startsWith('refuse'))).toEqual(['refuse 3 notAuthorized']);
  });

  it('too many is refused', () => {
    const { publisher, driver, told } = served();
    for (let id = 1; id <= 3; id++) publisher.onInbound(driver, id, visit(0));
    expect(told).toEqual(['refuse 3 resourceExceeded']);
    expect(publisher.all[0]!.connections).toBe(2);
  });

  it('of an earlier session is served as long as that lives', () => {
    const { publisher, driver, told } = served();
    const next = fakeSession();
    publisher.onSession(next.driver, true);
    publisher.onInbound(driver, 1, visit(0));
    expect(told).toEqual([]);
    publisher.onSessionEnded(driver);
    publisher.onInbound(driver, 2, visit(0));
    expect(told.at(-1)).toBe('refuse 2 notAuthorized');
  });

  it('is left to the next session when the program ends', () => {
    const { publisher, told } = served();
    publisher.goAway();
    expect(told).toEqual(['goaway']);
  });
});

it('says why a single connection cannot be waited for', () => {
  const single = { onPublished() {}, onInbound() {} };
  const { publisher } = bed();
  expect(publisher.expectOne('ftp.example', single)).toBe('uplinksLost');
  publisher.onSession(fakeSession().driver, false);
  expect(publisher.expectOne('ftp.example', single)).toBe('unsupportedMessage');
  const full = { input: () => undefined } as unknown as SessionDriver;
  publisher.onSession(full, true);
  expect(publisher.expectOne('ftp.example', single)).toBe('resourceExceeded');
  publisher.onSession(fakeSession().driver, true);
  expect(publisher.expectOne('ftp.example', single)).toBeTypeOf('function');
});
