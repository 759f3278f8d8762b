import type { Socket } from 'node:net';
import { expect } from 'vitest';
import { type Origin, startEcho } from './origin.ts';
import { Pair, type PairOptions } from './pair.ts';
import { readBytes, socksConnect } from './socks-client.ts';

/** A pair, an echo behind it, and an application's connection to that; all end with the test. */
export async function startEchoPair(
  onCleanup: (cleanup: () => unknown) => void,
  options?: PairOptions,
): Promise<{ readonly pair: Pair; readonly origin: Origin; readonly socket: Socket }> {
  const pair = await Pair.start(options);
  onCleanup(() => pair.close());
  const origin = await startEcho();
  onCleanup(() => origin.close());
  const { socket } = await socksConnect(pair.socks, origin);
  onCleanup(() => socket.destroy());
  return { pair, origin, socket };
}

/** Fails unless so many bytes come back as they were sent. */
export async function expectEcho(socket: Socket, length: number): Promise<void> {
  const bytes = Buffer.alloc(length, 'echo');
  socket.write(bytes);
  expect((await readBytes(socket, length)).equals(bytes)).toBe(true);
}
