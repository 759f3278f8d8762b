import { controlItem } from '../control/control-item.ts';
import type { ControlQueue } from '../control/control-queue.ts';

/** Another address of the concentrator. */
export interface AnnouncedAddress {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
  /** False: further subflows go to announced addresses alone (RFC 8684's C flag). */
  readonly joinHere: boolean;
}

/** Most addresses that a concentrator announces in a session, and that a client heeds: each may cost a dial on each uplink. */
export const MAX_ANNOUNCED_ADDRESSES = 8;

/** Ids are one byte; 0 is that of the address of the first subflow (RFC 8684 section 3.4.1). */
const MAX_ADDRESS_ID = 255;

/**
 * What the concentrator has told one client of its addresses (SPEC.md section 7, ADDRESS_ADD and ADDRESS_REMOVE). An id is never
 * used twice, so that a late copy of an old frame cannot be taken for news; when all are used up, nothing is added any more.
 */
export class Announcements {
  readonly #control: ControlQueue;
  /** By id. */
  readonly #current = new Map<number, AnnouncedAddress>();
  #lastId = 0;

  constructor(control: ControlQueue) {
    this.#control = control;
  }

  /** These and no others, from now on; of more than MAX_ANNOUNCED_ADDRESSES the first. */
  set(addresses: readonly AnnouncedAddress[]): void {
    const wanted = addresses.slice(0, MAX_ANNOUNCED_ADDRESSES);
    for (const [id, known] of this.#current) {
      if (!wanted.some((address) => isSame(address, known))) this.#remove(id);
    }
    const known = [...this.#current.values()];
    for (const address of wanted) if (!known.some((one) => isSame(one, address))) this.#add(address);
  }

  #add(address: AnnouncedAddress): void {
    if (this.#lastId === MAX_ADDRESS_ID) return;
    const addressId = ++this.#lastId;
    this.#current.set(addressId, address);
    const isCurrent = () => this.#current.has(addressId);
    this.#control.push(controlItem({ type: 'addressAdd', addressId, ...address }, 2, isCurrent));
  }

  #remove(addressId: number): void {
    this.#current.delete(addressId);
    this.#control.push(controlItem({ type: 'addressRemove', addressId }));
  }
}

function isSame(one: AnnouncedAddress, other: AnnouncedAddress): boolean {
  return (
    one.port === other.port &&
    one.joinHere === other.joinHere &&
    one.address.length === other.address.length &&
    one.address.every((byte, i) => byte === other.address[i])
  );
}
