import type { Destination } from '../../shared/protocol/destination.ts';
import { StreamError } from '../../shared/protocol/errors.ts';
import type { EgressPolicy, OwnEgressRules } from './egress-policy.ts';
import { normalizeHost } from './host-name.ts';

/** A destination as names are written. @throws StreamError nameNotFound, or notAuthorized where the policy refuses the host by itself */
export function allowedHost(policy: EgressPolicy, destination: Destination): Destination {
  const { port } = destination;
  const host = normalizeHost(destination.host);
  if (host === undefined) {
    throw new StreamError(
      'nameNotFound',
      `${JSON.stringify(destination.host)} is neither a domain name nor an IP address`,
    );
  }
  checkHost(policy, { host, port });
  return { host, port };
}

/** @throws StreamError notAuthorized where the policy refuses the host by itself */
export function checkHost(policy: EgressPolicy, { host, port }: Destination): void {
  const verdict = policy.checkHost(host, port);
  if (!verdict.allowed) throw notAuthorized([verdict.reason]);
}

/** The addresses of a host that the policy lets pass, in the same order. @throws StreamError notAuthorized when there are none */
export function permittedAddresses(
  policy: EgressPolicy,
  addresses: readonly string[],
  { host, port }: Destination,
): string[] {
  const permitted: string[] = [];
  const reasons: string[] = [];
  for (const address of addresses) {
    const verdict = policy.checkAddress(address, port, host);
    if (verdict.allowed) permitted.push(address);
    else reasons.push(verdict.reason);
  }
  if (permitted.length === 0) throw notAuthorized(reasons);
  return permitted;
}

/** What holds for a client. */
export function policyFor(policy: EgressPolicy, own: OwnEgressRules | undefined): EgressPolicy {
  return own === undefined ? policy : policy.withRules(own);
}

function notAuthorized(reasons: readonly string[]): StreamError {
  return new StreamError('notAuthorized', `not permitted by the egress policy: ${reasons.join('; ')}`);
}
