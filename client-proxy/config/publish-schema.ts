import * as z from 'zod';
import { formatDestination } from '../../shared/protocol/destination.ts';
import { parseHostPort } from '../../shared/runtime/address/host-port.ts';
import { parseNetwork } from '../../shared/runtime/config/ranges.ts';
import { count, oneOrMore, parseListenAddress, textAs } from '../../shared/runtime/config/schema-pieces.ts';
import { MAX_UNIX_PATH_BYTES } from '../../shared/runtime/tcp/unix-listener.ts';
import type { PublishedService, ServiceAddress } from '../publish/published-service.ts';
import { concentratorName, policyKeys, policyOver } from './policy-schema.ts';

/** As many ports as a concentrator gives to a client by default. */
const MAX_PUBLISHED_SERVICES = 64;
/** More ranges than that belong in a firewall. */
const MAX_ALLOWED_RANGES = 256;

const LISTEN_FORMAT = 'a port of the concentrator, such as 443, or ADDRESS:PORT, such as "198.51.100.7:443"';
const listen = z
  .union([z.int().min(1).max(65535), z.string()], { error: `expected ${LISTEN_FORMAT}` })
  .transform((value, context) => {
    if (typeof value === 'number') return { host: '*', port: value };
    const place = parseListenAddress(value);
    if (place !== undefined && place.port !== 0) return place;
    context.issues.push({ code: 'custom', message: `expected ${LISTEN_FORMAT}`, input: value });
    return z.NEVER;
  });

const TO_FORMAT = 'where the service is: HOST:PORT, such as "127.0.0.1:8443", or "unix:/run/service.sock"';
const to = textAs(TO_FORMAT, (value): ServiceAddress | undefined => {
  const path = /^unix:(\/.+)$/.exec(value)?.[1];
  if (path === undefined) return parseHostPort(value);
  return Buffer.byteLength(path) <= MAX_UNIX_PATH_BYTES && !path.includes('\0') ? { path } : undefined;
});

const service = z
  .strictObject({
    listen,
    to,
    proxyProtocol: z.literal('v2', { error: 'expected v2, or nothing' }).optional(),
    allow: z
      .array(textAs('a network or address, for example "203.0.113.0/24"', parseNetwork))
      .max(MAX_ALLOWED_RANGES)
      .default([]),
    maxConnections: count(1, 65536).default(1024),
    mode: policyKeys.mode,
    concentrators: oneOrMore(
      concentratorName,
      'the name of a concentrator',
      MAX_PUBLISHED_SERVICES,
    ).optional(),
  })
  .transform(({ proxyProtocol, mode, concentrators, ...rest }, context): PublishedService => {
    const policy = mode === undefined ? undefined : policyOver({ mode }, { mode: 'aggregate' }, context);
    return {
      ...rest,
      ...(proxyProtocol === undefined ? {} : { proxyProtocol }),
      ...(policy === undefined ? {} : { policy }),
      ...(concentrators === undefined ? {} : { concentrators }),
    };
  });

/** The key `publish`. */
export const publish = z
  .array(service)
  .max(MAX_PUBLISHED_SERVICES)
  .default([])
  .superRefine((services, context) => {
    const seen = new Set<string>();
    for (const [index, { listen: place }] of services.entries()) {
      const key = formatDestination(place);
      if (seen.has(key)) {
        const message = 'this port is published above';
        context.addIssue({ code: 'custom', path: [index, 'listen'], message });
      }
      seen.add(key);
    }
  });
