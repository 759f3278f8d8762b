import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LineLimit } from '../../../shared/runtime/observe/line-limit.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

function logBed(level = 'info') {
  const lines: { msg: string; leftOut?: number; id?: number; who?: string }[] = [];
  const logger = pino({ level }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const limit = new LineLimit(() => performance.now(), { burst: 3, intervalMs: 1_000 });
  return { lines, logger, limit, log: limit.over(logger) };
}

it('writes a burst, then the newest line of each interval with the number of those left out', () => {
  const { lines, log } = logBed();
  for (let id = 0; id < 300; id++) log.info({ id }, 'lost');
  expect(lines.map(({ id }) => id)).toEqual([0, 1, 2]);
  vi.advanceTimersByTime(1_000);
  expect(lines.at(-1)).toMatchObject({ msg: 'lost (and 296 more)', leftOut: 296, id: 299 });
  log.info({ id: 300 }, 'lost');
  vi.advanceTimersByTime(1_000);
  expect(lines.at(-1)).toMatchObject({ msg: 'lost', id: 300 });
  expect(lines).toHaveLength(5);
  vi.advanceTimersByTime(60_000);
  expect(lines).toHaveLength(5);
  for (let id = 0; id < 3; id++) log.info({ id }, 'lost');
  expect(lines).toHaveLength(8);
});

it('writes one line in each interval, however long it goes on', () => {
  const { lines, log } = logBed();
  for (let ms = 0; ms < 60_000; ms += 10) {
    log.warn({}, 'lost');
    vi.advanceTimersByTime(10);
  }
  expect(lines.length).toBeGreaterThanOrEqual(60);
  expect(lines.length).toBeLessThanOrEqual(3 + 60);
  const told = lines.reduce((sum, { leftOut = 0 }) => sum + 1 + leftOut, 0);
  expect(told).toBeGreaterThan(5_890);
});

it('counts kinds apart, and loggers that share it together', () => {
  const { lines, logger, limit } = logBed();
  const [one, other] = ['one', 'other'].map((who) => limit.over(logger.child({ who })));
  for (let i = 0; i < 10; i++) {
    one!.info({}, 'lost');
    other!.info({}, 'lost');
  }
  other!.error({}, 'found');
  expect(lines.map(({ who, msg }) => `${who} ${msg}`)).toEqual([
    'one lost',
    'other lost',
    'one lost',
    'other found',
  ]);
});

it('bounds kinds as well', () => {
  const { lines, log } = logBed();
  for (let i = 0; i < 1_000; i++) log.info({}, `kind ${i}`);
  expect(lines).toHaveLength(64 + 3);
});

it('writes every line at level debug, and lines below the level not at all', () => {
  const verbose = logBed('debug');
  for (let i = 0; i < 10; i++) verbose.log.info({}, 'lost');
  verbose.log.debug({}, 'detail');
  expect(verbose.lines).toHaveLength(11);
  const quiet = logBed('error');
  for (let i = 0; i < 10; i++) quiet.log.info({}, 'lost');
  vi.advanceTimersByTime(10_000);
  expect(quiet.lines).toEqual([]);
});
