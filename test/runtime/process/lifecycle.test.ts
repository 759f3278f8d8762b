import { expect, it } from 'vitest';
import { Lifecycle } from '../../../shared/runtime/process/lifecycle.ts';
import { deferred } from '../../support/deferred.ts';

/** A life whose parts tell when they close. */
function bed() {
  const closed: string[] = [];
  const life = new Lifecycle();
  const add = (name: string) => life.onClose(() => closed.push(name));
  return { life, closed, add };
}

it('closes the last part first, one after the other, and each once', async () => {
  const { life, closed, add } = bed();
  add('listener');
  life.onClose(async () => {
    await Promise.resolve();
    closed.push('sessions');
  });
  add('watch');
  await life.close();
  await life.close();
  expect(closed).toEqual(['watch', 'sessions', 'listener']);
});

it('closes the others though one fails, and tells of the first failure', async () => {
  const { life, closed, add } = bed();
  add('listener');
  life.onClose(() => {
    throw new Error('the file is read-only');
  });
  life.onClose(() => Promise.reject(new Error('the child is gone')));
  await expect(life.close()).rejects.toThrow('the child is gone');
  expect(closed).toEqual(['listener']);
});

it('closes what was started when a later part cannot start', async () => {
  const { life, closed, add } = bed();
  const starting = life.start(async () => {
    add('listener');
    await Promise.resolve();
    add('endpoint');
    throw new Error('the port is taken');
  });
  await expect(starting).rejects.toThrow('the port is taken');
  expect(closed).toEqual(['endpoint', 'listener']);
});

it('waits patiently while it closes, until it is told a second time', async () => {
  const { life, closed, add } = bed();
  add('sessions');
  const waiting = deferred<void>();
  life.onClose(() => {
    waiting.resolve();
    return life.patiently(60_000, new Promise(() => {}));
  });
  add('listener');
  const closing = life.close();
  await waiting.promise;
  expect(closed).toEqual(['listener']);
  await life.close();
  await closing;
  expect(closed).toEqual(['listener', 'sessions']);
});
