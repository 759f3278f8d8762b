import type { FuzzTarget } from '../fuzz-target.ts';
import { configuration } from './configuration.ts';
import { datagramMessage } from './datagram-message.ts';
import { datagrams } from './datagrams.ts';
import { dns } from './dns.ts';
import { frameParser } from './frame-parser.ts';
import { handshake } from './handshake.ts';
import { heardNameTarget } from './heard-name.ts';
import { http } from './http.ts';
import { ipOutput } from './ip-output.ts';
import { link } from './link.ts';
import { proxyHeaderTarget } from './proxy-header.ts';
import { session } from './session.ts';
import { socks } from './socks.ts';

/** All that is fuzzed: whatever takes bytes from outside. */
export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  frameParser,
  handshake,
  session,
  datagramMessage,
  datagrams,
  socks,
  http,
  heardNameTarget,
  proxyHeaderTarget,
  configuration,
  link,
  dns,
  ipOutput,
];
