import { RangeSet } from '../range-set.ts';
import type { SendStream } from '../stream/send-stream.ts';
import type { Subflow } from '../subflow/subflow.ts';

/** What one subflow was given of a stream. */
interface Given {
  readonly ranges: RangeSet;
  fin: boolean;
}

/** What is to be repeated on a subflow. `length` is 0 only for a FIN by itself. */
export interface Repeat {
  readonly dsn: number;
  readonly length: number;
  readonly fin: boolean;
}

/**
 * What of a `redundant` stream each subflow was given: all of them are to carry all that is not yet delivered. A slow one
 * lags behind, and leaves out what has arrived meanwhile.
 */
export class Redundancy {
  readonly #given = new Map<Subflow, Given>();

  /** These carry the stream now; any other is forgotten. */
  sync(carriers: readonly Subflow[], send: SendStream): void {
    for (const subflow of this.#given.keys()) if (!carriers.includes(subflow)) this.#given.delete(subflow);
    for (const subflow of carriers) {
      const given = this.#given.get(subflow);
      if (given === undefined) this.#given.set(subflow, { ranges: new RangeSet(), fin: false });
      else given.ranges.remove(0, send.deliveredTo);
    }
  }

  onSent(subflow: Subflow, { dsn, length, fin }: Repeat): void {
    const given = this.#given.get(subflow);
    if (given === undefined) return;
    given.ranges.add(dsn, dsn + length);
    if (fin) given.fin = true;
  }

  /** What the subflow still lacks of what was sent, lowest DSN first. */
  missingOn(subflow: Subflow, send: SendStream): Repeat | undefined {
    const given = this.#given.get(subflow);
    if (given === undefined || send.state === 'done') return undefined;
    const { sentBytes, finIsUnderWay } = send;
    for (const gap of given.ranges.gaps(send.deliveredTo, sentBytes)) {
      const dsn = send.firstUndelivered(gap.start);
      if (dsn === undefined) break;
      if (dsn < gap.end) return { dsn, length: gap.end - dsn, fin: finIsUnderWay && gap.end === sentBytes };
    }
    return finIsUnderWay && !given.fin ? { dsn: sentBytes, length: 0, fin: true } : undefined;
  }

  /** Whether any subflow lacks anything. */
  isIncomplete(send: SendStream): boolean {
    for (const subflow of this.#given.keys()) if (this.missingOn(subflow, send) !== undefined) return true;
    return false;
  }

  /** A subflow is in doubt or gone: what others were given as well need not be sent once more. */
  onLost(subflow: Subflow, send: SendStream, dsn: number, length: number): void {
    this.#given.delete(subflow);
    const end = dsn + length;
    for (const { ranges } of this.#given.values()) {
      let from = dsn;
      for (const gap of ranges.gaps(dsn, end)) {
        send.onUnderWayElsewhere(from, gap.start);
        from = gap.end;
      }
      send.onUnderWayElsewhere(from, end);
    }
  }
}
