import type { Server } from 'node:net';
import { expect, test } from 'vitest';
import { takeAccepted } from '../../../shared/runtime/kernel/socket-handle.ts';

test('connections go to the taker, failures to accept where they went before', () => {
  const failures: number[] = [];
  const handle = {
    onconnection(status: number, accepted?: object) {
      expect(this).toBe(handle);
      expect(accepted).toBeUndefined();
      failures.push(status);
    },
  };
  const taken: object[] = [];
  expect(takeAccepted({ _handle: handle } as unknown as Server, (one) => taken.push(one))).toBe(true);
  const accepted = {};
  handle.onconnection(0, accepted);
  handle.onconnection(-24);
  expect(taken).toEqual([accepted]);
  expect(failures).toEqual([-24]);
});

test('says so when there is nothing to take from', () => {
  for (const server of [{}, { _handle: null }, { _handle: {} }]) {
    expect(takeAccepted(server as unknown as Server, () => {})).toBe(false);
  }
});
