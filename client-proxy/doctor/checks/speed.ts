import type { Destination } from '../../../shared/protocol/destination.ts';
import {
  type Figure,
  failed,
  milliseconds,
  ok,
  skipped,
  warning,
} from '../../../shared/runtime/doctor/finding.ts';
import type { Sample } from '../../measurement/measurement-connection.ts';
import { formatRate, median, rateOf } from '../../measurement/rate.ts';
import { askWhile, type Direction, transferOver } from '../../measurement/transfer.ts';
import { deviceWord } from '../../network/remedy-commands.ts';
import { measuredCheck } from '../case/measured-check.ts';
import { openAll } from '../case/open-all.ts';
import { interfaceOf } from '../case/own-interface.ts';
import type { UplinkCase, UplinkCheck } from '../case/uplink-check.ts';
import { shown } from './round-trip.ts';

/** A measurement ends after this long, however much is left, */
const LONGEST_MS = 3_000;
/** or after so many round trips: TCP takes ten of them, and more, to find out what a satellite carries, */
const ROUND_TRIPS = 20;
/** and at the latest then. */
const FAR_LONGEST_MS = 15_000;
/** Between two questions for the round trip under load. */
const PING_EVERY_MS = 100;
/** A queue this much longer than the idle round trip is felt in calls, and in every click beside a transfer. */
const MUCH_QUEUE_MS = 300;
/** What TCP sends at once at the beginning (RFC 6928), with headers: a slow link takes its time for it, however short its queue. */
const FIRST_WINDOW_BITS = 10 * 1_514 * 8;
/** With fewer answers under load nothing is said of it. */
const LEAST_PINGS = 3;

export const downloadCheck: UplinkCheck = speedCheck('down', 'download');
export const uploadCheck: UplinkCheck = speedCheck('up', 'upload');

/** How much passes in one direction, and how long the round trip becomes meanwhile. */
function speedCheck(direction: Direction, name: string): UplinkCheck {
  return measuredCheck({
    name,
    needs: ['tcp', 'tls-and-pin', 'authentication', 'packet-size'],
    async run(it, address) {
      const { uplink, found, options } = it;
      if (uplink.metered !== undefined && !options.metered)
        return skipped('the uplink is metered; `doctor --metered` measures it all the same');
      if (found.packetBytes !== undefined) return skipped('not before packets of full size pass');
      if (options.speedBytes === 0) return skipped('turned off by --speed-bytes 0B');
      const bytes = Math.min(options.speedBytes, found.allowanceBytes);
      if (bytes < LEAST_BYTES)
        return skipped(
          'the concentrator allows no more bytes for measurements now (limits.measurementBytesPerHour there)',
        );
      return judge(it, direction, await load(it, address, direction, bytes));
    },
  });
}

/** With fewer bytes nothing can be said of the speed. */
const LEAST_BYTES = 64 * 1024;

interface Load {
  readonly samples: readonly Sample[];
  readonly isComplete: boolean;
  /** Round trips on another connection meanwhile. */
  readonly rttsMs: readonly number[];
}

async function load(
  { uplink, prober, found }: UplinkCase,
  address: Destination,
  direction: Direction,
  bytes: number,
): Promise<Load | undefined> {
  const [bulk, beside] = await openAll(2, () => prober.measure(uplink, address));
  try {
    if (bulk === undefined || beside === undefined) return undefined;
    const timeoutMs = longestMs(found);
    const loading = transferOver(bulk, { direction, bytes, timeoutMs });
    const rttsMs = await askWhile(loading, PING_EVERY_MS, () => beside.ping(LONGEST_MS));
    const exchange = await loading;
    found.allowanceBytes -= exchange.samples.at(-1)?.bytes ?? 0;
    return { ...exchange, rttsMs };
  } finally {
    bulk?.close();
    beside?.close();
  }
}

function longestMs({ rttMs = 0 }: UplinkCase['found']): number {
  return Math.min(FAR_LONGEST_MS, Math.max(LONGEST_MS, ROUND_TRIPS * rttMs));
}

function judge(it: UplinkCase, direction: Direction, result: Load | undefined) {
  const rate = result && rateOf(result.samples);
  if (result === undefined || rate === undefined) {
    const bytes = result?.samples.at(-1)?.bytes ?? 0;
    if (result?.isComplete) return ok('faster than a transfer this short can show', {}, MORE_BYTES);
    return failed(`only ${bytes} bytes passed in ${Math.round(longestMs(it.found) / 1_000)} s`);
  }
  const figures: Record<string, Figure> = { rate: { value: Math.round(rate), unit: 'bit/s' } };
  // The first questions are asked before there is a queue.
  const loaded = result.rttsMs.slice(1);
  const words = formatRate(rate);
  if (loaded.length < LEAST_PINGS) return ok(words, figures);
  const loadedMs = median(loaded);
  figures.roundTripUnderLoad = milliseconds(loadedMs);
  const queueMs = loadedMs - (it.found.rttMs ?? 0);
  if (queueMs <= Math.max(MUCH_QUEUE_MS, (FIRST_WINDOW_BITS / rate) * 1_000))
    return ok(`${words}, round trip meanwhile ${shown(loadedMs)}`, figures);
  return warning(
    `${words}, but the round trip grows by ${shown(queueMs)} under load (bufferbloat)`,
    queueRemedy(it, direction, rate),
    figures,
  );
}

const MORE_BYTES = ['measure longer: tributary-client doctor --speed-bytes 200MB'];
/** A little below the rate of the link, the queue is where it can be kept short. */
const SHAPED_SHARE = 0.9;

function queueRemedy({ uplink, view }: UplinkCase, direction: Direction, rate: number): string[] {
  const router = 'turn on SQM (CAKE or FQ-CoDel) in the router of this uplink, where it has that';
  if (direction === 'down') return [router];
  const own = interfaceOf(uplink, view);
  if (own === undefined) return [router];
  const kilobits = Math.max(1, Math.floor((rate * SHAPED_SHARE) / 1e3));
  return [`tc qdisc replace dev ${deviceWord(own)} root cake bandwidth ${kilobits}kbit`, router];
}
