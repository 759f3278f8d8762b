import { describe, expect, test } from 'vitest';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';

describe('Cancellation', () => {
  test('tells its listeners, once, with the reason there to read', () => {
    const cancellation = new Cancellation();
    const told: unknown[] = [];
    const gone = () => told.push('removed');
    cancellation.addEventListener('abort', () => told.push(cancellation.reason));
    cancellation.addEventListener('abort', gone);
    cancellation.removeEventListener('abort', gone);
    expect(cancellation.aborted).toBe(false);
    expect(cancellation.reason).toBeUndefined();
    cancellation.throwIfAborted();
    cancellation.abort('first');
    cancellation.abort('second');
    expect(told).toEqual(['first']);
    expect(cancellation.aborted).toBe(true);
    expect(() => cancellation.throwIfAborted()).toThrow('first');
  });

  test('tells several in their order, each once, and none that has left, even meanwhile', () => {
    const cancellation = new Cancellation();
    const told: string[] = [];
    const [first, second, third, fourth] = ['first', 'second', 'third', 'fourth'].map((name) => () => {
      told.push(name);
      if (name === 'second') cancellation.removeEventListener('abort', fourth!);
    });
    for (const one of [first, second, second, first, third, fourth]) {
      cancellation.addEventListener('abort', one!);
    }
    cancellation.removeEventListener('abort', first!);
    cancellation.addEventListener('abort', first!);
    cancellation.abort();
    expect(told).toEqual(['second', 'third', 'first']);
  });

  test('has a reason of its own when none is given', () => {
    const cancellation = new Cancellation();
    cancellation.abort();
    expect(cancellation.reason).toBe(cancellation.reason);
    expect(() => cancellation.throwIfAborted()).toThrow('no longer wanted');
  });
});
