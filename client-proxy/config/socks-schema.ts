import * as z from 'zod';
import { isLoopback } from '../../shared/runtime/address/special-ranges.ts';
import {
  count,
  duration,
  network,
  oneOrMore,
  parseListenAddress,
  textAs,
} from '../../shared/runtime/config/schema-pieces.ts';
import { MAX_UNIX_PATH_BYTES } from '../../shared/runtime/tcp/unix-listener.ts';
import { type ConfiguredPoint, formatConfiguredPoint } from '../front/application-points.ts';
import { refuseRepeated } from './refuse-repeated.ts';

/** More than a machine has networks. */
const MAX_POINTS = 16;
const MAX_RANGES = 256;

const POINT_FORMAT =
  'ADDRESS:PORT to listen at, for example "127.0.0.1:1080" or "[::1]:1080", or "unix:/PATH", or systemd';
const point = textAs(POINT_FORMAT, parsePoint);

/** A Unix socket without the permissions, which stand beside the list. */
type WrittenPoint = Exclude<ConfiguredPoint, { readonly path: string }> | { readonly path: string };

function parsePoint(text: string): WrittenPoint | undefined {
  if (text === 'systemd') return { systemd: 'all' };
  const [, kind, rest = ''] = /^(unix|systemd):(.*)$/.exec(text) ?? [];
  if (kind === 'unix') return /^\/[^\0]*[^/\0]$/.test(rest) ? { path: rest } : undefined;
  // What systemd.socket(5) takes for FileDescriptorName=.
  if (kind === 'systemd') return /^[\x21-\x39\x3b-\x7e]{1,255}$/.test(rest) ? { systemd: rest } : undefined;
  return parseListenAddress(text);
}

const permissions = textAs('permissions in octal and in quotes, for example "0660"', (value) =>
  /^0?[0-7]{3}$/.test(value) ? Number.parseInt(value, 8) : undefined,
);

const port = count(1, 65535);

/** A user name or password: SOCKS5 (RFC 1929) has one byte for their lengths. */
const credential = textAs('a text of 1 to 255 bytes (in quotes if it looks like a number)', (value) => {
  const bytes = Buffer.byteLength(value);
  return bytes >= 1 && bytes <= 255 ? value : undefined;
});

/** `socks`: where applications connect, and who may. */
export const socks = z
  .strictObject({
    listen: oneOrMore(point, POINT_FORMAT, MAX_POINTS).prefault('127.0.0.1:1080'),
    socketMode: permissions.prefault('0600'),
    users: z
      .array(z.strictObject({ name: credential, password: credential }))
      .max(1024)
      .default([]),
    allow: z
      .union([network, z.array(network).max(MAX_RANGES)], {
        error: 'expected a network such as "192.168.9.0/24", or a list of such',
      })
      .transform((value) => (Array.isArray(value) ? value : [value]))
      .prefault([]),
    optimisticReply: z
      .union([z.enum(['always', 'never']), z.strictObject({ ports: z.array(port).max(64) })], {
        error: 'expected always, never, or a map such as {ports: [80, 443]}',
      })
      .default({ ports: [80, 443] }),
    bindFromAnyone: z.boolean().default(false),
    negotiationTimeout: duration({ min: '1s', max: '2m' }).prefault('10s'),
    maxConnections: count(1, 65536).default(4096),
    udp: z.boolean().default(true),
  })
  .prefault({})
  .superRefine(({ listen, users, allow }, context) => {
    refuseRepeated(users, context, ['users'], 'a user of this name stands above');
    const written = listen.map((one) => formatConfiguredPoint('path' in one ? { ...one, mode: 0 } : one));
    for (const [index, one] of listen.entries()) {
      const path = listen.length === 1 ? ['listen'] : ['listen', index];
      const refuse = (message: string) => context.addIssue({ code: 'custom', path, message });
      if (written.indexOf(written[index]!) < index) refuse('stands above already');
      if ('path' in one && Buffer.byteLength(one.path) > MAX_UNIX_PATH_BYTES) {
        refuse(`the path of a Unix socket has at most ${MAX_UNIX_PATH_BYTES} bytes`);
      }
      const isForOthers = 'host' in one && !isLoopback(one.host);
      if (isForOthers && users.length === 0 && allow.length === 0) refuse(OPEN_TO_ALL);
    }
  })
  .transform(({ listen, socketMode, ...rest }) => ({
    ...rest,
    listen: listen.map((one): ConfiguredPoint => ('path' in one ? { ...one, mode: socketMode } : one)),
  }));

const OPEN_TO_ALL =
  'other machines can reach this address and anyone could use the proxy: add "users: [{name: ..., password: ...}]" or ' +
  '"allow: [192.168.9.0/24]" under socks, or listen at 127.0.0.1';
