import { setTimeout as sleep } from 'node:timers/promises';
import { runTool } from '../doctor/run-tool.ts';
import { UsageError } from './command-line.ts';

/** What starting a service needs of the system. */
export interface ServiceDeps {
  /** As `runTool`. */
  readonly run: (name: string, args: readonly string[]) => Promise<string | undefined>;
  readonly sleep: (ms: number) => Promise<unknown>;
}

/**
 * What a command does at its end so that its configuration is used: has systemd start the service that reads it, and waits until it runs, or
 * says how.
 *
 * @param service its name, where one of this system reads the file
 * @param command that runs the program by hand
 * @returns words for people
 * @throws UsageError where it was to be started and does not run; with the end of its log
 */
export async function startOrTell(
  isStarted: boolean,
  service: string | undefined,
  command: string,
  deps: ServiceDeps = { run: runTool, sleep },
): Promise<string> {
  if (!isStarted) return `Next, here: ${service === undefined ? command : `systemctl restart ${service}`}`;
  if (service === undefined) throw new UsageError(NO_SERVICE);
  // What ran before may let its connections finish first: this does not wait for it, so that no limit of a tool ends it.
  if ((await deps.run('systemctl', ['--no-block', 'restart', service])) === undefined) {
    throw new UsageError(`the service ${service} cannot be started: systemctl status ${service} says why`);
  }
  await waitUntilItRuns(service, deps);
  return `${service} runs. What it does: systemctl status ${service}; ${service} status`;
}

const NO_SERVICE =
  '--start starts the service of this system that reads /etc/tributary, and there is none: the files are written, start it by hand';
const POLL_MS = 250;
/** A program whose port is taken, or whose settings are invalid, ends sooner. */
const STEADY_MS = 2_000;
/** Longer than TimeoutStopSec of both services (45 s), after which systemd ends what ran before. */
const LIMIT_MS = 60_000;
/** systemd starts it again by itself, counted from this start; a name server that is late needs that once. */
const MAX_RESTARTS = 2;
const LOG_LINES = 5;

async function waitUntilItRuns(service: string, deps: ServiceDeps): Promise<void> {
  let steady: { readonly pid: string; readonly forMs: number } | undefined;
  for (let waitedMs = 0; waitedMs <= LIMIT_MS; waitedMs += POLL_MS) {
    await deps.sleep(POLL_MS);
    const {
      ActiveState: state,
      MainPID: pid = '0',
      Job: job = '',
      NRestarts: restarts,
    } = await propertiesOf(service, deps);
    const isUnderWay = job !== '' && job !== '0';
    const runs = state === 'active' && pid !== '0' && !isUnderWay;
    if (!runs) {
      steady = undefined;
      if (isUnderWay) continue;
      if (state === 'failed' || state === 'inactive' || Number(restarts) >= MAX_RESTARTS) break;
    } else if (steady?.pid === pid) {
      steady = { pid, forMs: steady.forMs + POLL_MS };
      if (steady.forMs >= STEADY_MS) return;
    } else steady = { pid, forMs: 0 };
  }
  const log = await deps.run('journalctl', [
    '--no-pager',
    '--output=cat',
    `--lines=${LOG_LINES}`,
    `--unit=${service}`,
  ]);
  throw new UsageError(
    `the files are written, but the service ${service} does not run: journalctl -u ${service} says why` +
      (log === undefined || log.trim() === '' ? '' : `. Its last lines:\n${log.trimEnd()}`),
  );
}

async function propertiesOf(service: string, deps: ServiceDeps): Promise<Readonly<Record<string, string>>> {
  const wanted = '--property=ActiveState,MainPID,Job,NRestarts';
  const text = (await deps.run('systemctl', ['show', wanted, service])) ?? '';
  return Object.fromEntries(
    text.split('\n').map((line) => [line.split('=', 1)[0]!, line.replace(/^[^=]*=/, '')]),
  );
}
