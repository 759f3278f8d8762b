import type { Logger } from 'pino';
import type { ErrorName } from '../shared/protocol/errors.ts';
import type { MonotonicClock } from '../shared/runtime/clock.ts';
import type { Concentrators } from './concentrators/concentrators.ts';
import type { ClientConfig } from './config/client-config.ts';
import { FrontDoor } from './front/front-door.ts';
import { HttpProtocol } from './http/http-protocol.ts';
import { pacFile } from './http/pac-file.ts';
import { BindOpener } from './publish/bind-opening.ts';
import { SOCKS4 } from './socks4/socks4.ts';
import type { AssociateOpener } from './socks5/associate-opening.ts';
import { SOCKS5 } from './socks5/socks5.ts';
import type { Steering } from './steering/steering.ts';

/** The door for applications with all the protocols that it speaks; whatever they ask for is treated by the rules. */
export function makeFront(
  { mode, socks, connections }: Pick<ClientConfig, 'mode' | 'socks' | 'connections'>,
  { clock, logger }: { readonly clock: MonotonicClock; readonly logger: Logger },
  parts: {
    readonly steering: Pick<Steering, 'serve' | 'config' | 'steerExpected'>;
    readonly concentrators: Pick<Concentrators, 'chosen'>;
    /** How waits for an expected connection ended. */
    readonly binds: { add(result: 'ok' | ErrorName): void };
    readonly associates: Pick<AssociateOpener, 'open'>;
  },
): FrontDoor {
  const { steering, concentrators, binds, associates } = parts;
  const http = new HttpProtocol({
    onRequest: (request) => steering.serve(request),
    pacFor: (proxy) => pacFile(steering.config, proxy),
  });
  const binding = new BindOpener({
    ...connections,
    bindFromAnyone: socks.bindFromAnyone,
    publisher: {
      expectOne: (host, single) => concentrators.chosen?.publisher.expectOne(host, single) ?? 'uplinksLost',
    },
    hasConcentrator: mode !== 'direct',
    steer: (request) => steering.steerExpected(request),
    onResult: (result) => binds.add(result),
  });
  return new FrontDoor({
    ...socks,
    protocols: [SOCKS5, SOCKS4, http],
    clock,
    logger,
    onRequest: (request) => steering.serve(request),
    onBind: (request) => binding.open(request),
    onAssociate: (request) => void associates.open(request),
  });
}
