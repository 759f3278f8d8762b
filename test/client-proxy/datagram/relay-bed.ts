import { DatagramCounts } from '../../../client-proxy/datagram/datagram-counts.ts';
import { DatagramRelay, type DatagramRelayOptions } from '../../../client-proxy/datagram/datagram-relay.ts';
import type { DatagramSession } from '../../../client-proxy/datagram/datagram-side.ts';
import type { DirectPorts } from '../../../client-proxy/datagram/direct-ports.ts';
import type { DatagramDecision } from '../../../client-proxy/steering/datagram-decision.ts';
import type { SteeringSubject } from '../../../client-proxy/steering/rule-set.ts';
import type { Destination } from '../../../shared/protocol/destination.ts';
import type { StreamPolicy } from '../../../shared/protocol/steering/steering-policy.ts';

export const STEER: DatagramDecision = { kind: 'steer', policy: { mode: 'lowest-latency' } };

/**
 * A relay whose rules, clock and way past the concentrator are the test's.
 * @param sessions as `DatagramRelayOptions.sessions`; where it is not given, what begins goes to the newest that the relay was told of
 */
export function relayBed(
  decide: (subject: SteeringSubject) => DatagramDecision = () => STEER,
  sessions?: DatagramRelayOptions['sessions'],
  concentratorOf: DatagramRelayOptions['concentratorOf'] = () => undefined,
) {
  const told: DatagramSession[] = [];
  class ToldRelay extends DatagramRelay {
    override onSession(session: DatagramSession, isOffered: boolean): void {
      told.unshift(session);
      super.onSession(session, isOffered);
    }
  }
  const opened: DatagramSession[] = [];
  const time = { ms: 1_000 };
  const rules = { decide };
  const counts = new DatagramCounts();
  const warnings: string[] = [];
  const direct: string[] = [];
  const handlers = { onUnsupported: () => {}, goOn: (_: StreamPolicy) => true };
  const received: { from: string; payload: string }[] = [];
  const relay = new ToldRelay({
    decide: (subject) => rules.decide(subject),
    sessions: sessions ?? (() => told),
    concentratorOf,
    onOpened: (session) => void opened.push(session),
    makeDirect: () =>
      ({
        open: ({ host }: Destination) => ({
          send: (payload: Uint8Array) => void direct.push(`${host}: ${Buffer.from(payload)}`),
          carried: [],
          goOn: (policy: StreamPolicy) => handlers.goOn(policy),
          onReceived() {},
          end: () => void direct.push(`${host} ended`),
        }),
        close() {},
      }) as unknown as DirectPorts,
    onUnsupported: () => handlers.onUnsupported(),
    counts,
    clock: () => time.ms,
    logger: { debug() {}, info() {}, warn: (_, message) => void warnings.push(message), error() {} },
  });
  const join = (user?: string) =>
    relay.join({
      user,
      onDatagram: ({ host, port }, payload) =>
        void received.push({ from: `${host} ${port}`, payload: Buffer.from(payload).toString() }),
    });
  return { relay, join, opened, counts, time, rules, warnings, direct, received, handlers };
}

export const payloadOf = (text: string): Uint8Array => Buffer.from(text);
