import { expect, test } from 'vitest';
import { SessionOffer } from '../../../server-concentrator/datagram/session-offer.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { Session } from '../../../shared/protocol/session/session.ts';
import { PacketTable } from '../../../shared/runtime/datagram/packet-table.ts';
import type { PacketWire } from '../../../shared/runtime/datagram/session-packets.ts';
import type { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';
import { TrafficTable } from '../../../shared/runtime/session/uplink-traffic.ts';

const HOUR_MS = 3_600_000;
const wire: PacketWire = { send() {}, isSame: () => true };

/** A session's offer on a port that notes its connection ids. */
class Bed {
  readonly registered: number[] = [];
  readonly received: number[] = [];
  nowMs = 0;
  readonly session = new Session({
    role: 'concentrator',
    maxStreams: 1,
    firstWindowBytes: 1,
    lingerMs: 1,
    memory: new MemoryBudget(1e6),
    nowMs: 0,
  });
  readonly offer: SessionOffer;
  #next = 1;

  constructor() {
    this.offer = new SessionOffer(this.session, {
      port: {
        port: 8443,
        register: () => {
          this.registered.push(this.#next);
          return new Uint8Array(8).fill(this.#next++);
        },
        unregister: ([id]) => void this.registered.splice(this.registered.indexOf(id!), 1),
      },
      limits: { flowsPerClient: 7, associationsPerClient: 3 },
      gcm: undefined,
      clock: () => this.nowMs,
      traffic: new TrafficTable(1),
      packetTable: new PacketTable(1),
      randomBytes: (count) => new Uint8Array(count).fill(this.#next),
    });
    const driver: Pick<SessionDriver, 'input' | 'receivePacket'> = {
      input: (work) => work(this.session),
      receivePacket: (packet) => void this.received.push(packet.length),
    };
    this.offer.begin(driver as SessionDriver);
  }

  get epoch(): number | undefined {
    return this.session.datagrams.setup?.epoch;
  }

  comeAfter(ms: number): void {
    this.nowMs += ms;
    this.offer.receivePacket(new Uint8Array(40), wire);
  }
}

test('a session is offered a port, keys and limits', () => {
  const { session, registered } = new Bed();
  expect(session.datagrams.setup).toMatchObject({ epoch: 1, port: 8443, maxFlows: 7, maxAssociations: 3 });
  expect(session.datagrams.setup!.connectionId).toEqual(new Uint8Array(8).fill(1));
  expect(registered).toEqual([1]);
});

test('new keys come after an hour, when packets come, and the ids of the last two are known', () => {
  const bed = new Bed();
  bed.comeAfter(HOUR_MS - 1);
  expect(bed.epoch).toBe(1);
  bed.comeAfter(1);
  expect([bed.epoch, bed.registered]).toEqual([2, [1, 2]]);
  bed.comeAfter(10);
  expect(bed.epoch).toBe(2);
  bed.comeAfter(3 * HOUR_MS);
  expect([bed.epoch, bed.registered]).toEqual([3, [2, 3]]);
  expect(bed.received).toEqual([40, 40, 40, 40]);
});

test('after the end of the session no id is known, and nothing is offered any more', () => {
  const bed = new Bed();
  bed.comeAfter(HOUR_MS);
  bed.offer.close();
  expect(bed.registered).toEqual([]);
  bed.comeAfter(HOUR_MS);
  expect([bed.epoch, bed.registered]).toEqual([2, []]);
});
