import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { BindRequest } from '../../../client-proxy/front/connect-request.ts';
import { BindOpener, type BindOpenerOptions } from '../../../client-proxy/publish/bind-opening.ts';
import type { SingleVisitor } from '../../../client-proxy/publish/publisher.ts';
import type { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';

const PLACE = { ok: true, host: '198.51.100.7', port: 40_000 } as const;

/** An application that asks for BIND, and what it is told. */
function bed({
  hasConcentrator = true,
  isForbidden = false,
  host = 'ftp.example',
  bindFromAnyone = false,
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
    bindFromAnyone,
    steer: () => (isForbidden ? undefined : steered),
    stallTimeoutMs: 1_000,
    onResult: (result) => void results.push(result),
  });
  opener.open({
    destination: { host, port: 0 },
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
  ['anybody may not be waited for', { host: '0.0.0.0' }, ['notAuthorized'], 0],
  ['anybody may not be waited for over IPv6', { host: '::' }, ['notAuthorized'], 0],
])('fails with the cause where %s', (_, options, answers, questions) => {
  const { told, results, asked } = bed(options);
  expect([told, results, asked.length]).toEqual([answers, answers.slice(-1), questions]);
  expect(vi.getTimerCount()).toBe(0);
});

it('asks for anybody where that is allowed', () => {
  const { told, asked } = bed({ host: '0.0.0.0', bindFromAnyone: true });
  asked[0]!.onPublished(PLACE);
  expect(told).toEqual(['at 198.51.100.7:40000']);
});

it('tells the application one place, and fails where another one follows', () => {
  const giveUp = vi.fn();
  const { told, results, asked } = bed({ expectOne: () => giveUp });
  asked[0]!.onPublished(PLACE);
  asked[0]!.onPublished({ ...PLACE, port: 40_001 });
  asked[0]!.onPublished({ ...PLACE, port: 40_002 });
  expect([told, results]).toEqual([
    ['at 198.51.100.7:40000', 'over', 'malformedMessage'],
    ['malformedMessage'],
  ]);
  expect(giveUp).toHaveBeenCalledOnce();
});

it('takes nobody before the application knows the place', () => {
  const refused: string[] = [];
  const streams = { refuse: (id: number, error: string) => void refused.push(`${id} ${error}`) };
  const driver = {
    input: (work: (session: object) => void) => work({ streams }),
  } as unknown as SessionDriver;
  const { told, results, asked } = bed();
  const visit = {
    ...{ slot: 0, generation: 1, visitorPort: 20, localPort: 40_000 },
    ...{ visitor: Uint8Array.of(203, 0, 113, 9), local: Uint8Array.of(198, 51, 100, 7) },
  };
  asked[0]!.onInbound(driver, 1, visit);
  expect([refused, told, results]).toEqual([['1 cancelled'], [], []]);
});
