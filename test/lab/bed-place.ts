import type { Endpoint } from './agent/job.ts';
import type { PairPlace } from './tributary-setup.ts';

/** Where the SOCKS5 proxy is, seen from the client. */
export const SOCKS: Endpoint = { host: '127.0.0.1', port: 1080 };

/** The port of HTTP: a proxy may answer for it before the origin does. */
export const ORIGIN_PORT = 80;

/** The concentrator's public address in every bed, and a network that covers all addresses of a bed. */
export const BED_PLACE: PairPlace = {
  concentrator: { host: '10.77.0.1', port: 8443 },
  socks: SOCKS,
  allow: ['10.77.0.0/16'],
};
