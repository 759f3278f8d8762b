import type { InboundSide } from '../../client-proxy/publish/inbound-side.ts';

/** For sessions whose tests are about something else: nothing is published. */
export const NO_INBOUND: InboundSide = {
  onSession() {},
  onSessionEnded() {},
  onPublished() {},
  onInbound() {},
};
