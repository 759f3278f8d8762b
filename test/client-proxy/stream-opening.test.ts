import { describe, expect, it, vi } from 'vitest';
import type { ConnectRequest } from '../../client-proxy/front/connect-request.ts';
import { StreamOpener } from '../../client-proxy/stream-opening.ts';
import { OwnBytes } from '../../shared/protocol/memory/chunk.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { AppSocketHandlers } from '../../shared/runtime/app/app-socket.ts';
import type { StreamHandlers } from '../../shared/runtime/session/session-handlers.ts';
import { eventually } from '../support/eventually.ts';
import { FakeAppSocket } from '../support/fake-app-socket.ts';
import { echo, echoServer, twoConcentrators } from './session/two-concentrators.ts';

/** An application that takes everything. */
class Application extends FakeAppSocket {
  handlers: AppSocketHandlers | undefined;
  received = '';
  readonly ends: string[] = [];

  override setHandlers(handlers?: AppSocketHandlers): void {
    this.handlers = handlers;
  }

  override write(pieces: readonly Uint8Array[], onWritten: () => void = () => {}): boolean {
    for (const piece of pieces) this.received += Buffer.from(piece).toString();
    setImmediate(onWritten);
    return true;
  }

  override destroy(how?: 'close' | 'reset'): void {
    this.ends.push(how ?? 'close');
  }

  say(text: string): void {
    this.handlers!.onChunk(new OwnBytes(Buffer.from(text)));
  }
}

/** A request for the echo server that comes just when the concentrator goes away, and before the client knows. */
async function crossed(
  optimisticReply: 'always' | 'never',
  earlyData: readonly string[],
  { isNextReached = true, isConnected = false } = {},
) {
  const { keeper, reaches, first, second } = await twoConcentrators();
  const port = await echoServer();
  const results: string[] = [];
  const directs: { direct: ConnectRequest; policy: StreamPolicy }[] = [];
  const opener = new StreamOpener({
    keeper,
    optimisticReply,
    stallTimeoutMs: 1_000,
    answerTimeoutMs: 5_000,
    openDirect: (direct, policy) => void directs.push({ direct, policy }),
    onResult: (result) => results.push(result),
    onLost() {},
    onLookedUp() {},
    onOpened() {},
    clock: () => performance.now(),
  });
  const socket = new Application();
  const answers: string[] = [];
  const request: ConnectRequest = {
    destination: { host: '127.0.0.1', port },
    earlyData: earlyData.map((text) => Buffer.from(text)),
    socket,
    ...(isConnected ? { isConnected } : {}),
    succeed: () => answers.push('ok'),
    fail: (error) => answers.push(error),
    onAbandoned() {},
  };
  const steered = { policy: { mode: 'aggregate' as const }, opened() {}, over: vi.fn() };
  const old = keeper.current;
  // A stream that is open keeps the session while the concentrator drains.
  const open = await echo(keeper, port);
  open.say(1);
  await eventually(() => expect(open.received()).toBe(1));
  void first.concentrator.close();
  reaches.dsl = isNextReached ? second.port : 0;
  void opener.open(request, steered);
  return { socket, answers, results, directs, opener, steered, keeper, old };
}

it('opens a stream in the next session that the last one has refused, with what came behind the request', async () => {
  const { socket, answers, results, keeper, old } = await crossed('never', ['early ', 'bytes']);
  await eventually(() => expect(socket.received).toBe('early bytes'));
  expect([answers, results]).toEqual([['ok'], ['ok']]);
  expect(keeper.current).not.toBe(old);
});

it.each([
  ['that was answered before, and has spoken since', 'always', false],
  ['that takes itself for connected already', 'never', true],
] as const)('does so, too, for an application %s', async (_, optimisticReply, isConnected) => {
  const { socket, answers, results, steered } = await crossed(optimisticReply, ['early '], { isConnected });
  await eventually(() => expect(answers).toEqual(['ok']));
  socket.say('and ');
  socket.say('later');
  await eventually(() => expect(socket.received).toBe('early and later'));
  socket.say(', still there');
  await eventually(() => expect(socket.received).toBe('early and later, still there'));
  expect([answers, results, socket.ends]).toEqual([['ok'], ['ok'], []]);
  expect(steered.over).not.toHaveBeenCalled();
});

