import { setTimeout as sleep } from 'node:timers/promises';
import { Origin, startJob } from '../lab/agents.ts';
import { TwoConcentrators } from '../system/support/two-concentrators.ts';
import { Recorder } from '../use-cases/recorder.ts';
import type { Traffic } from '../use-cases/traffic.ts';

/** How the chosen concentrator is lost. */
export const FAILOVERS = ['killed', 'silent'] as const;
type Failover = (typeof FAILOVERS)[number];

/** What was seen of one. */
export interface FailoverRecord {
  readonly failover: Failover;
  readonly traffic: Traffic;
  /** When it was lost, and when it was back, from the beginning of the record. */
  readonly lostMs: number;
  readonly backMs: number;
  /** How long after the loss it took until the other one carried something. */
  readonly takenMs: number;
  readonly fetches: number;
  /** Those that broke. */
  readonly failures: number;
}

const PORT = 8090;
const SOCKS_PORT = 1080;
/** A new connection each 50 ms that fetches 125 kB, however long others take: 20 Mbit/s, half of what either of two uplinks can. */
const FETCH_EVERY_MS = 50;
const FETCH_BYTES = 125_000;
const BEFORE_MS = 4_000;
const AWAY_MS = 8_000;
/** It is returned to after ten seconds. */
const AFTER_MS = 14_000;
const TOTAL_MS = BEFORE_MS + AWAY_MS + AFTER_MS;
const LINGER_MS = 2_000;
/** Of what a fetch needs; silence of one concentrator must not be the noise of pings. */
const LEAST_BYTES = 50_000;
const STEP_MS = 50;

/** Watches a client fetch small things by the nearer one of two concentrators while that is lost. */
export async function measureFailover(failover: Failover): Promise<FailoverRecord> {
  console.log(`failover: ${failover} ...`);
  const it = await TwoConcentrators.create();
  try {
    return await record(it, failover);
  } finally {
    await it.close();
  }
}

async function record(it: TwoConcentrators, failover: Failover): Promise<FailoverRecord> {
  for (const place of ['near', 'far'] as const) {
    await it.startConcentrator(place);
    await it.join(place);
  }
  await it.amend({ linger: `${LINGER_MS}ms`, log: { level: 'info', format: 'json' } });
  await it.startClient();
  const address = it.bed.origin.address.v4;
  await Origin.start(it.bed.origin, address, PORT);
  await it.untilStatus((all) => all.get('near')?.chosen === true && all.get('far')?.state === 'established');
  const fetches = Math.floor(TOTAL_MS / FETCH_EVERY_MS);
  const beganMs = performance.now();
  const clock = () => performance.now() - beganMs;
  const recorder = await Recorder.start(
    (['near', 'far'] as const).map((name) => ({ name, read: () => it.octets(name) })),
    clock,
  );
  const job = startJob(it.bed.client, {
    task: {
      ...{ kind: 'fetch', parallel: fetches, startEveryMs: FETCH_EVERY_MS, pauseMs: TOTAL_MS },
      sizes: Array.from({ length: fetches }, () => FETCH_BYTES),
    },
    origin: { host: address, port: PORT },
    route: { socks: { host: '127.0.0.1', port: SOCKS_PORT } },
    limitMs: 2 * TOTAL_MS + 30_000,
  });
  await sleep(BEFORE_MS);
  await (failover === 'killed' ? it.kill('near') : it.silence('near'));
  const lostMs = clock();
  await sleep(AWAY_MS);
  await (failover === 'killed' ? it.startConcentrator('near') : it.restore('near'));
  const backMs = clock();
  await sleep(AFTER_MS);
  await recorder.stop();
  const { failures = 0 } = await job.result;
  const { traffic } = recorder;
  let takenAtMs = lostMs;
  while (takenAtMs < traffic.endMs && traffic.bytes('far', 'down', lostMs, takenAtMs) < LEAST_BYTES)
    takenAtMs += STEP_MS;
  return { failover, traffic, lostMs, backMs, takenMs: takenAtMs - lostMs, fetches, failures };
}
