import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { ClientLogs } from '../../../server-concentrator/limits/client-logs.ts';
import type { LimitName } from '../../../server-concentrator/limits/limit-hits.ts';
import { TokenBuckets } from '../../../server-concentrator/limits/token-buckets.ts';
import type { Applicant } from '../../../server-concentrator/session/applicant.ts';
import { MemoryLevels } from '../../../server-concentrator/session/memory-levels.ts';
import { SessionRegistry } from '../../../server-concentrator/session/session-registry.ts';
import { UsageMeters } from '../../../server-concentrator/usage/usage-meters.ts';
import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { ERROR_CODE, type ErrorName } from '../../../shared/protocol/errors.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { withTuning } from '../../../shared/protocol/session/core-tuning.ts';
import { DelayRecord } from '../../../shared/protocol/stream/stream-delays.ts';
import { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';
import { TrafficTable } from '../../../shared/runtime/session/uplink-traffic.ts';
import type {
  SubflowTransport,
  SubflowTransportHandlers,
} from '../../../shared/runtime/subflow/subflow-transport.ts';
import { NO_ALLOWANCES } from '../../support/no-allowances.ts';

const LIMITS = {
  sessions: 5,
  sessionsPerClient: 2,
  streamsPerSession: 16,
  subflowsPerSession: 3,
  opensPerSecond: 200,
  dialsPerClient: 16,
  namesPerClient: 16,
  joinsPerSecond: 16,
  publishPerClient: 64,
  bindsPerClient: 16,
  visitorsPerClient: 1_024,
  visitorsPerSecond: 200,
  measurementBytesPerHour: 0,
  memoryPerSessionBytes: 1_000_000,
  memoryPerClientBytes: 16e6,
  memoryTotalBytes: 16_000_000,
  handshakesPerSecond: 100,
  handshakeTimeoutMs: 20_000,
  streamIdleTimeoutMs: 600_000,
  drainTimeoutMs: 0,
};
const CLIENTS = ['a', 'b', 'c'] as const;
const KEY = new Uint8Array(32);

/** A connection whose client has proven its key. */
class Peer {
  isOpen = true;
  handlers: SubflowTransportHandlers | undefined;
  token: Uint8Array | undefined;
  refusal: ErrorName | undefined;
  readonly transport = {
    remoteAddress: '192.0.2.1',
    setHandlers: (handlers: SubflowTransportHandlers) => {
      this.handlers = handlers;
    },
    write: () => {},
    measure: () => undefined,
    setReading: () => {},
    destroy: () => this.cut(),
  } as Partial<SubflowTransport> as SubflowTransport;

  /** The connection breaks. */
  cut(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.handlers?.onClose();
  }

  /** The client ends the session. */
  sayClose(): void {
    if (!this.isOpen) return;
    this.handlers?.onBytes(new OwnBytes(encodeControl({ type: 'close', code: ERROR_CODE.cancelled })));
  }

  applicant(request: object): Applicant {
    const handshake = {
      provenKey: KEY,
      welcome: ({ token }: { token: Uint8Array }) => {
        this.token = token;
        return new Uint8Array(1);
      },
      joined: () => new Uint8Array(1),
      refuse: (error: ErrorName) => {
        this.refusal = error;
        return new Uint8Array(1);
      },
    };
    const { transport } = this;
    return { transport, handshake, request, takeRest: () => new Uint8Array(0) } as unknown as Applicant;
  }
}

function bed({ perSecond = 1e6, burst = 1e6 } = {}) {
  const hits: LimitName[] = [];
  const clock = () => performance.now();
  const registry = new SessionRegistry({
    limits: LIMITS,
    memory: new MemoryLevels(LIMITS),
    lingerMs: 60_000,
    tuning: withTuning({}),
    dialer: undefined as never,
    clock,
    logs: new ClientLogs(pino({ enabled: false }), clock),
    joins: new TokenBuckets({ perSecond, burst }, () => 0),
    limitHits: { note: (limit) => void hits.push(limit) },
    usage: new UsageMeters(1),
    allowances: NO_ALLOWANCES,
    traffic: new TrafficTable(1),
    published: { request() {}, withdraw() {}, onSessionEnded() {} },
    stallTimeoutMs: 120_000,
    delays: new DelayRecord(),
    onStreamRequested() {},
    onOpened() {},
    onSessionEnded() {},
  });
  const peers: Peer[] = [];
  const admit = (request: object) => {
    const peer = new Peer();
    peers.push(peer);
    return { peer, result: registry.admit(peer.applicant(request)) };
  };
  const common = (clientId: string) => ({ clientId, uplinkName: 'lan', backup: false, path: 0 });
  return {
    registry,
    hits,
    peers,
    hello: (clientId: string, founding?: { id: Uint8Array; subflowId: number }) =>
      admit({
        kind: 'hello',
        hello: { ...common(clientId), lowestVersion: 1, highestVersion: 1, founding },
      }),
    join: (clientId: string, token: Uint8Array, subflowId: number) =>
      admit({ kind: 'join', join: { ...common(clientId), version: 1, token, subflowId } }),
    /** Sessions that have not ended. */
    live: () => registry.all.filter(({ driver }) => !driver.isClosed),
    async end() {
      const closed = registry.close();
      await turn();
      for (const peer of peers) peer.cut();
      await closed;
    },
  };
}

/** Sessions do in it what was asked of them. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('HELLOs that arrive in one turn', () => {
  it.each([0, 1, 2])('are welcomed up to the limit, with %i sessions that linger', async (lost) => {
    const { hello, live, hits, end } = bed();
    for (let i = 0; i < 2; i++) {
      const { peer } = hello('a');
      if (i < lost) peer.cut();
    }
    await turn();
    const results = Array.from({ length: 64 }, () => hello('a').result);
    expect(results.filter((result) => result === 'hello')).toHaveLength(lost);
    expect(live()).toHaveLength(2);
    expect(hits.filter((limit) => limit === 'sessionsPerClient')).toHaveLength(64 - lost);
    await turn();
    expect(live()).toHaveLength(2);
    await end();
  });

  it('hold the limit of all sessions, too, and leave those of others alone', async () => {
    const { hello, live, registry, end } = bed();
    for (const id of ['a', 'b']) for (let i = 0; i < 2; i++) hello(id).peer.cut();
    await turn();
    const others = registry.all.filter(({ clientId }) => clientId === 'b');
    expect([hello('c').result, hello('c').result]).toEqual(['hello', 'resourceExceeded']);
    for (let i = 0; i < 64; i++) hello('a');
    expect(live()).toHaveLength(5);
    expect(others.map(({ driver }) => driver.isClosed)).toEqual([false, false]);
    await end();
  });
});

it('looks at no session of another client while there is room', async () => {
  const { hello, end } = bed();
  for (const id of ['a', 'b', 'b']) hello(id);
  await turn();
  const looks = vi.spyOn(SessionDriver.prototype, 'isClosed', 'get');
  expect(hello('c', { id: new Uint8Array(16), subflowId: 0 }).result).toBe('hello');
  expect(looks).not.toHaveBeenCalled();
  looks.mockRestore();
  await end();
});

describe('HELLOs of one founding', () => {
  const id = new Uint8Array(16).fill(5);

  it('begin one session, which has a subflow of each', async () => {
    const { hello, live, end } = bed();
    const peers = [2, 0].map((subflowId) => hello('a', { id, subflowId }).peer);
    await turn();
    expect(live().map(({ driver }) => driver.snapshot().subflows.map((one) => one.id))).toEqual([[2, 0]]);
    expect(new Set(peers.map(({ token }) => Buffer.from(token!).toString('hex'))).size).toBe(1);
    expect(hello('a', { id, subflowId: 2 }).result).toBe('malformedMessage');
    await end();
  });

  it('count for the limit of subflows, not for that of sessions', async () => {
    const { hello, live, hits, end } = bed();
    const results = Array.from({ length: 40 }, (_, subflowId) => hello('a', { id, subflowId }).result);
    expect(results.filter((result) => result === 'hello')).toHaveLength(LIMITS.subflowsPerSession);
    expect([live().length, new Set(hits)]).toEqual([1, new Set(['subflowsPerSession'])]);
    await end();
  });

  it('of two clients begin two; so do those of one client after its session has ended', async () => {
    const { hello, live, end } = bed();
    hello('a', { id, subflowId: 0 });
    hello('b', { id, subflowId: 1 });
    await turn();
    expect(live().map(({ clientId }) => clientId)).toEqual(['a', 'b']);
    live()[0]!.driver.input((session) => session.close('goingAway'));
    expect(hello('a', { id, subflowId: 0 }).result).toBe('hello');
    expect(live()).toHaveLength(2);
    await end();
  });
});

it('lets nobody join the session of another client, nor learn of it', async () => {
  const { hello, join, live, end } = bed();
  const { peer: own } = hello('a');
  const { peer, result } = join('b', own.token!, 1);
  expect([result, peer.refusal]).toEqual(['sessionUnknown', 'sessionUnknown']);
  expect(join('b', new Uint8Array(16), 1).result).toBe('sessionUnknown');
  await turn();
  expect(live().map(({ driver }) => driver.snapshot().subflows.length)).toEqual([1]);
  expect(join('a', own.token!, 1).result).toBe('join');
  await end();
});

it('refuses a client that says HELLO and JOIN too often, and no other', async () => {
  const { hello, hits, end } = bed({ perSecond: 1, burst: 10 });
  const results = Array.from({ length: 100 }, () => {
    const { peer, result } = hello('a');
    peer.cut();
    return result;
  });
  expect(results.filter((result) => result === 'hello')).toHaveLength(10);
  expect(hits).toHaveLength(90);
  expect(new Set(hits)).toEqual(new Set(['joinsPerSecond']));
  expect(hello('b').result).toBe('hello');
  await end();
});

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('hello'), client: fc.nat(2), which: fc.nat(63) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('join'), client: fc.nat(2), which: fc.nat(63) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('cut'), client: fc.nat(2), which: fc.nat(63) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('close'), client: fc.nat(2), which: fc.nat(63) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('revoke'), client: fc.nat(2), which: fc.nat(63) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('turn'), client: fc.nat(2), which: fc.nat(63) }) },
);

it('holds its limits at any interleaving, and refuses nobody whom it need not', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const { registry, peers, hello, join, live, end } = bed();
      for (const { op, client, which } of steps) {
        const id = CLIENTS[client]!;
        const peer = peers[which % Math.max(1, peers.length)];
        const before = live();
        if (op === 'hello') {
          const own = before.filter(({ clientId }) => clientId === id);
          const hasRoom = own.length < LIMITS.sessionsPerClient && before.length < LIMITS.sessions;
          const hasLost = own.some(({ driver }) => !driver.hasSubflow);
          expect(hello(id).result).toBe(hasRoom || hasLost ? 'hello' : 'resourceExceeded');
          const others = before.filter(({ clientId }) => clientId !== id);
          expect(others.every(({ driver }) => !driver.isClosed)).toBe(true);
        } else if (op === 'join' && peer?.token !== undefined) {
          join(id, peer.token, which % 4);
        } else if (op === 'cut') {
          peer?.cut();
        } else if (op === 'close') {
          peer?.sayClose();
        } else if (op === 'revoke') {
          registry.closeRevoked((one) => (one === id ? [] : [KEY]));
          expect(live().some(({ clientId }) => clientId === id)).toBe(false);
        } else {
          await turn();
        }
        expect(live().length).toBeLessThanOrEqual(LIMITS.sessions);
        for (const one of CLIENTS)
          expect(live().filter(({ clientId }) => clientId === one).length).toBeLessThanOrEqual(2);
        for (const { driver } of live())
          expect(driver.snapshot().subflows.length).toBeLessThanOrEqual(LIMITS.subflowsPerSession);
      }
      await end();
    }),
    { numRuns: 200 },
  );
});
