import type { Health } from '../../shared/runtime/observe/http-endpoint.ts';
import type { Concentrators } from '../concentrators/concentrators.ts';
import type { ClientMode } from '../config/client-config.ts';
import type { UplinkSet } from '../discovery/uplink-set.ts';
import type { Fallback } from '../fallback/fallback.ts';
import type { UplinkStatus } from '../path-manager/uplink-status.ts';

/** The parts of the client that its readiness is read from. */
export interface ReadinessSource {
  readonly concentrators: Pick<Concentrators, 'isEstablished'>;
  readonly uplinks: Pick<UplinkSet, 'leftOut' | 'whyUnknown'>;
  readonly mode: ClientMode;
  readonly fallback: Pick<Fallback, 'isActive' | 'takesOver'>;
  /** The state of each uplink now. */
  readonly uplinkStatus: () => readonly UplinkStatus[];
}

/** Interfaces that are named when no uplink is up; there can be hundreds. */
const MAX_LEFT_OUT = 16;

/** Ready means: a connection that is asked for now has an uplink to go out on, by the concentrator or past it. */
export function clientReadiness({
  mode,
  concentrators,
  uplinks,
  fallback,
  uplinkStatus,
}: ReadinessSource): Health {
  const status = uplinkStatus();
  const isUp = status.some((uplink) => uplink.isUp);
  const reasons: string[] = [];
  const hasConcentrator = mode === 'concentrator';
  if (hasConcentrator && !concentrators.isEstablished) reasons.push('no session with the concentrator');
  if (fallback.isActive) reasons.push('fallback: new connections go directly, outside of the tunnel');
  if (status.length === 0) reasons.push('no interface is an uplink');
  if (!isUp && uplinks.whyUnknown !== undefined) reasons.push(uplinks.whyUnknown);
  for (const { name, reason } of status) reasons.push(`uplink ${name}: ${reason}`);
  if (!isUp) {
    for (const one of uplinks.leftOut.slice(0, MAX_LEFT_OUT)) {
      reasons.push(`interface ${one.interface}, left out: ${one.reason}`);
    }
  }
  return { ok: (isUp && (concentrators.isEstablished || !hasConcentrator)) || fallback.takesOver, reasons };
}
