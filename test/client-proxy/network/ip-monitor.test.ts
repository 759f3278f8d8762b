import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import { IpMonitor } from '../../../client-proxy/network/ip-monitor.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';

/** A shell script that stands for `ip`; each start leaves its process id in `pids`. */
async function standIn(body: string) {
  const folder = await temporaryDirectory();
  const command = join(folder, 'ip');
  const pids = join(folder, 'pids');
  await writeFile(command, `#!/bin/sh\necho $$ >> ${pids}\n${body}\n`);
  await chmod(command, 0o755);
  const started = async () =>
    (await readFile(pids, 'utf8').catch(() => '')).trim().split('\n').filter(Boolean);
  return { command, started };
}

function monitor(commands: string[]) {
  const onEvent = vi.fn();
  const made = new IpMonitor({
    onEvent,
    commands,
    clock: () => performance.now(),
    logger: pino({ enabled: false }),
    random: () => 0,
  });
  onTestFinished(() => made.stop());
  return { monitor: made, onEvent };
}

const isAlive = (pid: string | undefined) => {
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch {
    return false;
  }
};

it('tells of each line, is started again when it ends, and ends with us', async () => {
  const { command, started } = await standIn(
    'sleep 0.2; echo changed; sleep 0.2; [ -f "$0.again" ] && exec sleep 60; touch "$0.again"',
  );
  const { monitor: running, onEvent } = monitor(['/nonexistent/ip', command]);
  await vi.waitUntil(async () => (await started()).length === 1, 5_000);
  await vi.waitUntil(() => onEvent.mock.calls.length >= 2, 5_000);
  await vi.waitUntil(async () => (await started()).length === 2, 5_000);
  expect(running.isWatching).toBe(false);
  await vi.waitUntil(() => running.isWatching, 5_000);
  const [first, second] = await started();
  await vi.waitUntil(() => !isAlive(first), 5_000);
  running.stop();
  // Gone from the table of processes: no zombie is left.
  await vi.waitUntil(() => !isAlive(second), 5_000);
});

it('waits longer and longer for one that ends at once', async () => {
  const { command, started } = await standIn('exit 1');
  monitor([command]);
  // After 0.25 s, 0.5 s, 1 s, 2 s.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const starts = (await started()).length;
  expect(starts).toBeGreaterThan(1);
  expect(starts).toBeLessThan(5);
});

it('does nothing where there is no ip that can be run', async () => {
  const { command } = await standIn('');
  await chmod(command, 0o644);
  const { onEvent } = monitor(['/nonexistent/ip', command, `${command}/ip`]);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(onEvent).not.toHaveBeenCalled();
});