it('resets an application that has said more than is remembered', async () => {
  const { socket, answers, results, steered } = await crossed('always', []);
  await eventually(() => expect(answers).toEqual(['ok']));
  socket.say('x'.repeat(40_000));
  await eventually(() => expect(socket.ends).toEqual(['reset']));
  expect(results).toEqual(['goingAway']);
  expect(steered.over).toHaveBeenCalledTimes(1);
});

it('lets go of an application that leaves while it waits for the next session', async () => {
  const next = { isNextReached: false };
  const { socket, answers, results, steered, keeper } = await crossed('always', ['early '], next);
  await eventually(() => expect(answers).toEqual(['ok']));
  await eventually(() => expect(keeper.current).toBeUndefined());
  socket.handlers!.onClose();
  await eventually(() => expect(results).toEqual(['cancelled']));
  expect(steered.over).toHaveBeenCalledTimes(1);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(socket.received).toBe('');
});

it.each(['never', 'always'] as const)(
  'gives what waits for a session to a direct connection, with what was said (optimistic reply: %s)',
  async (optimisticReply) => {
    const next = { isNextReached: false };
    const it = await crossed(optimisticReply, ['early '], next);
    await eventually(() => expect(it.keeper.current).toBeUndefined());
    await eventually(() => {
      it.opener.divertWaiting();
      expect(it.directs).toHaveLength(1);
    });
    const [{ direct, policy }] = it.directs as [(typeof it.directs)[0]];
    expect(direct.earlyData.map((bytes) => Buffer.from(bytes).toString())).toEqual(['early ']);
    expect([policy.mode, it.results]).toEqual(['aggregate', []]);
    expect(it.steered.over).toHaveBeenCalledTimes(1);
    // Who was answered is not answered again, and hears of a failure by a reset.
    direct.fail('timedOut');
    if (optimisticReply === 'always') expect([it.answers, it.socket.ends]).toEqual([['ok'], ['reset']]);
    else expect([it.answers, it.socket.ends]).toEqual([['timedOut'], []]);
    it.opener.divertWaiting();
    expect(it.directs).toHaveLength(1);
  },
);

it.each([
  ['has said nothing', [], 1],
  ['has said something, which the origin may have got', ['early '], 0],
] as const)('an application that waits for its answer in a session, and %s', async (_, early, diverted) => {
  const calls: string[] = [];
  const streams = { reset: () => void calls.push('reset'), write() {}, end() {} };
  const driver = { input: (work: (session: object) => unknown) => work({ streams }), forgetStream() {} };
  const directs: ConnectRequest[] = [];
  const results: string[] = [];
  const opener = new StreamOpener({
    keeper: {
      openStream: async (_destination, _policy, handlersOf) => handlersOf(driver as never, 1),
    },
    optimisticReply: 'never',
    stallTimeoutMs: 1_000,
    answerTimeoutMs: 60_000,
    openDirect: (request) => void directs.push(request),
    onResult: (result) => results.push(result),
    onLost() {},
    onLookedUp() {},
    onOpened() {},
    clock: () => performance.now(),
  });
  const answers: string[] = [];
  let abandon = () => {};
  const request: ConnectRequest = {
    destination: { host: '127.0.0.1', port: 22 },
    earlyData: early.map((text) => Buffer.from(text)),
    socket: new Application(),
    succeed: () => answers.push('ok'),
    fail: (error) => answers.push(error),
    onAbandoned: (callback) => {
      abandon = callback;
    },
  };
  const steered = { policy: { mode: 'aggregate' as const }, opened() {}, over: vi.fn() };
  await opener.open(request, steered);
  opener.divertWaiting();
  opener.divertWaiting();
  expect([directs.length, calls.length, results]).toEqual([diverted, diverted, []]);
  expect(steered.over).toHaveBeenCalledTimes(diverted);
  abandon();
  // What is diverted is counted as a direct connection.
  expect([answers, calls, results]).toEqual([[], ['reset'], diverted ? [] : ['cancelled']]);
});

