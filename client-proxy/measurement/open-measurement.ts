import type { ClientIdentity } from '../../shared/protocol/handshake/client-handshake.ts';
import type { MeasurementTerms } from '../../shared/protocol/handshake/messages.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { nodeHandshakeCrypto } from '../../shared/runtime/session/handshake-crypto.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import { clientSubflowHandshake } from '../path-manager/client-subflow-handshake.ts';
import { closeSession, MeasurementConnection } from './measurement-connection.ts';

/** What can be done with a connection for measurements. */
export type Measuring = Pick<MeasurementConnection, 'ping' | 'send' | 'receive' | 'keepSilent' | 'close'>;

/** A connection for measurements, which the concentrator has answered. */
export interface OpenedMeasurement {
  readonly connection: Measuring;
  readonly terms: MeasurementTerms;
}

/** Over which uplink the concentrator is asked, and as who. */
export interface MeasurementAsker {
  readonly identity: ClientIdentity;
  readonly uplink: { readonly name: string; readonly backup: boolean };
  readonly timeoutMs: number;
  readonly clock: MonotonicClock;
}

/**
 * Asks for measurements on a fresh transport. Undefined where the concentrator is older than measurements. Rejects as
 * `clientSubflowHandshake`.
 */
export async function openMeasurement(
  transport: SubflowTransport,
  { identity, uplink, timeoutMs, clock }: MeasurementAsker,
): Promise<OpenedMeasurement | undefined> {
  const { result, takeRest } = await clientSubflowHandshake(
    transport,
    {
      crypto: nodeHandshakeCrypto,
      identity,
      uplinkName: uplink.name,
      backup: uplink.backup,
      intent: { kind: 'hello', isMeasurement: true },
    },
    timeoutMs,
  );
  const terms = result.welcome?.measurement;
  if (terms !== undefined) {
    return { connection: new MeasurementConnection(transport, takeRest(), clock), terms };
  }
  closeSession(transport);
  return undefined;
}
