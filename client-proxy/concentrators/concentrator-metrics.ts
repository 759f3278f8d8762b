import type { Registry } from 'prom-client';
import { registerCounter, registerGauge } from '../../shared/runtime/observe/scraped-metric.ts';
import { CONCENTRATOR_STATES, measuredWay, stateOf } from './concentrator-report.ts';
import type { Concentrators } from './concentrators.ts';
import type { Member } from './member.ts';

/** What the metrics tell of each concentrator. */
export function registerConcentratorMetrics(
  registry: Registry,
  source: Pick<Concentrators, 'members' | 'chosen' | 'changeCount'>,
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
    help: '1 for the state that the session with the concentrator is in: established (heard), silent, lingering (no subflow), connecting',
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
  gauge('tributary_concentrator_streams', 'Streams that are open at the concentrator', ({ it }) =>
    it.keeper.drivers.reduce((sum, { streamCount }) => sum + streamCount, 0),
  );
  gauge(
    'tributary_concentrator_round_trip_seconds',
    'Lowest round trip to the concentrator of all its uplinks, without queues',
    (member) => {
      const way = measuredWay(member);
      return way === undefined ? undefined : way.roundTripMs / 1_000;
    },
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
