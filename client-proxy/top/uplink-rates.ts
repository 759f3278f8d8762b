import type { ClientStatus, UplinkReport } from '../status/client-status.ts';

/** What an uplink carries now, bits per second, directly and over the concentrator. */
export interface UplinkRate {
  readonly down: number;
  readonly up: number;
  /** `down` of late, the newest last. */
  readonly history: readonly number[];
}

/** Statuses. */
const MAX_HISTORY = 60;
const NO_RATE: UplinkRate = { down: 0, up: 0, history: [] };

/** The rates of the uplinks between one status and the next. */
export class UplinkRates {
  #last: ClientStatus | undefined;
  #rates: ReadonlyMap<string, UplinkRate> = new Map();

  get status(): ClientStatus | undefined {
    return this.#last;
  }

  /** Of an uplink; nothing until two statuses have told of it. */
  of(name: string): UplinkRate {
    return this.#rates.get(name) ?? NO_RATE;
  }

  add(status: ClientStatus): void {
    const before = this.#last;
    this.#last = status;
    const seconds = before === undefined ? 0 : (Date.parse(status.time) - Date.parse(before.time)) / 1000;
    this.#rates = new Map(
      status.uplinks.map((uplink) => {
        const earlier = before?.uplinks.find(({ name }) => name === uplink.name);
        const known = this.of(uplink.name);
        if (earlier === undefined || seconds <= 0) return [uplink.name, known];
        const [down, up] = bytesOf(uplink).map((bytes, i) => {
          // A program that was started anew counts from 0.
          return (Math.max(0, bytes - bytesOf(earlier)[i]!) * 8) / seconds;
        }) as [number, number];
        return [uplink.name, { down, up, history: [...known.history, down].slice(-MAX_HISTORY) }];
      }),
    );
  }
}

function bytesOf({ receivedBytes, sentBytes, direct }: UplinkReport): readonly [down: number, up: number] {
  return [receivedBytes + direct.receivedBytes, sentBytes + direct.sentBytes];
}
