import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import type { Namespace } from '../bed/namespace.ts';
import type { ClientJob } from './agent/job.ts';
import { Origin, startJob, startWatch } from './agents.ts';

const JOB: ClientJob = {
  task: { kind: 'echo', bytes: 1, everyMs: 1, count: 1 },
  origin: { host: '127.0.0.1', port: 1 },
  route: {},
  limitMs: 10_000,
};
const READY = '{"event":"ready"}\\n';

/** In place of a namespace: whatever is started there prints this, and is then killed. */
function killedAfter(output: string): Namespace {
  const script = `printf '${output}'; kill -KILL $$`;
  const stdio = ['pipe', 'pipe', 'inherit'] as const;
  const where: Pick<Namespace, 'spawn'> = { spawn: () => spawn('sh', ['-c', script], { stdio: [...stdio] }) };
  return where as Namespace;
}

test.each([
  ['before it says anything', ''],
  ['in the middle of a line', '{"event":"result","result":{"timesMs":[1,2'],
  ['in the middle of a line behind others', '{"event":"first-byte","atMs":1}\\n{"event":"resu'],
])('an agent that is killed %s has ended, and no more', async (_, output) => {
  await expect(startJob(killedAfter(output), JOB).result).rejects.toThrow('agent client ended');
});

test('what it has said in full is heard', async () => {
  const { firstByte, result } = startJob(killedAfter('{"event":"first-byte","atMs":5}\\n{"eve'), JOB);
  await expect(result).rejects.toThrow('ended');
  expect(await firstByte).toBe(5);
});

test('who asks after its end learns at once', async () => {
  const origin = await Origin.start(killedAfter(READY), '127.0.0.1', 1);
  await expect(origin.firstByte(60_000)).rejects.toThrow('ended');
  await expect(origin.received(60_000)).rejects.toThrow('ended');
});

test('a watch that is killed tells nothing', async () => {
  const stop = await startWatch(
    killedAfter(`${READY}{"event":"watched","watched":{"pe`),
    'http://127.0.0.1:1',
  );
  await expect(stop()).rejects.toThrow('agent watch ended');
});
