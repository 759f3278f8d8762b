import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { MAX_ANNOUNCED_ADDRESSES } from '../../shared/protocol/session/announcements.ts';
import { isSameHost } from '../../shared/runtime/address/ip-address.ts';
import { judgeAddress, type SpecialRange } from '../../shared/runtime/address/special-ranges.ts';

/** How an announced address was taken. */
export type Announcement =
  | { readonly address: Destination; readonly refused?: undefined }
  | { readonly address: Destination; readonly refused: string };

/**
 * Where one session's further subflows may go: to the configured addresses and those that the concentrator announces, or to
 * the latter alone once it has said so (RFC 8684's C flag). A load balancer is a reason for that: there, a JOIN could reach
 * another machine, which knows nothing of the session.
 */
export class ConcentratorAddresses {
  readonly #configured: readonly Destination[];
  readonly #known: (name: string) => readonly string[];
  readonly #announced = new Map<number, Destination>();
  /** Withdrawn or refused. Ids are not used twice: what comes for one of these is a late copy. */
  readonly #settled = new Set<number>();
  #isElsewhere = false;

  /** @param known the addresses that a configured name stands for, as far as they are known */
  constructor(configured: readonly Destination[], known: (name: string) => readonly string[]) {
    this.#configured = configured;
    this.#known = known;
  }

  /** Where to dial, the configured ones first. */
  get all(): readonly Destination[] {
    const each = new Map(
      [...this.#announced.values()].map((address) => [formatDestination(address), address]),
    );
    const announced = [...each.values()];
    if (this.#isElsewhere) return announced;
    const others = announced.filter((address) => !this.#isConfigured(address));
    return [...this.#configured, ...others];
  }

  /** Whether a further subflow may be made at an address that was connected to; by a name where a proxy resolves it. */
  allows(address: Destination): boolean {
    return !this.#isElsewhere || this.#isAnnounced(address);
  }

  /** From now on announced addresses only. */
  leaveConfigured(): void {
    this.#isElsewhere = true;
  }

  /** ADDRESS_ADD; undefined when it says nothing new. */
  add(addressId: number, bytes: Uint8Array, port: number): Announcement | undefined {
    if (this.#settled.has(addressId) || this.#announced.has(addressId)) return undefined;
    const address = { host: ipaddr.fromByteArray([...bytes]).toString(), port };
    const refused =
      this.#announced.size >= MAX_ANNOUNCED_ADDRESSES
        ? `more than ${MAX_ANNOUNCED_ADDRESSES} addresses`
        : this.#whyNot(address.host);
    if (refused !== undefined) {
      this.#settled.add(addressId);
      return { address, refused };
    }
    this.#announced.set(addressId, address);
    return { address };
  }

  /** ADDRESS_REMOVE. @returns the address, if nothing else says that it is the concentrator's */
  remove(addressId: number): Destination | undefined {
    this.#settled.add(addressId);
    const address = this.#announced.get(addressId);
    this.#announced.delete(addressId);
    if (address === undefined || this.#isConfigured(address) || this.#isAnnounced(address)) return undefined;
    return address;
  }

  #isAnnounced(address: Destination): boolean {
    return isIP(address.host) !== 0 && [...this.#announced.values()].some((one) => isSame(one, address));
  }

  #isConfigured(address: Destination): boolean {
    return this.#configured.some(
      ({ host, port }) =>
        port === address.port && this.#addressesOf(host).some((one) => isSame({ host: one, port }, address)),
    );
  }

  /** A concentrator must not send its clients to machines of their own networks, unless it is such a machine itself. */
  #whyNot(host: string): string | undefined {
    const special = specialOf(host);
    if (special === undefined) return undefined;
    const configured = this.#configured.flatMap((one) => this.#addressesOf(one.host)).map(specialOf);
    const isShared = special.scope === 'loopback' || special.scope === 'site';
    if (isShared && configured.some((one) => one?.scope === special.scope)) return undefined;
    return `${host} is ${special.name}, and no configured address is`;
  }

  #addressesOf(host: string): readonly string[] {
    return isIP(host) === 0 ? this.#known(host) : [host];
  }
}

/** What is special about an address, or about one that it carries inside. */
function specialOf(host: string): SpecialRange | undefined {
  return judgeAddress(host)?.find(({ special }) => special !== undefined)?.special;
}

function isSame(one: Destination, other: Destination): boolean {
  return one.port === other.port && isSameHost(one.host, other.host);
}
