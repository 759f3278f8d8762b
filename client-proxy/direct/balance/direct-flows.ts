import { PassingSet } from '../../../shared/protocol/passing-set.ts';
import type { MonotonicClock } from '../../../shared/runtime/clock.ts';
import type { UplinkTraffic } from '../../../shared/runtime/session/uplink-traffic.ts';

export interface DirectFlowsOptions {
  /** What is counted for an uplink in all. */
  trafficOf(uplinkName: string): UplinkTraffic;
  /** An uplink was kept busy for a while, and delivered this. */
  onRate(uplinkName: string, bytesPerSecond: number): void;
  readonly clock: MonotonicClock;
}

/** How often what the connections carry is looked at: TCP's ups and downs are shorter. */
const LOOK_EVERY_MS = 1_000;
/** Who moves this much from one look to the next shares the uplink with others; a keep-alive does not. */
const BUSY_BYTES = 16 * 1024;
/** What all of an uplink's connections move in a second to say something of the uplink, and not of its applications. */
const TELLING_BYTES_PER_SECOND = 128 * 1024;

/** What each direct connection carries, and from it what each uplink delivers. */
export class DirectFlows {
  readonly #options: DirectFlowsOptions;
  /** As many as there are direct connections. */
  readonly #flows = new PassingSet<DirectFlow>();
  /** By uplink, how many are busy. */
  readonly #busy = new Map<string, number>();
  #lookedMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DirectFlowsOptions) {
    this.#options = options;
  }

  /** A connection over an uplink; `end` is to be called when it is gone. */
  begin(uplinkName: string): DirectFlow {
    const flow: DirectFlow = new DirectFlow(uplinkName, this.#options.trafficOf(uplinkName), () => {
      if (!this.#flows.delete(flow)) return;
      if (flow.isBusy) this.#countBusy(uplinkName, -1);
      if (this.#flows.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
    this.#flows.add(flow);
    this.#countBusy(uplinkName, 1);
    if (this.#timer === undefined) {
      this.#lookedMs = this.#options.clock();
      this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
    }
    return flow;
  }

  /** Connections that have an uplink's rate among them now; one that has just begun is taken for one. */
  busyOf(uplinkName: string): number {
    return this.#busy.get(uplinkName) ?? 0;
  }

  #countBusy(uplinkName: string, change: 1 | -1): void {
    const count = this.busyOf(uplinkName) + change;
    if (count === 0) this.#busy.delete(uplinkName);
    else this.#busy.set(uplinkName, count);
  }

  #look(): void {
    const nowMs = this.#options.clock();
    const seconds = (nowMs - this.#lookedMs) / 1_000;
    this.#lookedMs = nowMs;
    const carried = new Map<string, { bytes: number; isSteady: boolean }>();
    this.#busy.clear();
    for (const flow of this.#flows) {
      const { bytes, isSteady } = flow.look(BUSY_BYTES);
      if (flow.isBusy) this.#countBusy(flow.uplinkName, 1);
      const sum = carried.get(flow.uplinkName) ?? { bytes: 0, isSteady: false };
      carried.set(flow.uplinkName, { bytes: sum.bytes + bytes, isSteady: sum.isSteady || isSteady });
    }
    for (const [uplinkName, { bytes, isSteady }] of carried) {
      const rate = bytes / seconds;
      if (isSteady && rate >= TELLING_BYTES_PER_SECOND) this.#options.onRate(uplinkName, rate);
    }
  }
}

/** One connection; its bytes count for its uplink, too. */
export class DirectFlow implements UplinkTraffic {
  readonly uplinkName: string;
  readonly end: () => void;
  readonly #total: UplinkTraffic;
  #sentBytes = 0;
  #receivedBytes = 0;
  #lookedBytes = 0;
  #looks = 0;
  #isBusy = true;

  constructor(uplinkName: string, total: UplinkTraffic, end: () => void) {
    this.uplinkName = uplinkName;
    this.#total = total;
    this.end = end;
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  set sentBytes(bytes: number) {
    this.#total.sentBytes += bytes - this.#sentBytes;
    this.#sentBytes = bytes;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  set receivedBytes(bytes: number) {
    this.#total.receivedBytes += bytes - this.#receivedBytes;
    this.#receivedBytes = bytes;
  }

  /** What it has carried since the last look, and whether it was busy from one look to the other and before. */
  look(busyBytes: number): { readonly bytes: number; readonly isSteady: boolean } {
    const all = this.#sentBytes + this.#receivedBytes;
    const bytes = all - this.#lookedBytes;
    this.#lookedBytes = all;
    const wasBusy = this.#isBusy && this.#looks > 0;
    this.#isBusy = bytes >= busyBytes;
    this.#looks++;
    return { bytes, isSteady: wasBusy && this.#isBusy };
  }
}
