import type { Exchange, MeasurementConnection, OnSample } from './measurement-connection.ts';

/** As a client sees it. */
export type Direction = 'down' | 'up';

/** Bytes in one direction of a connection for measurements. */
export interface Transfer {
  readonly direction: Direction;
  readonly bytes: number;
  /** It ends then, however much is left. */
  readonly timeoutMs: number;
}

/** Carries them out. */
export function transferOver(
  connection: Pick<MeasurementConnection, 'send' | 'receive'>,
  { direction, bytes, timeoutMs }: Transfer,
  onSample?: OnSample,
): Promise<Exchange> {
  return direction === 'down'
    ? connection.receive(bytes, timeoutMs, onSample)
    : connection.send(bytes, timeoutMs, onSample);
}

/**
 * Asks one question after the other, as long as the work takes, which must not reject.
 * @param ask how long the answer took, in milliseconds; undefined: there will be no more answers
 * @returns these times
 */
export async function askWhile(
  work: Promise<unknown>,
  everyMs: number,
  ask: () => Promise<number | undefined>,
): Promise<number[]> {
  let isOver = false;
  const over = work.finally(() => {
    isOver = true;
  });
  const times: number[] = [];
  while (!isOver) {
    const ms = await ask();
    if (ms === undefined) break;
    times.push(ms);
    await Promise.race([over, new Promise((resolve) => setTimeout(resolve, everyMs))]);
  }
  return times;
}
