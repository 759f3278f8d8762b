import { normalize } from 'node:path';
import type { Destination } from '../../shared/protocol/destination.ts';
import { isSameAddress } from '../../shared/runtime/address/ip-address.ts';
import {
  type AddressScope,
  type JudgedAddress,
  judgeAddress,
} from '../../shared/runtime/address/special-ranges.ts';
import type { ConfiguredPoint } from '../front/application-points.ts';
import type { PublishedService, ServiceAddress } from '../publish/published-service.ts';

/** Entries of `publish`, and where this program listens. */
interface Published {
  readonly publish: readonly Pick<PublishedService, 'to'>[];
  readonly socks: { readonly listen: readonly ConfiguredPoint[]; readonly users: readonly unknown[] };
  readonly metrics: false | { readonly listen: Destination };
}

/** An entry of `publish` that is wrong. */
interface PublishMistake {
  readonly index: number;
  readonly message: string;
}

/**
 * Entries that lead to this program itself, where visitors from anywhere would count as applications of this machine.
 *
 * @param own addresses of this machine
 */
export function publishMistakes(
  { publish, socks: { listen, users }, metrics }: Published,
  own: readonly string[],
): readonly PublishMistake[] {
  const isProxy = (to: ServiceAddress) => listen.some((point) => leadsTo(to, point, own));
  return publish.flatMap(({ to }, index) => {
    if (users.length === 0 && isProxy(to)) return { index, message: OPEN_PROXY };
    const isMetrics = metrics !== false && leadsTo(to, metrics.listen, own);
    return isMetrics ? { index, message: OPEN_METRICS } : [];
  });
}

const OPEN_PROXY =
  'this is the client itself (socks.listen), and whoever reaches the port could use its proxy: add ' +
  '"users: [{name: ..., password: ...}]" under socks, or name another service';
const OPEN_METRICS =
  'this is the client itself (metrics.listen), and its metrics and status are not for visitors: name another service';

/** Whether a connection to a service arrives where this program listens. Names other than localhost are not looked up. */
function leadsTo(to: ServiceAddress, point: ConfiguredPoint, own: readonly string[]): boolean {
  if ('systemd' in point) return false;
  if ('path' in to || 'path' in point) {
    return 'path' in to && 'path' in point && normalize(to.path) === normalize(point.path);
  }
  if (to.port !== point.port) return false;
  const service = formsOf(to.host);
  const listened = formsOf(point.host);
  if (isSame(service, listened) || (has(service, NEAR) && has(listened, NEAR))) return true;
  return has(listened, EVERYWHERE) && own.some((address) => isSame(service, formsOf(address)));
}

/** An address with those that it stands for. */
function formsOf(host: string): readonly JudgedAddress[] {
  const address = /^(.+\.)?localhost$/i.test(host) ? '127.0.0.1' : host;
  return judgeAddress(address) ?? [];
}

function isSame(some: readonly JudgedAddress[], others: readonly JudgedAddress[]): boolean {
  return some.some(({ address }) => others.some((other) => isSameAddress(address, other.address)));
}

const EVERYWHERE: readonly AddressScope[] = ['unspecified'];
const NEAR: readonly AddressScope[] = ['loopback', 'unspecified'];

function has(forms: readonly JudgedAddress[], scopes: readonly AddressScope[]): boolean {
  return forms.some(({ special }) => special !== undefined && scopes.includes(special.scope));
}
