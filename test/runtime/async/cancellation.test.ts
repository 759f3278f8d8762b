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

  test('has a reason of its own when none is given', () => {
    const cancellation = new Cancellation();
    cancellation.abort();
    expect(cancellation.reason).toBe(cancellation.reason);
    expect(() => cancellation.throwIfAborted()).toThrow('no longer wanted');
  });
});
