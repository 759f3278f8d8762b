import type { DatagramSide } from '../../client-proxy/datagram/datagram-side.ts';

/** For sessions whose tests are about something else: no application sends datagrams. */
export const NO_DATAGRAMS: DatagramSide = {
  onSession() {},
  onDatagramEvent() {},
  onSessionEnded() {},
};
