import { pino } from 'pino';
import { expect, it } from 'vitest';
import { warnOnce } from '../../../shared/runtime/observe/warn-once.ts';

it('logs each message once, and remembers so many', () => {
  const lines: string[] = [];
  const warn = warnOnce(pino({}, { write: (line: string) => void lines.push(JSON.parse(line).msg) }));
  for (let i = 0; i < 3; i++) warn('no bbr');
  warn('no cubic');
  expect(lines).toEqual(['no bbr', 'no cubic']);
  for (let i = 0; i < 100; i++) warn(`number ${i}`);
  warn('no bbr');
  expect(lines).toHaveLength(103);
});
