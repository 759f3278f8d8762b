import type { Now } from '../../now.ts';
import type { DatagramCounters } from '../datagram-counters.ts';
import type { Flow } from '../flow/flow.ts';
import type { FlowTable } from '../flow/flow-table.ts';
import type { DatagramPath } from '../path/datagram-path.ts';
import { TrackedDatagram } from '../path/tracked-datagram.ts';
import { MAX_DATAGRAM_BYTES } from '../receive/reassembly.ts';
import type { Carrier } from '../steering/carrier.ts';
import type { FlowSteering } from '../steering/flow-steering.ts';
import type { PacketWriter } from './packet-writer.ts';

export interface DatagramSenderOptions {
  readonly now: Now;
  readonly table: FlowTable;
  readonly steering: FlowSteering;
  readonly counters: DatagramCounters;
  readonly writer: PacketWriter;
}

/** Sends the datagrams of flows over the carriers that steering chooses, and counts them. */
export class DatagramSender {
  readonly #options: DatagramSenderOptions;

  constructor(options: DatagramSenderOptions) {
    this.#options = options;
  }

  send(flowId: number, payload: Uint8Array): void {
    const { table, steering, counters, writer, now } = this.#options;
    const flow = table.get(flowId);
    if (flow === undefined) {
      counters.drops['unknown-flow']++;
      return;
    }
    if (payload.length > MAX_DATAGRAM_BYTES) {
      counters.drops['too-long']++;
      return;
    }
    const { carriers: chosen, spread, isTracked, dropped } = steering.choose(flow.steered, payload.length);
    if (chosen.length === 0) {
      counters.drops[dropped ?? 'no-uplink']++;
      return;
    }
    flow.onDatagram(payload);
    const whole = chosen.filter((carrier) => writer.carriesWhole(flow, payload.length, carrier));
    if (whole.length > 0) flow.onWhole(payload.length);
    const carriers = flow.mayCut(payload.length) ? chosen : whole;
    if (carriers.length === 0) {
      counters.drops['too-long']++;
      return;
    }
    const sequence = flow.takeSequence();
    const tracked = isTracked ? new TrackedDatagram(flowId, sequence, payload, now.ms) : undefined;
    const datagram = { flow, sequence, payload, isSpread: spread, tracked };
    let sent = 0;
    for (const carrier of carriers) {
      if (!writer.writeDatagram(datagram, carrier)) continue;
      sent++;
      flow.carried.of(uplinkOf(carrier)).sentBytes += payload.length;
    }
    if (sent > 0) this.#count(flow, payload.length, sent);
  }

  /** Once more, over another path than that on which it is late. */
  sendAgain(late: TrackedDatagram, path: DatagramPath): void {
    const { table, steering, counters, writer } = this.#options;
    const flow = table.get(late.flowId);
    const carrier = flow && steering.chooseAgain(flow.steered, late, path);
    if (flow === undefined || carrier === undefined) return;
    const { sequence, payload } = late;
    if (!writer.writeDatagram({ flow, sequence, payload, isSpread: false, tracked: late }, carrier)) return;
    flow.carried.of(uplinkOf(carrier)).sentBytes += payload.length;
    flow.resentDatagrams++;
    counters.resentDatagrams++;
    counters.resentBytes += payload.length;
  }

  #count(flow: Flow, bytes: number, copies: number): void {
    const { counters } = this.#options;
    flow.sentDatagrams++;
    flow.sentBytes += bytes;
    counters.sentDatagrams++;
    counters.sentBytes += bytes;
    if (copies === 1) return;
    flow.doubledDatagrams++;
    counters.doubledDatagrams++;
    counters.doubledBytes += (copies - 1) * bytes;
  }
}

/** The name of the uplink that a carrier belongs to. */
function uplinkOf(carrier: Carrier): string {
  return carrier.kind === 'path' ? carrier.path.uplink.name : carrier.uplink.name;
}
