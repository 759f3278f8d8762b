import type { BlockPool } from '../shared/runtime/app/block-pool.ts';
import type { PeerWatch } from '../shared/runtime/app/peer-watch.ts';
import type { ProcessWatch } from '../shared/runtime/observe/process-watch.ts';
import type { ProgramDeps } from '../shared/runtime/process/process-deps.ts';
import type { InheritedSocket } from '../shared/runtime/tcp/listen-point.ts';
import type { ClientConfig } from './config/client-config.ts';
import { ApplicationPoints } from './front/application-points.ts';
import { SourceGate } from './front/source-gate.ts';
import type { Socks5Server } from './socks5/socks-server.ts';

/** What listening needs of the process. */
export interface ListeningDeps extends Pick<ProgramDeps, 'native' | 'clock' | 'logger'> {
  /** Listening sockets that a service manager has handed over; absent: none. */
  readonly inheritedSockets?: readonly InheritedSocket[];
}

/** Where applications connect, and who may; their connections go to `socks`. */
export function makePoints(
  { socks: { listen, allow, users } }: ClientConfig,
  { native: { native }, inheritedSockets = [], clock, logger }: ListeningDeps,
  parts: {
    readonly socks: Socks5Server;
    readonly appPool: BlockPool;
    readonly peers: PeerWatch;
    readonly watch: ProcessWatch;
  },
): ApplicationPoints {
  const { socks, appPool, peers, watch } = parts;
  return new ApplicationPoints({
    listen,
    inherited: inheritedSockets,
    gate: new SourceGate({ allow, hasUsers: users.length > 0, clock, logger }),
    logger,
    pool: appPool,
    native,
    peers,
    onSocket: (socket) => (watch.hasDescriptor('stream') ? socks.handle(socket) : socks.refuse(socket)),
    onError: (error) => watch.onAcceptFailed(error),
  });
}
