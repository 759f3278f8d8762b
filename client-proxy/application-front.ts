import type { Logger } from 'pino';
import type { MonotonicClock } from '../shared/runtime/clock.ts';
import type { ClientConfig } from './config/client-config.ts';
import { FrontDoor } from './front/front-door.ts';
import { HttpProtocol } from './http/http-protocol.ts';
import { pacFile } from './http/pac-file.ts';
import { SOCKS4 } from './socks4/socks4.ts';
import { SOCKS5 } from './socks5/socks5.ts';
import type { Steering } from './steering/steering.ts';

/** The door for applications with all the protocols that it speaks; whatever they ask for is treated by the rules. */
export function makeFront(
  { socks }: Pick<ClientConfig, 'socks'>,
  { clock, logger }: { readonly clock: MonotonicClock; readonly logger: Logger },
  steering: Pick<Steering, 'serve' | 'config'>,
): FrontDoor {
  const http = new HttpProtocol({
    onRequest: (request) => steering.serve(request),
    pacFor: (proxy) => pacFile(steering.config, proxy),
  });
  return new FrontDoor({
    ...socks,
    protocols: [SOCKS5, SOCKS4, http],
    clock,
    logger,
    onRequest: (request) => steering.serve(request),
  });
}
