import type { Destination } from '../../../shared/protocol/destination.ts';
import { ProtocolViolation, TributaryError } from '../../../shared/protocol/errors.ts';
import { HandshakeRefused } from '../../../shared/protocol/handshake/client-handshake.ts';
import { type Finding, failed, skipped } from '../../../shared/runtime/doctor/finding.ts';
import { failureText } from '../../uplink/uplink-error.ts';
import type { UplinkCase, UplinkCheck } from './uplink-check.ts';
import { NO_ADDRESS, REFUSED_MEANWHILE } from './words.ts';

interface MeasuredCheck extends Omit<UplinkCheck, 'run'> {
  /** @param address where the concentrator has answered */
  run(it: UplinkCase, address: Destination): Promise<Finding> | Finding;
}

/** A check in which the concentrator takes part: it is skipped, and says why, where the concentrator does not. */
export function measuredCheck(check: MeasuredCheck): UplinkCheck {
  return {
    ...check,
    async run(it) {
      const { whyUnmeasured, secured } = it.found;
      const [address] = secured;
      if (whyUnmeasured !== undefined) return skipped(whyUnmeasured);
      if (address === undefined) return skipped(NO_ADDRESS);
      try {
        return await check.run(it, address);
      } catch (error) {
        // It took part a moment ago: nothing is wrong with the uplink.
        if (error instanceof HandshakeRefused) return skipped(REFUSED_MEANWHILE);
        if (isLostConnection(error)) return failed(lostMeanwhile(error, it.uplink.name));
        throw error;
      }
    },
  };
}

/** The connection did not come about, or ended, though all was well a moment ago. */
export function isLostConnection(error: unknown): error is TributaryError {
  return error instanceof TributaryError && !(error instanceof ProtocolViolation);
}

export function lostMeanwhile(error: Error, uplinkName: string): string {
  return `the connection was lost meanwhile: ${failureText(uplinkName, error)}`;
}
