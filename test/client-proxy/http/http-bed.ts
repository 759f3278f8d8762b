import type { FrontDoorOptions } from '../../../client-proxy/front/front-door.ts';
import { HttpProtocol } from '../../../client-proxy/http/http-protocol.ts';
import { SOCKS4 } from '../../../client-proxy/socks4/socks4.ts';
import { SOCKS5 } from '../../../client-proxy/socks5/socks5.ts';
import { dialDirectly, RawClient, type SocksBed, startSocks } from '../socks5/socks-bed.ts';

/** A front door that speaks HTTP, too, on a free port of 127.0.0.1. */
export function startHttp(options: Partial<FrontDoorOptions> = {}): Promise<SocksBed> {
  const http = new HttpProtocol({
    onRequest: options.onRequest ?? dialDirectly,
    pacFor: ({ host, port }) => `PAC for ${host} ${port}`,
  });
  return startSocks({ protocols: [SOCKS5, SOCKS4, http], ...options });
}

/** What comes back for these bytes, until the proxy closes; it is asked to by `Connection: close`, or has a reason. */
export async function answerTo(port: number, text: string | Buffer, end = false): Promise<string> {
  const client = new RawClient(port);
  await client.send(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  if (end) client.end();
  return (await client.receiveAll()).toString('latin1');
}

export const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
