import { expect, test } from 'vitest';
import { parseOptions } from './options.ts';

test('ten thousand idle connections, a thousand busy ones and 200 sessions unless told', () => {
  expect(parseOptions([])).toEqual({
    contenders: ['tributary', 'shadowsocks', 'microsocks'],
    ...{
      idle: 10_000,
      active: 1_000,
      sessions: 200,
      workers: 0,
      client: false,
      clients: 0,
      out: 'load-results',
    },
  });
});

test('figures are as told, and help is help', () => {
  expect(parseOptions(['--idle', '5', '--sessions', '0'])).toMatchObject({ idle: 5, sessions: 0 });
  expect(parseOptions(['--contenders', 'tributary'])).toMatchObject({ contenders: ['tributary'] });
  expect(parseOptions(['--help'])).toBeUndefined();
});

test.each([
  [['--contenders', 'squid'], '"squid"'],
  [['--idle', 'many'], '--idle many'],
  [['--sessions', '-1'], '--sessions'],
  [['--active', '1e9'], '--active 1e9'],
])('%j is refused', (args, message) => {
  expect(() => parseOptions(args)).toThrow(message);
});
