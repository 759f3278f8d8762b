import { ok, warning } from '../../../shared/runtime/doctor/finding.ts';
import type { OpenedMeasurement } from '../../measurement/open-measurement.ts';
import { measuredCheck } from '../case/measured-check.ts';
import { openAll } from '../case/open-all.ts';

/** Silences that are tried at the same time, each on a connection of its own. */
const SILENCES_S = [15, 30, 60, 120, 240] as const;
/** Subflows of a metered uplink are silent for 15 s at most; others for a second. */
const NEEDED_S = 15;
const ANSWER_MS = 5_000;

/** How long a NAT or firewall on the way remembers a silent connection. Takes four minutes. */
export const natTimeoutCheck = measuredCheck({
  name: 'nat-timeout',
  needs: ['tcp', 'tls-and-pin', 'authentication'],
  applies: ({ options }) => options.natTimeout,
  async run({ uplink, prober }, address) {
    const lives = await livesThrough(SILENCES_S, () => prober.measure(uplink, address));
    // Where a shorter silence was too much, a connection that outlived a longer one was lucky.
    const forgotten = SILENCES_S.find((_, i) => !lives[i]);
    const longest = SILENCES_S.filter((seconds) => forgotten === undefined || seconds < forgotten).at(-1);
    const figures = {
      ...(longest === undefined ? {} : { survives: { value: longest, unit: 's' as const } }),
      ...(forgotten === undefined ? {} : { forgotten: { value: forgotten, unit: 's' as const } }),
    };
    if (forgotten === undefined)
      return ok(`connections live through ${longest} s of silence, and more`, figures);
    const words =
      longest === undefined
        ? `a connection is forgotten within ${forgotten} s of silence`
        : `connections live through ${longest} s of silence, and are forgotten within ${forgotten} s`;
    if (longest !== undefined && longest > NEEDED_S) return ok(words, figures);
    return warning(words, ['raise the idle time-out of TCP in the router of this uplink'], figures);
  },
});

/** Whether a connection lives through each of these silences. Rejects, and leaves nothing behind, when one of them cannot be opened. */
async function livesThrough(
  silencesS: readonly number[],
  open: () => Promise<OpenedMeasurement | undefined>,
): Promise<readonly boolean[]> {
  const connections = await openAll(silencesS.length, open);
  try {
    return await Promise.all(
      silencesS.map(async (seconds, i) => {
        const connection = connections[i];
        if (connection === undefined) return false;
        connection.keepSilent();
        await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
        return (await connection.ping(ANSWER_MS)) !== undefined;
      }),
    );
  } finally {
    for (const connection of connections) connection?.close();
  }
}
