import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import type { DialledUplink } from '../../../client-proxy/path-manager/uplink-role.ts';
import { SessionKeeper } from '../../../client-proxy/session/session-keeper.ts';
import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { ERROR_CODE, TributaryError } from '../../../shared/protocol/errors.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import { Answered } from './answered.ts';
import { sessionOptions } from './session-options.ts';

const DSL: DialledUplink = { name: 'dsl', binding: { kind: 'interface', interface: 'eth0' }, backup: false };
const LTE: DialledUplink = {
  name: 'lte',
  binding: { kind: 'interface', interface: 'wwan0' },
  backup: true,
  standby: 'break-before-make',
};
const LINGER_MS = 2_000;
const DIAL_TIMEOUT_MS = 5_000;
const RESTART_MS = 500;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A session over these uplinks; over those that are `silent` nothing answers. When each dial began, and ended in vain. */
function bed(uplinks: readonly DialledUplink[], silent: readonly string[] = []) {
  const net = { silent: new Set(silent) };
  const dials: { readonly uplink: string; readonly atMs: number; failedMs?: number }[] = [];
  const transports: Answered[] = [];
  const keeper = new SessionKeeper({
    ...sessionOptions(),
    clock: () => Date.now(),
    lingerMs: LINGER_MS,
    backoff: { minMs: RESTART_MS, maxMs: 8_000 },
    random: () => 1,
    openTimeoutMs: 15_000,
    async connect({ name }) {
      const dial: (typeof dials)[0] = { uplink: name, atMs: Date.now() };
      dials.push(dial);
      if (net.silent.has(name)) {
        await new Promise((resolve) => setTimeout(resolve, DIAL_TIMEOUT_MS));
        dial.failedMs = Date.now();
        throw new TributaryError('timedOut', 'no answer in time', 'peer');
      }
      const transport = new Answered(name);
      transports.push(transport);
      return transport;
    },
    onChanged() {},
    onSessionEnded() {},
  });
  onTestFinished(() => void keeper.stop());
  keeper.setUplinks(uplinks);
  keeper.start();
  const dialsOf = (name: string, sinceMs: number) =>
    dials.filter(({ uplink, atMs }) => uplink === name && atMs >= sinceMs);
  const until = async (isSo: () => boolean) => {
    for (let i = 0; i < 1_000 && !isSo(); i++) await vi.advanceTimersByTimeAsync(10);
    expect(isSo()).toBe(true);
  };
  return { keeper, net, transports, dials, dialsOf, until };
}

/** The first subflow works for so long: what the client sends is receipted. */
async function work(transport: Answered, ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 100) {
    const bytes = transport.written.reduce((sum, { length }) => sum + length, 0);
    transport.say(
      encodeControl({ type: 'receipt', entries: [{ subflowId: 0, delayMicroseconds: 0, bytes }] }),
    );
    await vi.advanceTimersByTimeAsync(100);
  }
}

const goAway = (transport: Answered) =>
  transport.say(encodeControl({ type: 'goaway', code: ERROR_CODE.goingAway }));

/** It ends its session in good order. */
async function leave(transport: Answered): Promise<void> {
  goAway(transport);
  await work(transport, 1_000);
}

/** The concentrator ends the session. */
function end(transport: Answered): void {
  transport.say(encodeControl({ type: 'close', code: ERROR_CODE.goingAway }));
}

it.each([
  ['that it has lost', (transport: Answered) => transport.destroy()],
  ['that ended while all was well', (transport: Answered) => leave(transport)],
])(
  'dials an uplink that has worked in a session %s every second, in those that follow',
  async (_, leaveIt) => {
    const { keeper, net, transports, dials, until } = bed([DSL]);
    await until(() => keeper.isEstablished);
    await work(transports[0]!, 3_000);
    const first = keeper.current;
    net.silent.add('dsl');
    await leaveIt(transports[0]!);
    await until(() => keeper.current !== first);
    const sinceMs = Date.now();
    await vi.advanceTimersByTimeAsync(120_000);
    const failed = dials.filter(({ atMs, failedMs }) => atMs > sinceMs && failedMs !== undefined);
    expect(failed.length).toBeGreaterThan(120_000 / (DIAL_TIMEOUT_MS + 1_000) - 3);
    net.silent.clear();
    await until(() => keeper.isEstablished);
  },
);

