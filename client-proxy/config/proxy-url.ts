import type { Destination } from '../../shared/protocol/destination.ts';
import { parseHostPort } from '../../shared/runtime/address/host-port.ts';

/** An upstream SOCKS5 proxy. */
export interface ProxyAddress extends Destination {
  readonly user?: string;
  readonly password?: string;
}

/** What `parseProxyUrl` accepts, in words. */
export const PROXY_URL_FORMAT =
  '"socks5://HOST:PORT" or "socks5://USER:PASSWORD@HOST:PORT" (percent-encode special characters)';

/** Reads `socks5://[user:password@]host[:port]`, by default port 1080 (RFC 1928); undefined when it is not one. */
export function parseProxyUrl(text: string): ProxyAddress | undefined {
  const match = /^socks5:\/\/(?:([^@/]*)@)?([^@/]+)\/?$/i.exec(text);
  const address = match?.[2] === undefined ? undefined : parseHostPort(match[2], 1080);
  if (!match || !address) return undefined;
  if (match[1] === undefined) return address;
  const [user, password, ...rest] = match[1].split(':').map(percentDecoded);
  if (rest.length > 0 || !isCredential(user) || !isCredential(password)) return undefined;
  return { ...address, user, password };
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** RFC 1929: 1 to 255 bytes. */
function isCredential(text: string | undefined): text is string {
  return text !== undefined && text !== '' && Buffer.byteLength(text) <= 255;
}
