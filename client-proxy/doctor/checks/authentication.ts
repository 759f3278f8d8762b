import { formatDestination } from '../../../shared/protocol/destination.ts';
import { TributaryError } from '../../../shared/protocol/errors.ts';
import { HandshakeRefused } from '../../../shared/protocol/handshake/client-handshake.ts';
import { failed, ok, skipped, warning } from '../../../shared/runtime/doctor/finding.ts';
import { readMeasurementFacts } from '../../../shared/runtime/doctor/measurement-facts.ts';
import { SubflowError } from '../../uplink/subflow-error.ts';
import { isLostConnection, lostMeanwhile } from '../case/measured-check.ts';
import type { UplinkCheck } from '../case/uplink-check.ts';
import { NO_ADDRESS, NO_MEASUREMENTS_NOW, OLDER } from '../case/words.ts';

/** The concentrator knows this client and its key. */
export const authenticationCheck: UplinkCheck = {
  name: 'authentication',
  needs: ['tcp', 'tls-and-pin'],
  async run({ uplink, prober, found, config, wallClock }) {
    const address = found.secured[0];
    if (address === undefined) return skipped(NO_ADDRESS);
    const { id } = config.client;
    try {
      const opened = await prober.measure(uplink, address);
      if (opened === undefined) {
        found.whyUnmeasured = OLDER;
        return ok(`the concentrator knows "${id}" and its key; it is older, and lets nothing be measured`);
      }
      opened.connection.close();
      found.allowanceBytes = opened.terms.allowanceBytes;
      const facts = readMeasurementFacts(opened.terms.facts);
      if (facts !== undefined) {
        found.facts = facts;
        // The answer was on its way for half a round trip, which is nothing beside what matters.
        found.clockSkewMs = wallClock() - facts.timeMs;
      }
      const version = facts === undefined ? '' : `; it has version ${facts.version}`;
      return ok(`the concentrator knows "${id}" and its key${version}`);
    } catch (error) {
      if (error instanceof HandshakeRefused) {
        found.whyUnmeasured = NO_MEASUREMENTS_NOW;
        return refused(error, id);
      }
      if (!isAboutKey(error)) {
        if (isLostConnection(error)) return failed(lostMeanwhile(error, uplink.name));
        throw error;
      }
      return failed(error.message, [
        'at the concentrator: tributary-concentrator client list',
        `at the concentrator: tributary-concentrator client add ${id}   # or client rotate; then join --update here`,
        `at the concentrator, if ${formatDestination(address)} was just told of the client: systemctl reload tributary-concentrator`,
      ]);
    }
  },
};

/** The concentrator closes the connection of a client that it does not know, without a word. */
function isAboutKey(error: unknown): error is TributaryError {
  return (
    error instanceof TributaryError && error.code === 'notAuthorized' && !(error instanceof SubflowError)
  );
}

/** Only a client with the right key is told why not. */
function refused({ code }: HandshakeRefused, id: string) {
  if (code === 'resourceExceeded') {
    return warning(`the key of "${id}" is good, but it has too many sessions or measurements under way`, [
      `at the concentrator: tributary-concentrator status   # too many machines with the id "${id}"? see limits.sessionsPerClient`,
    ]);
  }
  if (code === 'goingAway')
    return warning(`the key of "${id}" is good, but the concentrator is shutting down`, [
      'ask again when it is up',
    ]);
  return failed(`the concentrator refused "${id}": ${code}`, ['let both programs have the same version']);
}
