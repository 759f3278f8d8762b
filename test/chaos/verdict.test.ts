import { expect, test } from 'vitest';
import { SILENT_TALK, type TalkEnd } from '../lab/agent/talk.ts';
import type { Excuse } from './fault.ts';
import { PORTS } from './network.ts';
import { type Account, judge } from './verdict.ts';

const TALK = { ...SILENT_TALK, key: 1, upBytes: 100, downBytes: 1_000 };
const WHOLE = { key: 1, isExact: true, hasEnd: true, isSent: true, startedAtMs: 1_000, endedAtMs: 2_000 };
const CLIENT: TalkEnd = { ...WHOLE, side: 'client', receivedBytes: 1_000 };
const ORIGIN: TalkEnd = { ...WHOLE, side: 'origin', receivedBytes: 100 };
const RESET = { hasEnd: false, isSent: false, error: 'ECONNRESET' };
const KILL: Excuse = { route: 'concentrator', fromMs: 1_500, toMs: 3_000 };

function verdict(account: Partial<Account>, excuses: readonly Excuse[] = [], port: number = PORTS.plain) {
  const conversation = { atMs: 1_000, what: 'fetch', port, talk: TALK };
  return judge({ conversation, beganAtMs: 1_000, origin: [], ...account }, excuses, (ms) => ms, 9_000);
}

test('exact where both sides have everything', () => {
  expect(verdict({ client: CLIENT, origin: [ORIGIN] })).toEqual({ result: 'exact' });
});

test.each<[string, Partial<Account>]>([
  ['reached the origin twice', { client: CLIENT, origin: [ORIGIN, ORIGIN] }],
  ['wrong bytes at the client', { client: { ...CLIENT, isExact: false }, origin: [ORIGIN] }],
  ['wrong bytes at the origin', { client: CLIENT, origin: [{ ...ORIGIN, isExact: false }] }],
  ['999 of 1000 bytes at the client', { client: { ...CLIENT, receivedBytes: 999 }, origin: [ORIGIN] }],
  ['more bytes', { client: { ...CLIENT, receivedBytes: 1_001 }, origin: [ORIGIN] }],
])('whatever has happened, %s is a defect', (reason, account) => {
  const { result, reason: found, isLoss } = verdict(account, [KILL]);
  expect({ result, isLoss }).toEqual({ result: 'defect', isLoss: true });
  expect(found).toContain(reason);
});

test.each<[string, Partial<Account>]>([
  ['broken without a cause', { client: { ...CLIENT, ...RESET, receivedBytes: 10 }, origin: [] }],
  ['hangs', { origin: [ORIGIN] }],
  [
    'cut short in silence: 99 of 100 bytes at the origin',
    { client: CLIENT, origin: [{ ...ORIGIN, receivedBytes: 99 }] },
  ],
  ['the origin has seen no end', { client: CLIENT, origin: [] }],
  ['but not the origin', { client: CLIENT, origin: [{ ...ORIGIN, ...RESET, receivedBytes: 99 }] }],
])('%s: a defect, unless the concentrator was killed meanwhile', (reason, account) => {
  const { result, reason: found } = verdict(account);
  expect(result).toBe('defect');
  expect(found).toContain(reason);
  expect(verdict(account, [KILL])).toEqual({ result: 'broken' });
});

test('a fault excuses what lived during it, on its own route', () => {
  const account = { client: { ...CLIENT, ...RESET }, origin: [{ ...ORIGIN, endedAtMs: 2_500 }] };
  expect(verdict(account, [{ ...KILL, fromMs: 2_501 }]).result).toBe('defect');
  expect(verdict(account, [{ ...KILL, fromMs: 0, toMs: 999 }]).result).toBe('defect');
  expect(verdict(account, [KILL], PORTS.direct).result).toBe('defect');
  expect(verdict(account, [{ ...KILL, route: 'direct' }], PORTS.direct).result).toBe('broken');
  // Refused long before: the origin has never heard of it.
  const refused = { client: { ...CLIENT, ...RESET }, origin: [] };
  expect(verdict(refused, [{ ...KILL, fromMs: 2_001 }]).result).toBe('defect');
  // What hits its only uplink may keep a direct connection from opening, and may not break an open one.
  const hit: Excuse = { route: 'direct', fromMs: 0, toMs: 3_000, onlyOpens: true };
  const unopened = { client: { ...CLIENT, ...RESET, receivedBytes: 0 }, origin: [] };
  expect(verdict(unopened, [hit], PORTS.direct).result).toBe('broken');
  expect(verdict(account, [hit], PORTS.direct).result).toBe('defect');
});
