import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { connectRepeatedly } from '../../../client-proxy/uplink/repeated-connect.ts';
import { Cancellation, type CancelSignal } from '../../../shared/runtime/async/cancellation.ts';

/** Connections that end as the test says; by the order in which they were begun. */
function bed(further: number, mayTry?: () => boolean) {
  const begun: { atMs: number; signal: CancelSignal; resolve(): void; reject(error: Error): void }[] = [];
  const destroyed: number[] = [];
  const startMs = performance.now();
  const caller = new Cancellation();
  const connected = connectRepeatedly({
    connect: (signal) =>
      new Promise((resolve, reject) => {
        const index = begun.length;
        const socket = { index, destroy: () => void destroyed.push(index) } as unknown as Socket;
        begun.push({ atMs: performance.now() - startMs, signal, resolve: () => resolve(socket), reject });
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      }),
    further,
    mayTry,
    signal: caller,
  });
  connected.catch(() => {});
  return { begun, destroyed, caller, connected, aborted: () => begun.map(({ signal }) => signal.aborted) };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('tries so many beside the first while nothing answers, and no more', async () => {
  const { begun } = bed(4);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(begun.map(({ atMs }) => atMs)).toEqual([0, 200, 400, 600, 800]);
});

it('takes the first that connects, and ends the others', async () => {
  const { begun, connected, aborted } = bed(4);
  await vi.advanceTimersByTimeAsync(450);
  begun[1]!.resolve();
  expect(await connected).toMatchObject({ index: 1 });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(aborted()).toEqual([true, false, true]);
});

it.each([
  { what: 'refused', end: ({ begun }: ReturnType<typeof bed>) => begun[2]!.reject(new Error('refused')) },
  { what: 'given up', end: ({ caller }: ReturnType<typeof bed>) => caller.abort(new Error('given up')) },
])('is at an end when it is $what', async ({ what, end }) => {
  const all = bed(4);
  await vi.advanceTimersByTimeAsync(450);
  end(all);
  await expect(all.connected).rejects.toThrow(what);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(all.begun).toHaveLength(3);
  all.begun[0]!.resolve();
  await vi.advanceTimersByTimeAsync(0);
  expect(all.aborted().filter(Boolean).length).toBeGreaterThanOrEqual(2);
});

it.each(['EMFILE', 'EADDRNOTAVAIL', 'ENOBUFS'])(
  'goes on without one that this machine cannot have: %s',
  async (code) => {
    const { begun, connected } = bed(4);
    await vi.advanceTimersByTimeAsync(450);
    const lacking = new Error('of this machine', { cause: Object.assign(new Error(code), { code }) });
    begun[1]!.reject(lacking);
    begun[2]!.reject(lacking);
    await vi.advanceTimersByTimeAsync(200);
    expect(begun).toHaveLength(4);
    begun[0]!.resolve();
    expect(await connected).toMatchObject({ index: 0 });
  },
);

it('fails where this machine cannot have the last one that is under way', async () => {
  const { begun, connected } = bed(1);
  await vi.advanceTimersByTimeAsync(250);
  for (const { reject } of begun) reject(Object.assign(new Error('EMFILE'), { code: 'EMFILE' }));
  await expect(connected).rejects.toThrow('EMFILE');
});

it('asks before each further one', async () => {
  const answers = [false, true, false, false];
  const { begun } = bed(4, () => answers.shift()!);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(begun.map(({ atMs }) => atMs)).toEqual([0, 400]);
});
