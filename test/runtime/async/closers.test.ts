import { expect, it } from 'vitest';
import { Closers } from '../../../shared/runtime/async/closers.ts';

it('closes the last part first, one after the other, and each once', async () => {
  const closed: string[] = [];
  const closers = new Closers();
  closers.add(() => closed.push('listener'));
  closers.add(async () => {
    await Promise.resolve();
    closed.push('sessions');
  });
  closers.add(() => closed.push('watch'));
  await closers.closeAll();
  expect(closed).toEqual(['watch', 'sessions', 'listener']);
  await closers.closeAll();
  expect(closed).toHaveLength(3);
});

it('closes the others though one fails, and tells of the first failure', async () => {
  const closed: string[] = [];
  const closers = new Closers();
  closers.add(() => closed.push('listener'));
  closers.add(() => {
    throw new Error('the file is read-only');
  });
  closers.add(() => Promise.reject(new Error('the child is gone')));
  await expect(closers.closeAll()).rejects.toThrow('the child is gone');
  expect(closed).toEqual(['listener']);
});
