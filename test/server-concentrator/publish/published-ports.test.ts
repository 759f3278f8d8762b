import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PortGrants } from '../../../server-concentrator/publish/port-grants.ts';
import type { PublishingSession } from '../../../server-concentrator/publish/published-port.ts';
import { PublishedPorts } from '../../../server-concentrator/publish/published-ports.ts';
import type { SinglePorts } from '../../../server-concentrator/publish/single-ports.ts';
import { VisitorGate, visitorRanges } from '../../../server-concentrator/publish/visitor-gate.ts';
import type { Visit } from '../../../shared/protocol/session/stream-commands.ts';
import type { AppSocket } from '../../../shared/runtime/app/app-socket.ts';
import { ResultCounts } from '../../../shared/runtime/observe/result-counts.ts';
import { ListenError } from '../../../shared/runtime/tcp/tcp-listener.ts';

const KEY = new Uint8Array(32);
const HOME_PORTS = { from: 8_000, to: 18_000 };
const clients = (ports = HOME_PORTS) => [
  { id: 'home', key: KEY, publish: [{ from: 443, to: 443 }, ports] },
  { id: 'office', key: KEY, publish: [{ from: 443, to: 443 }] },
  { id: 'guest', key: KEY },
];

/** A session that writes down what it is told. */
class Session implements PublishingSession {
  readonly clientId: string;
  readonly answers: string[] = [];
  readonly visits: Visit[] = [];
  readonly over: (() => void)[] = [];

  constructor(clientId: string) {
    this.clientId = clientId;
  }

  input(work: Parameters<PublishingSession['input']>[0]): void {
    work({
      publications: {
        request: () => undefined,
        withdraw() {},
        answer: ({ slot, generation }, outcome) => {
          const told = outcome.ok
            ? `listening at ${outcome.host}:${outcome.port}`
            : `${outcome.error}: ${outcome.reason}`;
          this.answers.push(`${slot}.${generation} ${told}`);
        },
      },
    });
  }

  welcome(_: AppSocket, visit: Visit, onOver: () => void): void {
    this.visits.push(visit);
    this.over.push(onOver);
  }
}

function visitor(remoteAddress = '::ffff:203.0.113.9') {
  const destroy = vi.fn();
  const socket = { remoteAddress, remotePort: 50_000, localAddress: '::ffff:198.51.100.7', destroy };
  return { socket: socket as unknown as AppSocket, destroy };
}

