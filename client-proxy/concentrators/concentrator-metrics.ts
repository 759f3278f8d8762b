import type { Registry } from 'prom-client';
import { registerCounter, registerGauge } from '../../shared/runtime/observe/scraped-metric.ts';
import { CONCENTRATOR_STATES, measuredWay, stateOf, streamCountOf } from './concentrator-report.ts';
import type { Concentrators } from './concentrators.ts';
import type { Member } from './member.ts';

/** What the metrics tell of each concentrator. */
export function registerConcentratorMetrics(
  registry: Registry,
  source: Pick<Concentrators, 'members' | 'chosen' | 'changeCount' | 'flowCountOf'>,
): void {
  const gauge = (name: string, help: string, read: (member: Member) => number | undefined) =>
    registerGauge(registry, {
      name,
      help,
      labelNames: ['concentrator'],
      *samples() {
        for (const member of source.members) {
          const value = read(member);
          if (value !== undefined) yield [{ concentrator: member.name }, value];
        }
      },
    });
  registerGauge(registry, {
    name: 'tributary_concentrator_state',
    help: '1 for the state that the session with the concentrator is in: established (heard), silent, lingering (no subflow), draining, connecting',
    labelNames: ['concentrator', 'state'],
    *samples() {
      for (const member of source.members) {
        const current = stateOf(member);
        for (const state of CONCENTRATOR_STATES)
          yield [{ concentrator: member.name, state }, state === current ? 1 : 0];
      }
    },
  });
  gauge(
    'tributary_concentrator_chosen',
    '1 for the concentrator that new connections go to unless a rule says otherwise',
    ({ it }) => (it === source.chosen ? 1 : 0),
  );
  gauge(
    'tributary_concentrator_standing',
    '1 for a concentrator that is only kept ready, by one subflow',
    ({ isStanding }) => (isStanding ? 1 : 0),
  );
  gauge(
    'tributary_concentrator_sessions',
    'Sessions with the concentrator, those included that only end',
    ({ it }) => it.keeper.drivers.length,
  );
  gauge('tributary_concentrator_streams', 'Streams that are open at the concentrator', streamCountOf);
  gauge('tributary_concentrator_datagram_flows', 'Flows of datagrams through the concentrator', (member) =>
    source.flowCountOf(member),
  );
  gauge(
    'tributary_concentrator_round_trip_seconds',
    'Lowest round trip to the concentrator of all its uplinks, without queues',
    (member) => {
      const way = measuredWay(member);
      return way === undefined ? undefined : way.roundTripMs / 1_000;
    },
  );
  gauge(
    'tributary_concentrator_loss_ratio',
    'Share of packets to the concentrator that were sent again of late, on the uplink with the lowest round trip',
    (member) => measuredWay(member)?.lossShare,
  );
  registerCounter(registry, {
    name: 'tributary_concentrator_changes_total',
    help: 'How often new connections have begun to go to another concentrator, the first time included',
    labelNames: [],
    *samples() {
      yield [{}, source.changeCount];
    },
  });
}
