import { afterEach, expect, test } from 'vitest';
import type { DatagramPort } from '../../../server-concentrator/datagram/datagram-port.ts';
import { SessionOffer } from '../../../server-concentrator/datagram/session-offer.ts';
import type { DatagramSetup } from '../../../shared/protocol/datagram/datagram-commands.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { FIRST_UPLOAD_WINDOW_BYTES, Session } from '../../../shared/protocol/session/session.ts';
import { PacketTable } from '../../../shared/runtime/datagram/packet-table.ts';
import type { PacketWire } from '../../../shared/runtime/datagram/session-packets.ts';
import type { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';
import { TrafficTable } from '../../../shared/runtime/session/uplink-traffic.ts';

const HOUR_MS = 3_600_000;
const EPOCH_PACKETS = 2 ** 30;
const wire: PacketWire = { send() {}, isSame: () => true };

/** A session's offer, whose packets all arrive and say nothing. */
class Bed {
  nowMs = 0;
  readonly registered = new Set<number>();
  readonly offer: SessionOffer;
  readonly #session: Session;
  #ids = 0;

  constructor() {
    this.#session = new Session({
      role: 'concentrator',
      maxStreams: 1,
      firstWindowBytes: FIRST_UPLOAD_WINDOW_BYTES,
      lingerMs: 0,
      memory: new MemoryBudget(1e6),
      nowMs: 0,
    });
    const port: Pick<DatagramPort, 'port' | 'register' | 'unregister'> = {
      port: 443,
      register: () => {
        this.#ids++;
        this.registered.add(this.#ids);
        return new Uint8Array(8).fill(this.#ids);
      },
      unregister: (id) => void this.registered.delete(id[0]!),
    };
    this.offer = new SessionOffer(this.#session, {
      port,
      limits: { flowsPerClient: 1, associationsPerClient: 1 },
      gcm: undefined,
      clock: () => this.nowMs,
      traffic: new TrafficTable(1),
      packetTable: new PacketTable(1),
      randomBytes: (count) => new Uint8Array(count).fill(this.#ids),
    });
    const driver: Pick<SessionDriver, 'input' | 'receivePacket'> = {
      input: (work) => work(this.#session),
      receivePacket() {},
    };
    this.offer.begin(driver as SessionDriver);
  }

  get setup(): DatagramSetup {
    return this.#session.datagrams.setup!;
  }

  packet(): void {
    this.offer.receivePacket(new Uint8Array(33), wire);
  }

  /** As many packets have been sealed and opened with the newest keys. */
  count(packets: number): void {
    Object.defineProperty(this.offer.packets, 'packetsOfEpoch', { configurable: true, value: packets });
  }
}

let bed: Bed;
afterEach(() => bed.offer.close());

test('new keys are offered after an hour, with the next packet, and not again before another one', () => {
  bed = new Bed();
  const first = bed.setup;
  bed.nowMs = HOUR_MS - 1;
  bed.packet();
  expect(bed.setup).toBe(first);
  bed.nowMs = HOUR_MS;
  bed.packet();
  const second = bed.setup;
  expect([second.epoch, second.port]).toEqual([2, 443]);
  expect(second.secret).not.toEqual(first.secret);
  expect(second.connectionId).not.toEqual(first.connectionId);
  bed.nowMs = 2 * HOUR_MS - 1;
  bed.packet();
  expect(bed.setup).toBe(second);
});

test('new keys are offered after 2^30 packets', () => {
  bed = new Bed();
  bed.count(EPOCH_PACKETS - 1);
  bed.packet();
  expect(bed.setup.epoch).toBe(1);
  bed.count(EPOCH_PACKETS);
  bed.packet();
  expect(bed.setup.epoch).toBe(2);
});

test('packets are taken for two epochs at most, and for none when the session is over', () => {
  bed = new Bed();
  for (let epoch = 2; epoch <= 4; epoch++) {
    bed.nowMs += HOUR_MS;
    bed.packet();
  }
  expect([...bed.registered]).toEqual([3, 4]);
  bed.offer.close();
  expect(bed.registered.size).toBe(0);
  bed.nowMs += HOUR_MS;
  bed.packet();
  expect(bed.setup.epoch).toBe(4);
});