/** A record of a handshake that ends with `bytes` behind the kind of its message. */
const handshake = (message: number, bytes = 40) =>
  Buffer.from([22, 3, 1, 0, 1 + bytes, message, ...new Array<number>(bytes).fill(0)]);
const HELLO = handshake(1);
const EARLY_DATA = Buffer.from([23, 3, 3, 0, 4, ...Buffer.from('POST')]);

/** Openings of one application in sessions of which none answers: what each was told, and what becomes of the application. */
function unanswered(optimisticReply: 'always' | 'never', early: readonly Buffer[]) {
  const sessions: {
    readonly driver: { isClosed: boolean };
    readonly said: string[];
    readonly forgotten: number[];
    readonly handlers: StreamHandlers;
    readonly refusedBy: object | undefined;
  }[] = [];
  const results: string[] = [];
  const answers: string[] = [];
  const opener = new StreamOpener({
    keeper: {
      async openStream(_destination, _policy, handlersOf, _signal, refusedBy) {
        const said: string[] = [];
        const forgotten: number[] = [];
        const streams = {
          reset() {},
          write: (_id: number, { bytes }: OwnBytes) => void said.push(Buffer.from(bytes).toString('hex')),
        };
        const driver = {
          input: (work: (session: object) => unknown) => work({ streams }),
          forgetStream: (id: number) => void forgotten.push(id),
          holdsBack: () => false,
          isClosed: false,
        };
        const handlers = handlersOf(driver as never, 1);
        sessions.push({ driver, said, forgotten, handlers, refusedBy });
        return handlers;
      },
    },
    optimisticReply,
    stallTimeoutMs: 1_000,
    answerTimeoutMs: 60_000,
    openDirect() {},
    onResult: (result) => results.push(result),
    onLost() {},
    onLookedUp() {},
    onOpened() {},
    clock: () => performance.now(),
  });
  const socket = new Application();
  const opened = opener.open(
    {
      destination: { host: '127.0.0.1', port: 443 },
      earlyData: early,
      socket,
      succeed: () => answers.push('ok'),
      fail: (error) => answers.push(error),
      onAbandoned() {},
    },
    { policy: { mode: 'aggregate' }, opened() {}, over() {} },
  );
  return { opener, opened, sessions, socket, results, answers };
}

describe('what has no answer from a concentrator that falls silent', () => {
  it.each<[string, boolean, readonly Buffer[], readonly Buffer[]]>([
    ['that has said nothing', true, [], []],
    ['of TLS', true, [HELLO], []],
    ['of TLS, answered before', true, [], [HELLO]],
    ['of TLS, in pieces', true, [HELLO.subarray(0, 3), HELLO.subarray(3)], []],
    ['of TLS, whose greeting is not whole yet', true, [HELLO.subarray(0, 20)], []],
    ['of TLS, with 0-RTT data in the same piece', false, [Buffer.concat([HELLO, EARLY_DATA])], []],
    ['of TLS, with 0-RTT data in a second piece', false, [HELLO, EARLY_DATA], []],
    ['of TLS, with 0-RTT data after the answer', false, [HELLO], [EARLY_DATA]],
    ['that says another message of a handshake', false, [handshake(16)], []],
    ['that begins with the same byte', false, [Buffer.from([22, 0, 9, 1, 1, 1, 1])], []],
    ['that has said no more than that byte', false, [Buffer.from([22])], []],
    ['that says something else', false, [Buffer.from('GET / HTTP/1.1')], []],
  ])('an application %s begins again elsewhere: %s', async (_, isMoved, early, later) => {
    const { opener, opened, sessions, socket } = unanswered('always', early);
    await opened;
    for (const bytes of later) socket.handlers!.onChunk(new OwnBytes(bytes));
    opener.moveFrom(new Set([sessions[0]!.driver as never]));
    await eventually(() => expect(sessions).toHaveLength(isMoved ? 2 : 1));
    const all = Buffer.concat([...early, ...later]).toString('hex');
    expect(sessions.map(({ said }) => said.join(''))).toEqual(isMoved ? [all, all] : [all]);
    // Nobody hears of a stream that nobody waits for any more.
    expect(sessions.map(({ forgotten }) => forgotten)).toEqual(isMoved ? [[1], []] : [[]]);
  });
});