function bed({ publishPerClient = 64, failing = {} as Record<number, string> } = {}) {
  const open = new Map<number, (socket: AppSocket) => void>();
  const hits: string[] = [];
  const ports = new PublishedPorts({
    grants: new PortGrants(clients()),
    gate: new VisitorGate(
      {
        limits: { visitorsPerClient: 1_000, visitorsPerSecond: 1_000 },
        clock: () => 0,
        hasDescriptor: () => true,
        onLimit() {},
      },
      visitorRanges({ allow: [], deny: [] }),
    ),
    singles: {
      visitors: 0,
      replaceGrants() {},
      request() {},
      withdraw() {},
      close() {},
    } as unknown as SinglePorts,
    publishPerClient,
    listenPorts: [8_443],
    async listen(place, onVisitor) {
      const code = failing[place.port];
      if (code !== undefined)
        throw new ListenError(
          `${place.host}:${place.port}`,
          undefined,
          Object.assign(new Error(code), { code }),
        );
      open.set(place.port, onVisitor);
      return { address: () => place, close: () => void open.delete(place.port) };
    },
    wallClock: () => 0,
    logOf: () => pino({ enabled: false }),
    onLimit: (limit) => void hits.push(limit),
    visitors: new ResultCounts(),
  });
  const request = async (session: Session, slot: number, port: number, host = '*', generation = 1) => {
    ports.request(session, { slot, generation }, { host, port, once: false });
    await vi.advanceTimersByTimeAsync(0);
  };
  return { ports, open, hits, request };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a port that a client asks for', () => {
  it('is listened at, and its visitors go to the client, with where they come from', async () => {
    const { open, request, ports } = bed();
    const home = new Session('home');
    await request(home, 3, 443);
    expect(home.answers).toEqual(['3.1 listening at *:443']);
    open.get(443)!(visitor().socket);
    expect(home.visits).toEqual([
      {
        slot: 3,
        generation: 1,
        visitor: Uint8Array.of(203, 0, 113, 9),
        local: Uint8Array.of(198, 51, 100, 7),
        visitorPort: 50_000,
        localPort: 443,
      },
    ]);
    expect(ports.all).toMatchObject([{ client: 'home', listen: '*:443', state: 'listening', visitors: 1 }]);
    home.over[0]!();
    expect(ports.all[0]!.visitors).toBe(0);
  });

  it.each([
    ['of another client', 'home', 443, '*', "networkFailure: port 443 is taken by client 'office'"],
    [
      'of another client, at one address',
      'home',
      443,
      '198.51.100.7',
      "networkFailure: port 443 is taken by client 'office'",
    ],
    [
      'that is not allowed',
      'home',
      80,
      '*',
      'notAuthorized: port 80 is not allowed for this client: "publish" in the concentrator\'s list of clients has 443, 8000-18000',
    ],
    [
      'of a client that may have none',
      'guest',
      8_000,
      '*',
      'notAuthorized: port 8000 is not allowed for this client: "publish" in the concentrator\'s list of clients has none',
    ],
    [
      'of another program, or of a client of another worker',
      'home',
      8_001,
      '*',
      'networkFailure: port 8001 is taken by another program on the concentrator, or by another client',
    ],
    [
      'that needs a privilege',
      'home',
      8_002,
      '*',
      'networkFailure: port 8002 may not be listened at by the concentrator: grant it CAP_NET_BIND_SERVICE, or choose a port from 1024 up',
    ],
    [
      'at an address that is not there',
      'home',
      8_003,
      '192.0.2.1',
      'networkFailure: port 8003 cannot be had at an address that the concentrator does not have',
    ],
    [
      'of the concentrator itself',
      'home',
      8_443,
      '*',
      "networkFailure: port 8443 is the concentrator's own, where its clients come",
    ],
    [
      'at a name',
      'home',
      8_000,
      'vps.example',
      'malformedMessage: an address to listen at, or * for all, was expected',
    ],
  ])('%s is refused, and the reason says so', async (_, clientId, port, host, answer) => {
    const { request, ports } = bed({
      failing: { 8001: 'EADDRINUSE', 8002: 'EACCES', 8003: 'EADDRNOTAVAIL', 8443: 'EADDRINUSE' },
    });
    await request(new Session('office'), 0, 443);
    const session = new Session(clientId);
    await request(session, 1, port, host);
    expect(session.answers).toEqual([`1.1 ${answer}`]);
    expect(ports.all).toHaveLength(1);
  });

  it('is one of so many, however many are asked for', async () => {
    const { request, hits, open } = bed();
    const home = new Session('home');
    for (let i = 0; i < 10_000; i++) await request(home, i % 256, 8_000 + i, '*', 1 + Math.floor(i / 256));
    expect(open.size).toBeLessThanOrEqual(64);
    expect(hits.length).toBeGreaterThan(1_000);
    expect(home.answers.some((answer) => answer.includes('a client may have 64 ports'))).toBe(true);
  });

  it('is closed when it is withdrawn, and when its slot is for another', async () => {
    const { request, ports, open } = bed();
    const home = new Session('home');
    await request(home, 0, 8_000);
    await request(home, 1, 8_001);
    await request(home, 1, 8_002, '*', 2);
    ports.withdraw(home, 0);
    ports.withdraw(home, 9);
    expect([...open.keys()]).toEqual([8_002]);
  });
});

