import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { PartialReloadError } from '../../../shared/runtime/config/reload.ts';
import { untilStopped } from '../../../shared/runtime/process/process-life.ts';
import { type Deferred, deferred } from '../../support/deferred.ts';

const soon = () => new Promise((resolve) => setImmediate(resolve));

it('a reload waits for the one before it, also for one that fails', async () => {
  const signals = new EventEmitter();
  const begun: Deferred<void>[] = [];
  const lines: string[] = [];
  const stopped = untilStopped(signals, {
    reload() {
      const reload = deferred<void>();
      begun.push(reload);
      return reload.promise;
    },
    close: async () => {},
    logger: pino({}, { write: (line: string) => void lines.push(line) }),
  });
  signals.emit('SIGHUP');
  signals.emit('SIGHUP');
  await soon();
  expect(begun).toHaveLength(1);
  begun[0]!.reject(new Error('line 3 is wrong'));
  await soon();
  expect(begun).toHaveLength(2);
  expect(lines.join('')).toContain('line 3 is wrong');
  begun[1]!.resolve();
  signals.emit('SIGTERM');
  await stopped;
});

it('tells a reload that changed nothing from one that holds in part', async () => {
  const signals = new EventEmitter();
  const messages: string[] = [];
  const failures = [new Error('line 3 is wrong'), new PartialReloadError(new Error('a defect'))];
  const stopped = untilStopped(signals, {
    reload: () => Promise.reject(failures.shift()),
    close: async () => {},
    logger: pino({}, { write: (line: string) => void messages.push(JSON.parse(line).msg) }),
  });
  signals.emit('SIGHUP');
  signals.emit('SIGHUP');
  await soon();
  expect(messages).toEqual([
    'reload failed; nothing has changed',
    'reload failed; some changes hold and others do not: restart the program',
  ]);
  signals.emit('SIGTERM');
  await stopped;
});
