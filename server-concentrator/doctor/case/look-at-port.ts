import { connect } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type Destination, formatDestination } from '../../../shared/protocol/destination.ts';
import type { AddressRanges } from '../../../shared/runtime/address/address-ranges.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { SUBFLOW_TLS_OPTIONS } from '../../../shared/runtime/subflow/subflow-tls.ts';

/** What is at a port of this machine. */
export type PortLook =
  /** TLS of this project, with a certificate that has this pin. */
  | { readonly kind: 'tls'; readonly pin: string }
  | { readonly kind: 'other-program' }
  | { readonly kind: 'nothing' }
  /** This machine has no such address. */
  | { readonly kind: 'no-address' }
  | { readonly kind: 'silent' };

/** It is the same machine. */
const PATIENCE_MS = 3_000;

/**
 * Connects to an address that the concentrator listens at, and says nothing but a TLS handshake.
 * @param behind where `balancers` has the address that this comes from, a PROXY header goes in front of it, as the concentrator wants it
 */
export function lookAtPort({ host, port }: Destination, behind: AddressRanges): Promise<PortLook> {
  return new Promise((resolve) => {
    const socket = connect({ host: SELF[host] ?? host, port });
    let secured: TLSSocket | undefined;
    const settle = (look: PortLook) => {
      clearTimeout(timer);
      secured?.destroy();
      socket.destroy();
      resolve(look);
    };
    const timer = setTimeout(() => settle({ kind: 'silent' }), PATIENCE_MS);
    const onError = ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ECONNREFUSED') settle({ kind: 'nothing' });
      else if (NO_ADDRESS.has(code ?? '')) settle({ kind: 'no-address' });
      else settle({ kind: 'other-program' });
    };
    socket.on('error', onError);
    socket.once('connect', () => {
      if (behind.has(socket.localAddress ?? '')) socket.write(NAMELESS_HEADER);
      secured = connectTls({ ...SUBFLOW_TLS_OPTIONS, socket, rejectUnauthorized: false });
      secured.on('error', onError);
      secured.once('secureConnect', () => {
        const certificate = secured?.getPeerX509Certificate();
        if (certificate === undefined) settle({ kind: 'other-program' });
        else settle({ kind: 'tls', pin: certificatePin(certificate.raw).text });
      });
    });
  });
}

/** Version 1 of the PROXY protocol, for a connection of the balancer's own. */
const NAMELESS_HEADER = 'PROXY UNKNOWN\r\n';

/** For people: what to ask who has the port. */
export function whoHas({ host, port }: Destination): string {
  return `ss -ltnp 'sport = :${port}'   # who has ${formatDestination({ host, port })}`;
}

/** Where what listens at every address answers. */
const SELF: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
const NO_ADDRESS: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'ENETUNREACH',
  'EHOSTUNREACH',
]);
