import { ask } from './ask.ts';
import { download, upload } from './bulk.ts';
import { echoAll } from './echo.ts';
import { fetchAll } from './fetch.ts';
import { type ClientJob, type ClientResult, tell } from './job.ts';
import { watchLive } from './live.ts';

/** The offset where the pattern of a bulk transfer starts; also its name at the origin. */
const BULK_KEY = 1;
/** The same for an upload beside it. */
const UPLOAD_KEY = 2;
/** What a download that is stopped for being late gets to tell how far it came. */
const GRACE_MS = 1_000;

/** Does one job and tells its result. */
export async function runClient(job: ClientJob): Promise<void> {
  const giveUp = new Promise<ClientResult>((resolve) => {
    setTimeout(() => resolve({ error: tooLong(job), failures: 1 }), job.limitMs + GRACE_MS);
  });
  const result = await Promise.race([work(job), giveUp]);
  tell({ event: 'result', result });
  // Whatever still runs is of no interest; stdout is a pipe and written at once.
  process.exit(0);
}

async function work(job: ClientJob): Promise<ClientResult> {
  const { task, route, origin } = job;
  if (task.kind === 'echo') return echoAll(route, origin, task);
  if (task.kind === 'ask') return ask(route, origin, BULK_KEY, task);
  if (task.kind === 'live') return watchLive(route, origin, BULK_KEY, task);
  if (task.kind === 'fetch') {
    if (task.besideBulkAfterMs === undefined) return fetchAll(route, origin, task);
    const beside = download(route, origin, BULK_KEY, {});
    await new Promise((resolve) => setTimeout(resolve, task.besideBulkAfterMs));
    const result = await fetchAll(route, origin, task);
    beside.stop();
    return { ...result, bulk: await beside.done };
  }
  if (task.kind === 'duplex') {
    const beside = download(route, origin, BULK_KEY, {});
    const error = await upload(route, origin, UPLOAD_KEY, { ms: task.ms });
    beside.stop();
    return { bulk: await beside.done, ...(error === undefined ? {} : { error }) };
  }
  if (task.direction === 'down') {
    const running = download(route, origin, BULK_KEY, task);
    setTimeout(() => running.stop(tooLong(job)), job.limitMs);
    return { bulk: await running.done };
  }
  const error = await upload(route, origin, BULK_KEY, task);
  return error === undefined ? {} : { error };
}

function tooLong({ limitMs }: ClientJob): string {
  return `not done within ${limitMs} ms`;
}
