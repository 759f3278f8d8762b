import * as z from 'zod';
import type { Destination } from '../../shared/protocol/destination.ts';
import { count, parseListenAddress, textAs } from '../../shared/runtime/config/schema-pieces.ts';

/** How redirected connections are served. */
export interface TransparentSettings {
  /** At least one; with a port. An IPv6 address takes IPv6 alone. */
  readonly listen: readonly Destination[];
  /** Whether names are read from what applications say first, for the rules. */
  readonly sniff: boolean;
  /** At a time. */
  readonly maxConnections: number;
  /** Whether datagrams are taken, too, where TPROXY is available. */
  readonly udp: boolean;
}

/** More addresses than a router has towards its networks. */
const MAX_LISTEN = 16;
/** A house full of devices, each of which keeps a few hundred. */
const MAX_CONNECTIONS = 8192;

const FORMAT = 'ADDRESS:PORT to listen at, for example "0.0.0.0:12345" or "[::]:12345"';

const point = textAs(FORMAT, (value) => {
  const parsed = parseListenAddress(value);
  // The rules that redirect must name the port.
  return parsed?.port === 0 ? undefined : parsed;
});

/** The section `transparent` of the configuration. */
export const transparent = z
  .strictObject({
    listen: z
      .union([point, z.array(point).min(1).max(MAX_LISTEN)], {
        error: `expected ${FORMAT}; or a list of these`,
      })
      .transform((value): readonly Destination[] => (Array.isArray(value) ? value : [value])),
    sniff: z.boolean().default(true),
    maxConnections: count(1, 65536).default(MAX_CONNECTIONS),
    udp: z.boolean().default(true),
  })
  .optional();
