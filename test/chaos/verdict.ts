import type { TalkEnd } from '../lab/agent/talk.ts';
import type { Conversation } from './conversations.ts';
import type { Excuse } from './fault.ts';
import { PORTS } from './network.ts';

/** A conversation as both sides saw it. Times are those of the schedule. */
export interface Account {
  readonly conversation: Conversation;
  readonly beganAtMs: number;
  client?: TalkEnd;
  /** Several when a request reached the origin twice, which must never happen. */
  readonly origin: TalkEnd[];
}

/** `exact`: each byte arrived, both ends in order. `broken`: both sides were told, and a fault may do that. */
export type Result = 'exact' | 'broken' | 'defect';

/** What came of a conversation. */
export interface Judgement {
  readonly result: Result;
  /** Of a defect. */
  readonly reason?: string;
  /** Bytes are wrong or lost in silence: no machine is so slow that it does that. */
  readonly isLoss?: boolean;
}

/** Judges a conversation. `endMs` is when the run gave up waiting, `atMs` turns an agent's time into the schedule's. */
export function judge(
  account: Account,
  excuses: readonly Excuse[],
  atMs: (monotonicMs: number) => number,
  endMs: number,
): Judgement {
  const { client, origin, conversation } = account;
  const { upBytes, downBytes } = conversation.talk;
  const [far] = origin;
  const endedAtMs = lastEndMs(account, atMs) ?? endMs;
  const isUnopened = !far && client?.receivedBytes === 0;
  const isExcused = excuses.some(
    ({ route, fromMs, toMs, onlyOpens = false }) =>
      (!onlyOpens || isUnopened) &&
      (route === 'direct') === (conversation.port === PORTS.direct) &&
      account.beganAtMs <= toMs &&
      endedAtMs >= fromMs,
  );
  // Nothing excuses these.
  if (origin.length > 1) return loss('reached the origin twice');
  if (client && !client.isExact) return loss('wrong bytes at the client');
  if (far && !far.isExact) return loss('wrong bytes at the origin');
  if (client?.hasEnd && client.receivedBytes < downBytes)
    return loss(`cut short in silence: ${client.receivedBytes} of ${downBytes} bytes at the client`);
  if (client && client.receivedBytes > downBytes) return loss('more bytes than were sent at the client');
  if (far && far.receivedBytes > upBytes) return loss('more bytes than were sent at the origin');
  if (client && isWhole(client, downBytes) && far && isWhole(far, upBytes)) return { result: 'exact' };
  // From here on somebody was not served.
  if (isExcused) return { result: 'broken' };
  if (!client) return defect('hangs');
  if (far?.hasEnd && far.receivedBytes < upBytes)
    return loss(`cut short in silence: ${far.receivedBytes} of ${upBytes} bytes at the origin`);
  if (!isWhole(client, downBytes))
    return defect(
      `broken without a cause: ${client.error ?? 'closed'} after ${client.receivedBytes} of ${downBytes} bytes`,
    );
  if (!far) return defect('the client was served, but the origin has seen no end');
  return defect(
    `the client was served, but not the origin: ${far.error ?? 'closed'} after ${far.receivedBytes} of ${upBytes} bytes`,
  );
}

/** When the last side ended; undefined while one has not. */
function lastEndMs(
  { client, origin: [far] }: Account,
  atMs: (monotonicMs: number) => number,
): number | undefined {
  // The client may have all it wants and be gone while its upload is still under way.
  if (client && far) return atMs(Math.max(client.endedAtMs, far.endedAtMs));
  // What has failed early was never heard of at the origin.
  return client?.error === undefined ? undefined : atMs(client.endedAtMs);
}

function isWhole(end: TalkEnd, bytes: number): boolean {
  return end.error === undefined && end.hasEnd && end.isSent && end.receivedBytes === bytes;
}

function defect(reason: string): Judgement {
  return { result: 'defect', reason };
}

function loss(reason: string): Judgement {
  return { ...defect(reason), isLoss: true };
}
