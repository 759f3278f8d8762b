import type { Direction } from '../../bed/emulator.ts';
import { median } from '../../lab/statistics.ts';
import type { CaseId } from './cases.ts';
import type { FlowFigures } from './flow-figures.ts';
import type { DatagramRecord } from './run-case.ts';

/** The program under test, as set up by default. */
export const OURS = 'tributary';
const DIRECTIONS: readonly Direction[] = ['up', 'down'];

/** A direction of a flow in a case. */
export interface FlowPlace {
  readonly case: CaseId;
  readonly traffic: string;
  readonly direction: Direction;
}

/** All records, and medians over their repetitions. */
export class DatagramSummary {
  readonly records: readonly DatagramRecord[];

  constructor(records: readonly DatagramRecord[]) {
    this.records = records;
  }

  /** Median of a figure; undefined where it was not measured. */
  flow(place: FlowPlace, contestant: string, figure: keyof FlowFigures): number | undefined {
    return this.#median(place.case, contestant, ({ traffic, direction, flow }) =>
      traffic === place.traffic && direction === place.direction ? flow?.[figure] : undefined,
    );
  }

  /** The least of the medians of plain UDP over one uplink. */
  bestSingle(place: FlowPlace, figure: keyof FlowFigures): number | undefined {
    return least(this.singles().map((name) => this.flow(place, name, figure)));
  }

  /** Of all datagrams of a case together, in all repetitions. */
  commonLoss(id: CaseId, contestant: string): number | undefined {
    const flows = this.records.flatMap((one) =>
      one.case === id && one.contestant === contestant ? (one.flow ?? []) : [],
    );
    const sent = flows.reduce((sum, flow) => sum + flow.sent, 0);
    return sent === 0 ? undefined : flows.reduce((sum, flow) => sum + flow.lossShare * flow.sent, 0) / sent;
  }

  lookupP50Ms(id: CaseId, contestant: string): number | undefined {
    return this.#median(id, contestant, ({ lookups }) => lookups?.p50Ms);
  }

  bestLookupP50Ms(id: CaseId): number | undefined {
    return least(this.singles().map((name) => this.lookupP50Ms(id, name)));
  }

  extraShare(id: CaseId): number | undefined {
    return this.#median(id, OURS, ({ extraShare }) => extraShare);
  }

  singles(): string[] {
    return this.contestants().filter((name) => name.startsWith('single:'));
  }

  contestants(): string[] {
    return [...new Set(this.records.map(({ contestant }) => contestant))];
  }

  /** The flows of these cases, of any traffic unless told. */
  places(cases: readonly CaseId[], traffic?: string): FlowPlace[] {
    return cases.flatMap((id) => {
      const names = new Set(
        this.records.flatMap((one) => (one.case === id && one.traffic ? [one.traffic] : [])),
      );
      return [...names]
        .filter((name) => name === (traffic ?? name))
        .flatMap((name) => DIRECTIONS.map((direction) => ({ case: id, traffic: name, direction })));
    });
  }

  #median(
    id: CaseId,
    contestant: string,
    value: (record: DatagramRecord) => number | undefined,
  ): number | undefined {
    const values = this.records.flatMap((record) =>
      record.case === id && record.contestant === contestant ? (value(record) ?? []) : [],
    );
    return values.length > 0 ? median(values) : undefined;
  }
}

function least(values: readonly (number | undefined)[]): number | undefined {
  const known = values.flatMap((value) => value ?? []);
  return known.length > 0 ? Math.min(...known) : undefined;
}
