import { startWatch } from '../../lab/agents.ts';
import { SOCKS } from '../../lab/bed-place.ts';
import { startPair } from '../../lab/tributary-pair.ts';
import { type CongestionControl, metricsUrl } from '../../lab/tributary-setup.ts';
import type { Version } from '../comparison/checkouts.ts';
import { versionName } from '../comparison/versions.ts';
import type { Contestant, ContestantKind } from './contestant.ts';

/** The built pair, with an uplink for each of the scenario's, bound by interface. */
export function tributary(version: Version): ContestantKind {
  const name = nameOf('tributary', version);
  return {
    name,
    title: 'Tributary',
    missing: () => undefined,
    of: () => [pair(name, version)],
  };
}

/**
 * The same without BBR, as on a kernel that does not allow it. Only on CUBIC hosts and without a fault: `tributary` chooses BBR
 * there by itself.
 */
export function tributaryCubic(version: Version): ContestantKind {
  const name = nameOf('tributary-cubic', version);
  return {
    name,
    title: 'Tributary without BBR',
    missing: () => undefined,
    of: ({ fault }, hosts) => (hosts === 'cubic' && !fault ? [pair(name, version, 'cubic')] : []),
  };
}

function nameOf(kind: string, { folder }: Version): string {
  return versionName({ kind, ...(folder === undefined ? {} : { folder }) });
}

function pair(name: string, { setup }: Version, congestionControl?: CongestionControl): Contestant {
  return {
    name,
    async start(bed) {
      const { client, concentrator } = bed;
      const uplinks = bed.uplinks.map((uplink) => ({ name: uplink.name, interface: uplink.name }));
      const configured = await setup.withUplinks(uplinks, congestionControl);
      const started = await startPair({ client, concentrator }, configured, uplinks);
      return {
        ...started,
        route: { socks: SOCKS },
        async watch() {
          const stopClient = await startWatch(client, metricsUrl('client-proxy'));
          const stopConcentrator = await startWatch(concentrator, metricsUrl('server-concentrator'));
          return async () => ({ client: await stopClient(), concentrator: await stopConcentrator() });
        },
      };
    },
  };
}
