import type { ProvenSources } from '../shared/runtime/admission/proven-sources.ts';
import { LineLimit } from '../shared/runtime/observe/line-limit.ts';
import type { ProcessWatch } from '../shared/runtime/observe/process-watch.ts';
import type { ProgramDeps } from '../shared/runtime/process/process-deps.ts';
import { ReceivePool } from '../shared/runtime/subflow/receive-pool.ts';
import type { SubflowListenerOptions } from '../shared/runtime/subflow/subflow-listener.ts';
import type { ClientKeeper } from './client-keeper.ts';
import type { ClientList } from './clients/client-list.ts';
import type { ConcentratorCounts, CrowdedStage } from './concentrator-metrics.ts';
import type { Measurements } from './measurement/measurements.ts';
import type { MemoryLevels } from './session/memory-levels.ts';
import type { SessionRegistry } from './session/session-registry.ts';
import { SubflowAdmission } from './session/subflow-admission.ts';
import type { WorkerPlace } from './worker/worker-place.ts';

/** What a listener hands connections to. */
export type Gate = Pick<
  SubflowListenerOptions,
  'pool' | 'isProven' | 'onSubflow' | 'onHandshakeFailed' | 'onCrowded' | 'onError' | 'hasDescriptor'
>;

/** What connections come through before they are subflows. */
export function makeGate(
  { clock, logger }: Pick<ProgramDeps, 'clock' | 'logger'>,
  parts: {
    readonly clients: ClientList;
    readonly clientKeeper: ClientKeeper;
    readonly proven: ProvenSources;
    readonly sessions: SessionRegistry;
    readonly measurements: Measurements;
    readonly memory: MemoryLevels;
    readonly watch: ProcessWatch;
    /** Its place among several processes, if there are several. */
    readonly place: WorkerPlace | undefined;
    readonly counts: Pick<ConcentratorCounts, 'handshakes' | 'crowded'>;
  },
): { readonly admission: SubflowAdmission; readonly gate: Gate } {
  const { clients, clientKeeper, proven, sessions, measurements, memory, watch, place } = parts;
  const { handshakes, crowded } = parts.counts;
  const strangersLog = new LineLimit(clock).over(logger);
  const onCrowded = (stage: CrowdedStage, outcome: 'refused' | 'displaced', remote: string) => {
    crowded.add(stage, outcome);
    strangersLog.warn({ remote, stage, outcome }, 'many handshakes: a connection was turned away');
  };
  const admission = new SubflowAdmission({
    keysOf: (clientId) => clients.keysOf(clientId),
    whyNot: (clientId) => clientKeeper.whyNot(clientId),
    sessions,
    measure: (applicant, clientId) => measurements.admit(applicant, clientId),
    passing: place,
    proven: {
      has: (source) => proven.has(source),
      add(clientId, source) {
        proven.add(clientId, source);
        place?.onProven(clientId, source.host);
      },
    },
    onResult: (result) => handshakes.add(result),
    onCrowded: (outcome, remote) => onCrowded('applicant', outcome, remote),
    clock,
    logger: strangersLog,
  });
  const gate: Gate = {
    pool: new ReceivePool(clock, memory.poolBytes),
    isProven: (source) => proven.has(source),
    onSubflow: (transport, leftMs) => void admission.admit(transport, leftMs),
    onHandshakeFailed(remote, reason) {
      handshakes.add('tls');
      logger.debug({ remote, reason }, 'no TLS handshake');
    },
    onCrowded,
    onError: (error) => watch.onAcceptFailed(error),
    hasDescriptor: () => watch.hasDescriptor('subflow'),
  };
  return { admission, gate };
}
