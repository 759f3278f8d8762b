import { isIP } from 'node:net';
import { isTls, serverNameIn } from '../../shared/runtime/subflow/client-hello.ts';
import { hostFromDomainField } from '../front/requested-host.ts';
import { hostFieldIn } from './http-host.ts';

/** What the first bytes of a connection tell of whom it is for. */
export type Heard =
  /** In lower case without trailing dot, as rules have names. */
  | { readonly name: string; readonly by: 'tls' | 'http' }
  /** It may still be told. */
  | 'more'
  | 'none';

/** Looks for a name in what an application has said so far. An address in the place of a name is none. */
export function heardName(bytes: Uint8Array): Heard {
  if (bytes.length === 0) return 'more';
  const by = isTls(bytes) ? 'tls' : 'http';
  const field = by === 'tls' ? serverNameIn(bytes) : hostFieldIn(bytes);
  if (typeof field === 'string') return field;
  const read = hostFromDomainField(field);
  if (!('host' in read) || isIP(read.host) !== 0) return 'none';
  return { name: read.host.toLowerCase().replace(/\.$/, ''), by };
}
