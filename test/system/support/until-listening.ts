import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from '../../bed/namespace.ts';

const START_LIMIT_MS = 10_000;

/** Resolves when something listens at a TCP port of a namespace; rejects after ten seconds. */
export async function untilListening(where: Namespace, port: number): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS;
  while (Date.now() < deadline) {
    if ((await where.exec('ss', ['-ltnH', `sport = :${port}`])) !== '') return;
    await sleep(50);
  }
  throw new Error(`nothing listens at port ${port} in ${where.name}`);
}
