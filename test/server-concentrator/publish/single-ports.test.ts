import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PortGrants } from '../../../server-concentrator/publish/port-grants.ts';
import type { PublishingSession } from '../../../server-concentrator/publish/published-port.ts';
import { SinglePorts, type SinglePortsOptions } from '../../../server-concentrator/publish/single-ports.ts';
import { VisitorGate, visitorRanges } from '../../../server-concentrator/publish/visitor-gate.ts';
import { StreamError } from '../../../shared/protocol/errors.ts';
import type { Visit } from '../../../shared/protocol/session/stream-commands.ts';
import type { AppSocket } from '../../../shared/runtime/app/app-socket.ts';
import type { PortRange } from '../../../shared/runtime/config/ranges.ts';
import { ResultCounts } from '../../../shared/runtime/observe/result-counts.ts';
import { ListenError } from '../../../shared/runtime/tcp/tcp-listener.ts';

const SERVER = '203.0.113.9';
const PORT = 40_000;
const KEY = new Uint8Array(32);

function bed({
  bindsPerClient = 2,
  listenMs = 0,
  visitorsPerClient = 8,
  allow = [] as string[],
  deny = [] as string[],
  addresses = async (): Promise<readonly string[]> => [SERVER],
  ports = undefined as PortRange[] | undefined,
  granted = [] as PortRange[],
  /** What other programs have. */
  taken = [] as number[],
} = {}) {
  const answers: string[] = [];
  const visits: Visit[] = [];
  const over: (() => void)[] = [];
  const hits: string[] = [];
  const listening: ((socket: AppSocket) => void)[] = [];
  const state = { hasDescriptor: true, lookups: 0, listeners: 0, mostListeners: 0 };
  const session: PublishingSession = {
    clientId: 'home',
    input: (work) =>
      work({
        publications: {
          request: () => undefined,
          withdraw() {},
          answer: ({ slot }, outcome) =>
            void answers.push(
              `${slot} ${outcome.ok ? `at ${outcome.host}:${outcome.port}` : `${outcome.error}: ${outcome.reason}`}`,
            ),
        },
      }),
    welcome(_, visit, onOver) {
      visits.push(visit);
      over.push(onOver);
    },
  };
  const hasDescriptor = () => state.hasDescriptor;
  const onLimit = (limit: string) => void hits.push(limit);
  const limits = { visitorsPerClient, visitorsPerSecond: 100 };
  const gate = new VisitorGate(
    { limits, clock: () => 0, hasDescriptor, onLimit },
    visitorRanges({ allow, deny }),
  );
  const visitors = new ResultCounts();
  const options: SinglePortsOptions = {
    bindsPerClient,
    addressesOf: addresses,
    async reachedAt() {
      state.lookups++;
      return '198.51.100.7';
    },
    async reachedByAll(family) {
      return family === 4 ? '198.51.100.8' : '2001:db8::8';
    },
    async listen({ port }, onVisitor) {
      if (taken.includes(port)) {
        const cause = Object.assign(new Error('taken'), { code: 'EADDRINUSE' });
        throw new ListenError(`port ${port}`, undefined, cause);
      }
      state.mostListeners = Math.max(state.mostListeners, ++state.listeners);
      listening.push(onVisitor);
      await new Promise((resolve) => setTimeout(resolve, listenMs));
      return {
        address: () => ({ host: '0.0.0.0', port: port === 0 ? PORT : port }),
        close() {
          state.listeners--;
          listening.splice(listening.indexOf(onVisitor), 1);
        },
      };
    },
    gate,
    hasDescriptor,
    onLimit,
    visitors,
  };
  const singles = new SinglePorts(options, ports);
  const request = async (slot: number, host = 'ftp.example') => {
    singles.request(session, { slot, generation: 1 }, { host, port: 0, once: true }, granted);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { singles, session, answers, visits, over, visitors, hits, listening, state, request };
}

function visitor(remoteAddress: string) {
  const destroy = vi.fn();
  const socket = { remoteAddress, remotePort: 20, localAddress: '::ffff:198.51.100.7', destroy };
  return { socket: socket as unknown as AppSocket, destroy };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('waits for one connection from the host that was named, and for no other', async () => {
  const { answers, visits, listening, request } = bed();
  await request(3);
  expect(answers).toEqual([`3 at 198.51.100.7:${PORT}`]);
  const [onVisitor] = listening;
  const stranger = visitor('198.51.100.99');
  onVisitor!(stranger.socket);
  expect([visits, stranger.destroy.mock.calls]).toEqual([[], [['reset']]]);
  onVisitor!(visitor(`::ffff:${SERVER}`).socket);
  expect(visits).toMatchObject([{ slot: 3, generation: 1, visitorPort: 20, localPort: PORT }]);
  expect(listening).toEqual([]);
  const late = visitor(SERVER);
  onVisitor!(late.socket);
  expect([visits.length, late.destroy.mock.calls]).toEqual([1, [['reset']]]);
  await vi.advanceTimersByTimeAsync(200_000);
  expect(answers).toHaveLength(1);
});

it('waits for two minutes', async () => {
  const { answers, listening, request } = bed();
  await request(0);
  await vi.advanceTimersByTimeAsync(119_000);
  expect(listening).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([listening, answers.at(-1)]).toEqual([[], '0 timedOut: nobody has connected']);
});

it('waits for so many connections of a client, and for none where the limit is 0', async () => {
  const some = bed();
  for (let slot = 0; slot < 256; slot++) await some.request(slot);
  expect([some.listening.length, some.hits.length]).toEqual([2, 254]);
  expect(some.answers.at(-1)).toContain('resourceExceeded: a client may wait for 2 connections');
  const none = bed({ bindsPerClient: 0 });
  await none.request(0);
  expect(none.answers[0]).toContain('0 notAuthorized:');
});

it('refuses where the client may not connect to', async () => {
  const { answers, listening, request } = bed({
    addresses: async () => {
      throw new StreamError('notAuthorized', 'not permitted by the egress policy: it is private');
    },
  });
  await request(0);
  expect([answers, listening]).toEqual([
    ['0 notAuthorized: not permitted by the egress policy: it is private'],
    [],
  ]);
});

it('closes when it is withdrawn, also before it listens, and with its session', async () => {
  const { singles, session, listening, request, answers } = bed();
  await request(0);
  singles.withdraw(session, 0);
  singles.request(session, { slot: 1, generation: 1 }, { host: 'ftp.example', port: 0, once: true }, []);
  singles.withdraw(session, 1);
  await vi.advanceTimersByTimeAsync(0);
  await request(2);
  singles.close(session);
  expect([listening, answers]).toEqual([[], [`0 at 198.51.100.7:${PORT}`, `2 at 198.51.100.7:${PORT}`]]);
});

it('counts those that are withdrawn until their sockets are gone, however fast a client asks', async () => {
  const { singles, session, listening, state, hits } = bed({ listenMs: 5 });
  const place = { host: SERVER, port: 0, once: true };
  for (let generation = 1; generation <= 1_000; generation += 2) {
    singles.request(session, { slot: 0, generation }, place, []);
    await vi.advanceTimersByTimeAsync(1);
    singles.withdraw(session, 0);
  }
  await vi.advanceTimersByTimeAsync(5);
  expect([state.mostListeners, listening]).toEqual([2, []]);
  expect(hits.filter((limit) => limit === 'bindsPerClient').length).toBeGreaterThan(200);
});

it('makes no socket for what is withdrawn before, nor without a descriptor', async () => {
  const { singles, session, state, answers, hits, request } = bed();
  singles.request(session, { slot: 0, generation: 1 }, { host: SERVER, port: 0, once: true }, []);
  singles.withdraw(session, 0);
  await vi.advanceTimersByTimeAsync(0);
  state.hasDescriptor = false;
  await request(1);
  expect([state.lookups, state.mostListeners, hits]).toEqual([0, 0, ['descriptors']]);
  expect(answers).toEqual(['1 resourceExceeded: few descriptors are left']);
});

it('leads those who come through the gate for visitors, and goes on waiting when it is shut', async () => {
  const { visits, over, visitors, hits, listening, state, request } = bed({ visitorsPerClient: 2 });
  const come = () => {
    const one = visitor(SERVER);
    listening.at(-1)!(one.socket);
    return one.destroy.mock.calls.length;
  };
  await request(0);
  state.hasDescriptor = false;
  expect([come(), visits.length, listening.length]).toEqual([1, 0, 1]);
  state.hasDescriptor = true;
  expect([come(), visits.length, listening.length]).toEqual([0, 1, 0]);
  // One source has half of the places.
  await request(1);
  expect([come(), visits.length]).toEqual([1, 1]);
  over[0]!();
  expect([come(), visits.length]).toEqual([0, 2]);
  expect(hits).toEqual(['descriptors', 'visitorsPerSource']);
  expect([...visitors.entries()]).toEqual([
    ['limit', 2],
    ['accepted', 2],
  ]);
});

it.each([
  ['denied', { deny: ['203.0.113.0/24'] }],
  ['not allowed', { allow: ['198.51.100.0/24'] }],
])('waits for nobody from ranges that are %s for visitors', async (_, ranges) => {
  const none = bed(ranges);
  await none.request(0);
  expect([none.listening, none.answers]).toEqual([
    [],
    ['0 notAuthorized: no visitors may come from there ("visitors" of the concentrator)'],
  ]);
  const some = bed({ ...ranges, addresses: async () => [SERVER, '198.51.100.9'] });
  await some.request(0);
  const refused = visitor(SERVER);
  some.listening[0]!(refused.socket);
  some.listening[0]!(visitor('198.51.100.9').socket);
  expect([refused.destroy.mock.calls.length, some.visits.length]).toEqual([1, 1]);
});

describe('with ports that are configured', () => {
  const ports = [
    { from: 50_000, to: 50_001 },
    { from: 50_010, to: 50_010 },
  ];

  it('waits at one that is free, each in its turn, and says when none is', async () => {
    const { answers, request, singles, session } = bed({ ports, bindsPerClient: 9, taken: [50_001] });
    await request(0);
    await request(1);
    await request(2);
    singles.withdraw(session, 0);
    await request(3);
    expect(answers).toEqual([
      '0 at 198.51.100.7:50000',
      '1 at 198.51.100.7:50010',
      '2 resourceExceeded: none of the ports for single connections is free',
      '3 at 198.51.100.7:50000',
    ]);
  });

  it('takes others from then on', async () => {
    const { answers, request, singles } = bed({ ports });
    singles.setPorts([{ from: 60_000, to: 60_000 }]);
    await request(0);
    singles.setPorts(undefined);
    await request(1);
    expect(answers).toEqual(['0 at 198.51.100.7:60000', `1 at 198.51.100.7:${PORT}`]);
  });

  it('gives up after some ports that other programs have', async () => {
    const taken = Array.from({ length: 5_000 }, (_, i) => 50_000 + i);
    const { answers, request } = bed({ ports: [{ from: 50_000, to: 55_000 }], taken });
    await request(0);
    expect(answers).toEqual(['0 resourceExceeded: none of the ports for single connections is free']);
  });
});

describe('for anybody', () => {
  const granted = [{ from: 8000, to: 8001 }];

  it.each([
    ['0.0.0.0', '198.51.100.8'],
    ['::', '2001:db8::8'],
    ['0:0::0', '2001:db8::8'],
  ])('%s waits at a port that the client may publish', async (host, local) => {
    const { answers, visits, singles, over, listening, request } = bed({ granted });
    await request(0, host);
    expect(answers).toEqual([`0 at ${local}:8000`]);
    listening[0]!(visitor('203.0.113.77').socket);
    expect([visits.length, singles.visitors]).toEqual([1, 1]);
    over[0]!();
    expect(singles.visitors).toBe(0);
  });

  it('is over when the client may not publish the port any more', async () => {
    const { answers, listening, singles, request } = bed({ granted });
    await request(0, '0.0.0.0');
    await request(1);
    const grants = (from: number) =>
      new PortGrants([{ id: 'home', key: KEY, publish: [{ from, to: 8001 }] }]);
    singles.replaceGrants(grants(8000));
    expect([answers.length, listening.length]).toEqual([2, 2]);
    singles.replaceGrants(grants(8001));
    expect([answers.at(-1), listening.length]).toEqual([
      expect.stringMatching(/^0 notAuthorized: port 8000 is not allowed/),
      1,
    ]);
  });

  it('is refused to a client that may publish none, and to ranges that no visitors come from', async () => {
    const none = bed();
    await none.request(0, '0.0.0.0');
    expect(none.answers).toEqual([expect.stringMatching(/^0 notAuthorized: .*client publish/)]);
    const { visits, listening, request } = bed({ granted, deny: ['203.0.113.0/24'] });
    await request(0, '0.0.0.0');
    const refused = visitor('203.0.113.77');
    listening[0]!(refused.socket);
    expect([visits, refused.destroy.mock.calls]).toEqual([[], [['reset']]]);
    listening[0]!(visitor('198.51.100.1').socket);
    expect(visits).toHaveLength(1);
  });
});
