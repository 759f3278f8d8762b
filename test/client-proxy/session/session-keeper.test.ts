import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SessionKeeper } from '../../../client-proxy/session/session-keeper.ts';
import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { ERROR_CODE } from '../../../shared/protocol/errors.ts';
import { Answered } from './answered.ts';
import { sessionOptions } from './session-options.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it('has no timer left once it is stopped, though the concentrator goes away in the same moment', async () => {
  const transport = new Answered('192.168.1.2');
  const keeper = new SessionKeeper({
    ...sessionOptions(),
    backoff: { minMs: 60_000, maxMs: 60_000 },
    openTimeoutMs: 1_000,
    connect: async () => transport,
    onChanged() {},
    onSessionEnded() {},
  });
  keeper.setUplinks([{ name: 'lan', binding: { kind: 'interface', interface: 'lan' }, backup: false }]);
  keeper.start();
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  while (!keeper.isEstablished) await turn();
  transport.say(encodeControl({ type: 'goaway', code: ERROR_CODE.goingAway }));
  const stopped = keeper.stop();
  for (let turns = 0; turns < 5; turns++) await turn();
  vi.advanceTimersByTime(1_000);
  await stopped;
  expect(vi.getTimerCount()).toBe(0);
});
