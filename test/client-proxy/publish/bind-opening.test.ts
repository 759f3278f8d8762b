import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { BindRequest } from '../../../client-proxy/front/connect-request.ts';
import { BindOpener, type BindOpenerOptions } from '../../../client-proxy/publish/bind-opening.ts';
import type { SingleVisitor } from '../../../client-proxy/publish/publisher.ts';

/** An application that asks for BIND, and what it is told. */
function bed({
  hasConcentrator = true,
  isForbidden = false,
  expectOne = (() => () => {}) as BindOpenerOptions['publisher']['expectOne'],
} = {}) {
  const told: string[] = [];
  const results: string[] = [];
  const asked: SingleVisitor[] = [];
  const steered = { policy: { mode: 'aggregate' as const }, opened() {}, over: () => void told.push('over') };
  const opener = new BindOpener({
    publisher: {
      expectOne(host, single) {
        asked.push(single);
        return expectOne(host, single);
      },
    },
    hasConcentrator,
    steer: () => (isForbidden ? undefined : steered),
    stallTimeoutMs: 1_000,
    onResult: (result) => void results.push(result),
  });
  opener.open({
    destination: { host: 'ftp.example', port: 0 },
    announce: ({ host, port }: { host: string; port: number }) => void told.push(`at ${host}:${port}`),
    fail: (error: string) => void told.push(error),
    onAbandoned() {},
  } as unknown as BindRequest);
  return { told, results, asked };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it.each([
  ['there is no session', { expectOne: () => 'uplinksLost' as const }, ['over', 'uplinksLost'], 1],
  [
    'the concentrator cannot wait',
    { expectOne: () => 'unsupportedMessage' as const },
    ['over', 'unsupportedMessage'],
    1,
  ],
  ['there is no concentrator', { hasConcentrator: false }, ['unsupportedMessage'], 0],
  ['a rule forbids it, and nobody is asked', { isForbidden: true }, ['notAuthorized'], 0],
])('fails with the cause where %s', (_, options, answers, questions) => {
  const { told, results, asked } = bed(options);
  expect([told, results, asked.length]).toEqual([answers, answers.slice(-1), questions]);
  expect(vi.getTimerCount()).toBe(0);
});
