import { milliseconds, ok, skipped, warning } from '../../../shared/runtime/doctor/finding.ts';
import { errorWords } from '../../../shared/runtime/text/error-words.ts';
import type { UplinkCheck } from '../case/uplink-check.ts';
import { NO_ADDRESS } from '../case/words.ts';
import { shown } from './round-trip.ts';

/** Whether UDP passes, by which calls and games avoid the queues and repeats of TCP. */
export const udpCheck: UplinkCheck = {
  name: 'udp',
  needs: ['tcp', 'tls-and-pin', 'authentication'],
  async run({ uplink, prober, found, config }) {
    const [address] = found.secured;
    if (address === undefined) return skipped(NO_ADDRESS);
    if (!config.datagrams) return skipped('turned off: datagrams');
    if (uplink.binding.kind === 'proxy') return skipped('UDP does not go through a proxy');
    try {
      const probe = await prober.udp(uplink, address);
      switch (probe.kind) {
        case 'passes':
          return ok(`packets to UDP port ${probe.port} are answered in ${shown(probe.rttMs)}`, {
            rtt: milliseconds(probe.rttMs),
          });
        case 'not-carried':
          return skipped('the concentrator carries no UDP: datagrams.enabled there, or it is older');
        case 'blocked':
          return warning(
            `no packet to UDP port ${probe.port} of the concentrator was answered; calls and games go on the subflows of this uplink`,
            [
              `ufw allow ${probe.port}/udp   # at the concentrator; and in the firewall of its provider`,
              'where it passes over another uplink, this network blocks UDP: nothing mends that here',
            ],
          );
      }
    } catch (error) {
      return skipped(`no session for it: ${errorWords(error)}`);
    }
  },
};
