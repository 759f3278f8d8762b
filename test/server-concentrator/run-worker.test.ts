import { expect, it } from 'vitest';
import type { ConcentratorDeps } from '../../server-concentrator/assemble.ts';
import { Worker } from '../../server-concentrator/run-worker.ts';

/** What a worker of version 2.0.0 answers when it is told to start. */
async function startOf(value: object): Promise<unknown> {
  return new Promise((resolve) => {
    new Worker({ version: '2.0.0' } as ConcentratorDeps, {
      send: resolve,
      onMessage: (listener) => listener({ name: 'start', id: 1, value }, undefined),
      onDisconnect() {},
    });
  });
}

it.each([
  [{ version: '1.9.0' }, '1.9.0'],
  [{}, 'an older one'],
])('does not serve under a first process of another version: %j', async (value, named) => {
  expect(await startOf(value)).toEqual({
    answers: 1,
    failure: `its program is version 2.0.0, and the concentrator that runs is ${named}: restart the concentrator`,
  });
});
