import { failed, ok, skipped, warning } from '../../../shared/runtime/doctor/finding.ts';
import type { UplinkCheck } from '../case/uplink-check.ts';
import { OLDER } from '../case/words.ts';

/** Silences that are tried at the same time, each on a connection of its own. */
const SILENCES_S = [15, 30, 60, 120, 240] as const;
/** Subflows of a metered uplink are silent for 15 s at most; others for a second. */
const NEEDED_S = 15;
const ANSWER_MS = 5_000;

/** How long a NAT or firewall on the way remembers a silent connection. Takes four minutes. */
export const natTimeoutCheck: UplinkCheck = {
  name: 'nat-timeout',
  needs: ['tcp', 'tls-and-pin', 'authentication'],
  applies: ({ options }) => options.natTimeout,
  async run({ uplink, prober, found }) {
    const [address] = found.secured;
    if (!found.canMeasure || address === undefined) return skipped(OLDER);
    const lives = await Promise.all(
      SILENCES_S.map(async (seconds) => {
        const connection = (await prober.measure(uplink, address))?.connection;
        if (connection === undefined) return false;
        connection.keepSilent();
        await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
        const isAlive = (await connection.ping(ANSWER_MS)) !== undefined;
        connection.close();
        return isAlive;
      }),
    );
    const longest = SILENCES_S.filter((_, i) => lives[i]).at(-1);
    const forgotten = SILENCES_S.find((_, i) => !lives[i]);
    if (forgotten === undefined) return ok(`connections live through ${longest} s of silence, and more`);
    if (longest === undefined)
      return failed(`a connection is forgotten within ${forgotten} s of silence`, [
        'raise the idle time-out of TCP in the router of this uplink',
      ]);
    const figures = {
      survives: { value: longest, unit: 's' as const },
      forgotten: { value: forgotten, unit: 's' as const },
    };
    const words = `connections live through ${longest} s of silence, and are forgotten within ${forgotten} s`;
    if (longest > NEEDED_S) return ok(words, figures);
    return warning(words, ['raise the idle time-out of TCP in the router of this uplink'], figures);
  },
};