it('dials a last resort at once in a session that follows one in which it carried everything', async () => {
  const { keeper, transports, dialsOf, until } = bed([DSL, LTE], ['dsl']);
  await until(() => keeper.isEstablished);
  expect(dialsOf('lte', 0)).toHaveLength(1);
  const sinceMs = Date.now();
  goAway(transports[0]!);
  await until(() => dialsOf('lte', sinceMs).length > 0);
  expect(Date.now() - sinceMs).toBeLessThan(RESTART_MS + 100);
});

it('leaves a last resort alone in a session that follows one in which the others worked', async () => {
  const { keeper, net, transports, dialsOf, until } = bed([DSL, LTE], ['dsl']);
  await until(() => keeper.isEstablished);
  net.silent.clear();
  await until(() => transports.some(({ localAddress }) => localAddress === 'dsl'));
  await vi.advanceTimersByTimeAsync(100);
  const sinceMs = Date.now();
  goAway(transports[0]!);
  await until(() => dialsOf('dsl', sinceMs).length > 0);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(dialsOf('lte', sinceMs)).toEqual([]);
});

it('is not begun, nor dialled any more, once there is to be none, however long streams go on', async () => {
  const { keeper, net, transports, dialsOf, until } = bed([DSL]);
  await until(() => keeper.isEstablished);
  const [transport] = transports as [Answered];
  const failures: string[] = [];
  await keeper.openStream(
    { host: '192.0.2.9', port: 80 },
    () => ({ mode: 'aggregate' }),
    () => ({
      ...{ onOpened() {}, onData() {}, onEnded() {}, onWritable() {} },
      onFailed: (error: string) => void failures.push(error),
    }),
    new Cancellation(),
  );
  net.silent.add('dsl');
  const sinceMs = Date.now();
  goAway(transport);
  await until(() => dialsOf('dsl', sinceMs).length > 0);
  let isDone = false;
  void keeper.drain(Number.POSITIVE_INFINITY).then(() => {
    isDone = true;
  });
  const drainMs = Date.now();
  await work(transport, 20_000);
  expect([keeper.drivers.length, dialsOf('dsl', drainMs), isDone, failures]).toEqual([1, [], false, []]);
  end(transport);
  await until(() => isDone);
  await vi.advanceTimersByTimeAsync(20_000);
  expect([failures.length, dialsOf('dsl', drainMs)]).toEqual([1, []]);
});

it('is begun at once where the network returns, instead of after the pause that follows some that ended early', async () => {
  const { keeper, transports, until } = bed([DSL]);
  for (let i = 1; i <= 5; i++) {
    await until(() => keeper.isEstablished);
    end(transports.at(-1)!);
    await until(() => !keeper.isEstablished);
  }
  await vi.advanceTimersByTimeAsync(1_000);
  expect(keeper.isEstablished).toBe(false);
  const sinceMs = Date.now();
  keeper.retryUplinks(new Set(['dsl']));
  await until(() => keeper.isEstablished);
  expect(Date.now() - sinceMs).toBeLessThan(100);
  // Again and again, as where an interface comes and goes: no more than one a second.
  const before = transports.length;
  for (let i = 0; i < 50; i++) {
    if (keeper.isEstablished) end(transports.at(-1)!);
    await vi.advanceTimersByTimeAsync(100);
    keeper.retryUplinks(new Set(['dsl']));
  }
  expect(transports.length - before).toBeLessThanOrEqual(6);
});
