import { skipped } from '../../shared/runtime/doctor/finding.ts';
import type { UplinkCheck } from './case/uplink-check.ts';
import { addressCheck } from './checks/address.ts';
import { authenticationCheck } from './checks/authentication.ts';
import { capCheck } from './checks/cap.ts';
import { clockCheck } from './checks/clock.ts';
import { interfaceCheck } from './checks/interface.ts';
import { namesCheck } from './checks/names.ts';
import { natTimeoutCheck } from './checks/nat-timeout.ts';
import { packetSizeCheck } from './checks/packet-size.ts';
import { roundTripCheck } from './checks/round-trip.ts';
import { arpCheck, reversePathCheck, routeCheck } from './checks/route.ts';
import { downloadCheck, uploadCheck } from './checks/speed.ts';
import { tcpCheck } from './checks/tcp.ts';
import { tlsCheck } from './checks/tls.ts';
import { udpCheck } from './checks/udp.ts';
import { usageCheck } from './checks/usage.ts';

/** Without a concentrator there is no far end that takes part. */
const measurementsCheck: UplinkCheck = {
  name: 'measurements',
  run: () =>
    skipped('mode is direct: names, TCP, TLS, packet sizes and speed are examined with a concentrator alone'),
};

/** What is checked of each uplink in mode direct, in this order. */
export const DIRECT_CHECKS: readonly UplinkCheck[] = [
  interfaceCheck,
  addressCheck,
  capCheck,
  routeCheck,
  reversePathCheck,
  arpCheck,
  measurementsCheck,
];

/** What is checked of each uplink, in this order. */
export const UPLINK_CHECKS: readonly UplinkCheck[] = [
  interfaceCheck,
  addressCheck,
  capCheck,
  routeCheck,
  reversePathCheck,
  arpCheck,
  namesCheck,
  tcpCheck,
  tlsCheck,
  authenticationCheck,
  clockCheck,
  packetSizeCheck,
  roundTripCheck,
  udpCheck,
  downloadCheck,
  uploadCheck,
  natTimeoutCheck,
  usageCheck,
];
