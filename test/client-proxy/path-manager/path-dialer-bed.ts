import { pino } from 'pino';
import { PathDialer } from '../../../client-proxy/path-manager/path-dialer.ts';
import { PathPast } from '../../../client-proxy/path-manager/path-pasts.ts';
import type { PathTarget } from '../../../client-proxy/path-manager/paths.ts';
import { TributaryError } from '../../../shared/protocol/errors.ts';
import { Backoff } from '../../../shared/runtime/async/backoff.ts';
import type { SubflowTransport } from '../../../shared/runtime/subflow/subflow-transport.ts';

export const HERE: PathTarget = { host: '127.0.0.1', port: 1, families: [4] };
export const THERE: PathTarget = { host: '127.0.0.1', port: 2, families: [4] };
export const DIAL_MS = 10;

/** A path whose subflows are numbers: how many dials go on at once, which have come up, which are retired. */
export function bed(backoff = { minMs: 100, maxMs: 100 }) {
  const seen = {
    dialling: 0,
    mostDialling: 0,
    up: [] as number[],
    retired: [] as number[],
    removed: [] as number[],
    ports: [] as number[],
    preferred: [] as (number | undefined)[],
    failed: [] as (number | undefined)[],
    pressing: [] as boolean[],
    trials: 0,
    isTrialDue: false,
    fails: false,
    admitMs: 0,
    admitting: 0,
    answer: undefined as TributaryError | undefined,
    refuses: false,
    destroyed: 0,
    isMetered: false,
    isBusy: false,
    error: new TributaryError('networkFailure', 'no route', 'ours'),
  };
  const past = new PathPast();
  const path: PathDialer = new PathDialer(
    {
      uplinkName: 'dsl',
      logger: pino({ enabled: false }),
      clock: () => performance.now(),
      isMetered: () => seen.isMetered,
      isBusy: () => seen.isBusy,
      async reach([target], { preferred, failed, isTrial = false, isPressing = false }, signal) {
        seen.mostDialling = Math.max(seen.mostDialling, ++seen.dialling);
        seen.preferred.push(preferred?.port);
        seen.failed.push(failed?.port);
        seen.pressing.push(isPressing);
        seen.trials += Number(isTrial);
        await new Promise<void>((resolve, reject) => {
          setTimeout(resolve, DIAL_MS);
          signal.addEventListener('abort', () => reject(signal.reason));
        }).finally(() => seen.dialling--);
        if (seen.fails) throw seen.error;
        const destroy = () => seen.destroyed++;
        return { transport: { destroy: () => void destroy() } as SubflowTransport, address: target! };
      },
      async admit(_transport, { port }) {
        seen.admitting++;
        if (seen.admitMs > 0) await new Promise((resolve) => setTimeout(resolve, seen.admitMs));
        if (seen.answer !== undefined) throw seen.answer;
        if (seen.refuses) throw new TributaryError('notAuthorized', 'refused', 'peer');
        seen.up.push(seen.up.length);
        seen.ports.push(port);
        return seen.up.length - 1;
      },
      retire: (id) => seen.retired.push(id),
      remove: (id) => seen.removed.push(id),
      isTrialDue: () => seen.isTrialDue,
      onTrial() {
        seen.isTrialDue = false;
      },
      onDial() {},
      onChange() {},
    },
    new Backoff(backoff, () => 1),
    past,
  );
  path.setTargets([HERE]);
  path.setWanted(1);
  return { path, seen, past };
}
