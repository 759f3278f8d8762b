import { expect, test } from 'vitest';
import { parseTuning, tuningOf } from './tuning-option.ts';

test('a number is for all checkouts, or for one', () => {
  expect(parseTuning('ping.intervalMs=500')).toEqual({ key: 'ping.intervalMs', value: 500 });
  expect(parseTuning('tributary:congestion.cruiseGain=1.4')).toEqual({
    ...{ contestant: 'tributary', key: 'congestion.cruiseGain', value: 1.4 },
  });
  expect(parseTuning('tributary@/srv/a:b:loss.negligibleShare=1e-3')).toEqual({
    ...{ contestant: 'tributary@/srv/a:b', key: 'loss.negligibleShare', value: 0.001 },
  });
});

test.each([
  ['ping.intervalMs', 'KEY=VALUE'],
  ['ping.intervalMs=', 'KEY=VALUE'],
  ['ping.intervalMs=often', 'KEY=VALUE'],
  ['ping.intervalMs=Infinity', 'KEY=VALUE'],
  ['=5', 'KEY=VALUE'],
  ['kernel-mptcp:ping.intervalMs=5', 'not for "kernel-mptcp"'],
  ['tributary-cubic:ping.intervalMs=5', 'not for "tributary-cubic"'],
])('%s is refused', (text, message) => {
  expect(() => parseTuning(text)).toThrow(message);
});

test('what is for one checkout wins over what is for all, and the last over the first', () => {
  const options = ['tributary@.:a.x=1', 'a.x=2', 'a.y=3', 'tributary:a.y=4', 'a.z=5', 'a.z=6'].map(
    parseTuning,
  );
  expect(tuningOf(options, '.')).toEqual({ 'a.x': 1, 'a.y': 3, 'a.z': 6 });
  expect(tuningOf(options, undefined)).toEqual({ 'a.x': 2, 'a.y': 4, 'a.z': 6 });
  expect(tuningOf([], undefined)).toEqual({});
});
