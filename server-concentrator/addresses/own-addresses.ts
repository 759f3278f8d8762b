import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import type { Destination } from '../../shared/protocol/destination.ts';
import { judgeAddress } from '../../shared/runtime/address/special-ranges.ts';

/** The addresses that lead to this machine. */
export class OwnAddresses {
  readonly #addressesOf: (name: string) => Promise<readonly string[]>;
  #answers: ReadonlyMap<string, readonly string[]> = new Map();

  /** @param addressesOf resolves a public name; by default by getaddrinfo(3), which takes a thread as long as it waits */
  constructor(addressesOf = systemAddresses) {
    this.#addressesOf = addressesOf;
  }

  /**
   * Those of its interfaces, and its public ones, which behind a one-to-one NAT are on no interface. A public name that
   * does not resolve now stands for what it last resolved to. Rejects where the interfaces cannot be read.
   */
  async find(publicAddresses: readonly Destination[]): Promise<string[]> {
    const found = new Set<string>();
    for (const address of interfaceAddresses()) found.add(withoutZone(address));
    const answers = publicAddresses.map(
      async ({ host }) => [host, await this.#resolve(host)] as [string, readonly string[]],
    );
    this.#answers = new Map(await Promise.all(answers));
    for (const addresses of this.#answers.values()) {
      for (const address of addresses) found.add(address);
    }
    return [...found];
  }

  async #resolve(host: string): Promise<readonly string[]> {
    if (isIP(host) !== 0) return [host];
    try {
      return await this.#addressesOf(host);
    } catch {
      return this.#answers.get(host) ?? [];
    }
  }
}

/** The addresses of this machine's interfaces. */
export function interfaceAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((infos = []) => infos.map(({ address }) => address));
}

async function systemAddresses(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

/**
 * Whether a NAT seems to stand in front of this machine, with a public address that is not known: among its own addresses are IPv4
 * addresses of private networks, and none of the Internet. That address could be dialled like another machine's.
 */
export function lacksPublicAddress(own: readonly string[]): boolean {
  const judged = own.flatMap((address) => judgeAddress(address)?.slice(0, 1) ?? []);
  const ipv4 = judged.filter(({ address }) => address.kind() === 'ipv4');
  return (
    ipv4.some(({ special }) => special?.scope === 'site') &&
    ipv4.every(({ special }) => special !== undefined)
  );
}

/** What to do where `lacksPublicAddress`. */
export const PUBLIC_ADDRESS_HINT =
  'this machine has private IPv4 addresses only: if clients reach it through a NAT, add its public address to "public", ' +
  'or clients can connect through it to services of this machine itself';

/** Addresses come and go by DHCP, privacy extensions and dynamic DNS, none of them so often that this is late. */
const LOOK_EVERY_MS = 10_000;

/** Notices that the addresses have changed, so that a new one is not dialled as if it were another machine's. */
export class OwnAddressWatch {
  readonly #find: () => Promise<readonly string[]>;
  readonly #onChange: (addresses: readonly string[]) => void;
  readonly #timer: NodeJS.Timeout;
  #last: ReadonlySet<string>;
  #isLooking = false;

  /** @param find when it rejects, the next look may do better */
  constructor(
    first: readonly string[],
    find: () => Promise<readonly string[]>,
    onChange: (addresses: readonly string[]) => void,
  ) {
    this.#find = find;
    this.#onChange = onChange;
    this.#last = new Set(first);
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const now = new Set(await this.#find());
      if (!isDeepStrictEqual(now, this.#last)) this.#onChange([...now]);
      this.#last = now;
    } catch {
      // To read the interfaces takes a descriptor, and there may be none just now.
    } finally {
      this.#isLooking = false;
    }
  }
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, '');
}
