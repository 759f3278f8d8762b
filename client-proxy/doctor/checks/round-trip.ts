import { failed, milliseconds, ok, skipped } from '../../../shared/runtime/doctor/finding.ts';
import { median } from '../../measurement/rate.ts';
import { measuredCheck } from '../case/measured-check.ts';
import { OLDER } from '../case/words.ts';

const PINGS = 8;
const PATIENCE_MS = 5_000;

/** The round trip while nothing else is sent. */
export const roundTripCheck = measuredCheck({
  name: 'round-trip',
  needs: ['tcp', 'tls-and-pin', 'authentication'],
  async run({ uplink, prober, found }, address) {
    const opened = await prober.measure(uplink, address);
    if (opened === undefined) return skipped(OLDER);
    const { connection } = opened;
    try {
      const times: number[] = [];
      for (let i = 0; i < PINGS; i++) {
        const ms = await connection.ping(PATIENCE_MS);
        if (ms === undefined) return failed('the concentrator stopped answering');
        times.push(ms);
      }
      found.rttMs = median(times);
      const [least, most] = [Math.min(...times), Math.max(...times)];
      const figures = {
        median: milliseconds(found.rttMs),
        least: milliseconds(least),
        most: milliseconds(most),
      };
      return ok(`${shown(found.rttMs)} (${shown(least)} to ${shown(most)})`, figures);
    } finally {
      connection.close();
    }
  },
});

/** For people. */
export function shown(ms: number): string {
  return `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`;
}