describe('what has no answer from a session that ends', () => {
  it.each([
    ['has said nothing', 'never', []],
    ['has only greeted', 'always', [HELLO]],
  ] as const)('begins again in the next one: an application that %s', async (_, optimisticReply, early) => {
    const { opened, sessions, socket, results } = unanswered(optimisticReply, early);
    await opened;
    sessions[0]!.driver.isClosed = true;
    sessions[0]!.handlers.onFailed('sessionUnknown');
    await eventually(() => expect(sessions).toHaveLength(2));
    const [first, next] = sessions;
    expect([next!.refusedBy === first!.driver, next!.said, results, socket.ends]).toEqual([
      ...[true, first!.said, [], []],
    ]);
    next!.handlers.onOpened();
    expect(results).toEqual(['ok']);
  });

  it('does so where the concentrator has forgotten the session', async () => {
    const { keeper } = await twoConcentrators();
    const port = await echoServer();
    const answers: string[] = [];
    const results: string[] = [];
    const opener = new StreamOpener({
      keeper,
      optimisticReply: 'never',
      stallTimeoutMs: 1_000,
      answerTimeoutMs: 5_000,
      openDirect() {},
      onResult: (result) => results.push(result),
      onLost() {},
      onLookedUp() {},
      onOpened() {},
      clock: () => performance.now(),
    });
    const forgotten = keeper.current!;
    const opening = opener.open(
      {
        destination: { host: '127.0.0.1', port },
        earlyData: [],
        socket: new Application(),
        succeed: () => answers.push('ok'),
        fail: (error) => answers.push(error),
        onAbandoned() {},
      },
      { policy: { mode: 'aggregate' }, opened() {}, over() {} },
    );
    await opening;
    expect([forgotten.streamCount, answers]).toEqual([1, []]);
    forgotten.input((session) => session.close('sessionUnknown'));
    await eventually(() => expect([answers, results]).toEqual([['ok'], ['ok']]));
    expect(keeper.current).not.toBe(forgotten);
  });

  it('fails after three of them', async () => {
    const { opened, sessions, results, answers } = unanswered('never', []);
    await opened;
    for (let i = 0; i < 3; i++) {
      await eventually(() => expect(sessions).toHaveLength(i + 1));
      sessions[i]!.driver.isClosed = true;
      sessions[i]!.handlers.onFailed('sessionUnknown');
    }
    expect([results, answers]).toEqual([['sessionUnknown'], ['sessionUnknown']]);
  });

  it.each([
    ['the origin may have got what was said', [Buffer.from('GET / HTTP/1.1')], true, 'sessionUnknown'],
    ['it is the stream alone that failed', [], false, 'uplinksLost'],
    ['it may be to blame itself', [], true, 'internalError'],
  ] as const)('fails where %s', async (_, early, isClosed, error) => {
    const { opened, sessions, results, answers } = unanswered('never', early);
    await opened;
    sessions[0]!.driver.isClosed = isClosed;
    sessions[0]!.handlers.onFailed(error);
    await new Promise(setImmediate);
    expect([sessions.length, results, answers]).toEqual([1, [error], [error]]);
  });
});
