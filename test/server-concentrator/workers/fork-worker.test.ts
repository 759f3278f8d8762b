import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { workerIdentity } from '../../../server-concentrator/worker/worker-identity.ts';
import { eachLine, forkWorker } from '../../../server-concentrator/workers/fork-worker.ts';

const SCRIPT = fileURLToPath(new URL('telling-worker.mjs', import.meta.url));

it('starts the program again, as a worker that knows its number, with a heap of its own', async () => {
  const identity = { number: 3, level: 'info', format: 'json' } as const;
  const program = { script: SCRIPT, execArgv: ['--max-old-space-size=1000'], env: { SOME: 'thing' } };
  const child = forkWorker(program, identity, '--max-old-space-size=123', []);
  const lines: string[] = [];
  eachLine(child.stdout!, (line) => lines.push(line));
  const [told] = await once(child, 'message');
  expect(workerIdentity(told.env)).toEqual(identity);
  expect(told.env.SOME).toBe('thing');
  expect(told.heapMiB).toBeLessThan(300);
  // What JSON has no way to say arrives as it is.
  expect(told.bytes).toEqual(new Uint8Array([1, 2, 3]));
  await once(child, 'exit');
  await expect.poll(() => lines).toEqual(['one line\n', 'another\n']);
});

it('takes lines apart whatever pieces they come in', async () => {
  const stream = new PassThrough();
  const lines: string[] = [];
  eachLine(stream, (line) => lines.push(line));
  for (const piece of ['a', 'b\nc', '\n\n', 'd\u00e9'.slice(0, 1)]) stream.write(piece);
  stream.write(Buffer.from([0xc3]));
  stream.end(Buffer.from([0xa9, 0x0a]));
  await once(stream, 'end');
  expect(lines).toEqual(['ab\n', 'c\n', '\n', 'd\u00e9\n']);
});

it.each([{}, { OTHER: '1' }])('is no worker with %j in its environment', (env) => {
  expect(workerIdentity(env)).toBeUndefined();
});
