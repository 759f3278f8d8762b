import { describe, expect, it } from 'vitest';
import { bitRateText, forText, textTable } from '../../../shared/runtime/observe/status-text.ts';

it('aligns the columns of a table, and leaves no blanks at the ends of lines', () => {
  const rows = [
    ['UPLINK', 'STATE', 'REASON'],
    ['dsl', 'in-use', ''],
    ['lte-in-the-car', 'down', 'no route'],
  ];
  expect(textTable(rows)).toBe(
    ['UPLINK          STATE   REASON', 'dsl             in-use', 'lte-in-the-car  down    no route', ''].join(
      '\n',
    ),
  );
});

describe('how long something has been so', () => {
  const start = Date.parse('2026-11-23T12:00:00Z');
  it.each([
    [0, '0 s'],
    [119, '119 s'],
    [120, '2 min'],
    [7_199, '119 min'],
    [7_200, '2 h'],
    [172_799, '47 h'],
    [172_800, '2 days'],
    // A clock that was set back.
    [-60, '0 s'],
  ])('%d seconds: %s', (seconds, expected) => {
    const now = new Date(start + seconds * 1000).toISOString();
    expect(forText(new Date(start).toISOString(), now)).toBe(expected);
  });
});

it.each([
  [0, '0kbit/s'],
  [12_345_678, '12.3Mbit/s'],
  [999_999, '1Mbit/s'],
  [2_000_000_000, '2Gbit/s'],
])('%d bit/s is %s', (bitsPerSecond, expected) => {
  expect(bitRateText(bitsPerSecond)).toBe(expected);
});