describe('the port of a session that has ended', () => {
  it('is kept for a while, for its client alone, and visitors wait', async () => {
    const { request, ports, open } = bed();
    const before = new Session('home');
    await request(before, 0, 443);
    ports.onSessionEnded(before);
    expect(ports.all).toMatchObject([{ state: 'waiting' }]);
    const waiting = visitor();
    open.get(443)!(waiting.socket);
    const office = new Session('office');
    await request(office, 0, 443);
    expect(office.answers).toEqual([`0.1 networkFailure: port 443 is taken by client 'home'`]);
    await vi.advanceTimersByTimeAsync(29_000);
    const after = new Session('home');
    await request(after, 5, 443);
    expect([after.answers, after.visits.length]).toEqual([['5.1 listening at *:443'], 1]);
    expect([before.visits, waiting.destroy.mock.calls]).toEqual([[], []]);
    // The end of the earlier session does not close it later.
    await vi.advanceTimersByTimeAsync(60_000);
    ports.onSessionEnded(before);
    expect(open.has(443)).toBe(true);
  });

  it('closes after that, and those that wait are refused', async () => {
    const { request, ports, open } = bed();
    const home = new Session('home');
    await request(home, 0, 443);
    ports.onSessionEnded(home);
    const waiting = visitor();
    open.get(443)!(waiting.socket);
    await vi.advanceTimersByTimeAsync(31_000);
    expect([open.size, ports.all, waiting.destroy.mock.calls]).toEqual([0, [], [['reset']]]);
    const office = new Session('office');
    await request(office, 0, 443);
    expect(office.answers).toEqual(['0.1 listening at *:443']);
  });

  it('keeps 64 visitors at most', async () => {
    const { request, ports, open } = bed();
    const home = new Session('home');
    await request(home, 0, 443);
    ports.onSessionEnded(home);
    const all = Array.from({ length: 100 }, () => visitor());
    for (const { socket } of all) open.get(443)!(socket);
    expect(all.filter(({ destroy }) => destroy.mock.calls.length > 0)).toHaveLength(36);
    ports.close();
    expect(all.filter(({ destroy }) => destroy.mock.calls.length === 1)).toHaveLength(100);
  });

  it('leads to the newest session of its client where two live', async () => {
    const { request, ports, open } = bed();
    const [older, newer] = [new Session('home'), new Session('home')];
    await request(older, 0, 443);
    await request(newer, 0, 443);
    ports.onSessionEnded(older);
    open.get(443)!(visitor().socket);
    expect([older.visits.length, newer.visits.length, ports.all[0]!.state]).toEqual([0, 1, 'listening']);
  });
});

it('a reload closes what is not allowed any more, and tells the client', async () => {
  const { request, ports, open } = bed();
  const home = new Session('home');
  await request(home, 0, 443);
  await request(home, 1, 9_000);
  ports.replaceGrants(new PortGrants(clients({ from: 8_000, to: 8_999 })));
  expect([...open.keys()]).toEqual([443]);
  expect(home.answers.at(-1)).toContain('1.1 notAuthorized: port 9000 is not allowed');
  ports.replaceGrants(new PortGrants([]));
  expect(open.size).toBe(0);
});

it('nothing is published while the concentrator shuts down', async () => {
  const { request, ports, open } = bed();
  const home = new Session('home');
  await request(home, 0, 443);
  ports.close();
  await request(home, 1, 8_000);
  expect([open.size, home.answers.at(-1)]).toEqual([0, '1.1 goingAway: the concentrator is shutting down']);
});

it('a visitor who has gone before it was served costs nothing', async () => {
  const { request, ports, open } = bed();
  const home = new Session('home');
  await request(home, 0, 443);
  const gone = { ...visitor().socket, remoteAddress: '203.0.113.9', localAddress: '', destroy: vi.fn() };
  open.get(443)!(gone as unknown as AppSocket);
  expect([home.visits.length, ports.all[0]!.visitors, gone.destroy.mock.calls]).toEqual([0, 0, [['reset']]]);
});

describe("a place that overlaps another client's", () => {
  it.each([
    ['*', '0.0.0.0', true],
    ['*', '::1', true],
    ['::', '198.51.100.7', true],
    ['0.0.0.0', '198.51.100.7', true],
    ['::ffff:0.0.0.0', '198.51.100.7', true],
    ['0:0::0', '0.0.0.0', true],
    ['198.51.100.7', '::ffff:198.51.100.7', true],
    ['2001:db8::7', '2001:DB8:0::0007', true],
    ['fe80::1%eth0', '::', true],
    ['0.0.0.0', '2001:db8::7', false],
    ['fe80::1%eth0', 'fe80::1%eth1', false],
    ['198.51.100.7', '198.51.100.8', false],
  ])('is taken, however it is written: %s and %s', async (first, second, isTaken) => {
    for (const [held, wanted] of [
      [first, second],
      [second, first],
    ]) {
      const { request } = bed();
      const [office, home] = [new Session('office'), new Session('home')];
      await request(office, 0, 443, held);
      await request(home, 1, 443, wanted);
      expect(home.answers).toEqual([
        isTaken
          ? "1.1 networkFailure: port 443 is taken by client 'office'"
          : `1.1 listening at ${wanted}:443`,
      ]);
    }
  });
});
