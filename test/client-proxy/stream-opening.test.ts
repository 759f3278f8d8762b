import { expect, it, vi } from 'vitest';
import type { ConnectRequest } from '../../client-proxy/front/connect-request.ts';
import { StreamOpener } from '../../client-proxy/stream-opening.ts';
import { OwnBytes } from '../../shared/protocol/memory/chunk.ts';
import type { AppSocketHandlers } from '../../shared/runtime/app/app-socket.ts';
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
  const opener = new StreamOpener({
    keeper,
    optimisticReply,
    stallTimeoutMs: 1_000,
    answerTimeoutMs: 5_000,
    onResult: (result) => results.push(result),
    onLookedUp() {},
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
  await vi.waitFor(() => expect(open.received()).toBe(1));
  void first.concentrator.close();
  reaches.dsl = isNextReached ? second.port : 0;
  void opener.open(request, steered);
  return { socket, answers, results, steered, keeper, old };
}

it('opens a stream in the next session that the last one has refused, with what came behind the request', async () => {
  const { socket, answers, results, keeper, old } = await crossed('never', ['early ', 'bytes']);
  await vi.waitFor(() => expect(socket.received).toBe('early bytes'), { timeout: 5_000 });
  expect([answers, results]).toEqual([['ok'], ['ok']]);
  expect(keeper.current).not.toBe(old);
});

it.each([
  ['that was answered before, and has spoken since', 'always', false],
  ['that takes itself for connected already', 'never', true],
] as const)('does so, too, for an application %s', async (_, optimisticReply, isConnected) => {
  const { socket, answers, results, steered } = await crossed(optimisticReply, ['early '], { isConnected });
  await vi.waitFor(() => expect(answers).toEqual(['ok']));
  socket.say('and ');
  socket.say('later');
  await vi.waitFor(() => expect(socket.received).toBe('early and later'), { timeout: 5_000 });
  socket.say(', still there');
  await vi.waitFor(() => expect(socket.received).toBe('early and later, still there'));
  expect([answers, results, socket.ends]).toEqual([['ok'], ['ok'], []]);
  expect(steered.over).not.toHaveBeenCalled();
});

it('resets an application that has said more than is remembered', async () => {
  const { socket, answers, results, steered } = await crossed('always', []);
  await vi.waitFor(() => expect(answers).toEqual(['ok']));
  socket.say('x'.repeat(40_000));
  await vi.waitFor(() => expect(socket.ends).toEqual(['reset']), { timeout: 5_000 });
  expect(results).toEqual(['goingAway']);
  expect(steered.over).toHaveBeenCalledTimes(1);
});

it('lets go of an application that leaves while it waits for the next session', async () => {
  const next = { isNextReached: false };
  const { socket, answers, results, steered, keeper } = await crossed('always', ['early '], next);
  await vi.waitFor(() => expect(answers).toEqual(['ok']));
  await vi.waitFor(() => expect(keeper.current).toBeUndefined());
  socket.handlers!.onClose();
  await vi.waitFor(() => expect(results).toEqual(['cancelled']));
  expect(steered.over).toHaveBeenCalledTimes(1);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(socket.received).toBe('');
});
