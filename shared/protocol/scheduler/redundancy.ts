import { RangeSet } from '../range-set.ts';
import type { SubflowView } from '../subflow/subflow-view.ts';
import type { Repeat, Repeats, Segment, SentStream } from './packet-scheduler.ts';

/** What one subflow was given of a stream. */
interface Given {
  readonly ranges: RangeSet;
  fin: boolean;
}

/**
 * What each subflow was given of a stream of which all are to carry all that is not yet delivered, while it is to be repeated. A
 * slow one lags behind, and leaves out what has arrived meanwhile.
 */
export class Redundancy implements Repeats {
  readonly #stream: SentStream;
  readonly #given = new Map<SubflowView, Given>();
  readonly #isWanted: (carriers: readonly SubflowView[]) => boolean;
  #carriers: readonly SubflowView[] = [];

  /** @param isWanted whether anything is to be repeated now, over these */
  constructor(stream: SentStream, isWanted: (carriers: readonly SubflowView[]) => boolean = () => true) {
    this.#stream = stream;
    this.#isWanted = isWanted;
  }

  /** Whether any subflow lacks anything. */
  get isPending(): boolean {
    if (!this.#isWanted(this.#carriers)) return false;
    return this.#carriers.some((subflow) => this.#missingOn(subflow) !== undefined);
  }

  /** Another subflow is remembered as long as what it was given may still arrive on it: it may only have paused. */
  onCarriers(carriers: readonly SubflowView[]): void {
    this.#carriers = carriers;
    const working = new Set(carriers);
    for (const [subflow, { ranges }] of this.#given) {
      if (working.has(subflow)) continue;
      ranges.remove(0, this.#stream.deliveredTo);
      if (ranges.first() === undefined) this.#given.delete(subflow);
    }
    for (const subflow of carriers) {
      if (!this.#given.has(subflow)) this.#given.set(subflow, { ranges: new RangeSet(), fin: false });
    }
  }

  next<View extends SubflowView>(carriers: readonly View[]): Repeat<View> | undefined {
    if (!this.#isWanted(carriers)) return undefined;
    for (const target of carriers) {
      const segment = target.canTake ? this.#missingOn(target) : undefined;
      if (segment !== undefined) return { target, segment };
    }
    return undefined;
  }

  onSent(subflow: SubflowView, { dsn, length, fin }: Segment): void {
    const given = this.#given.get(subflow);
    if (given === undefined) return;
    given.ranges.add(dsn, dsn + length);
    if (fin) given.fin = true;
  }

  /** A subflow is in doubt or gone: what others were given as well need not be sent once more. */
  onLost(subflow: SubflowView, dsn: number, length: number): void {
    this.#given.delete(subflow);
    const end = dsn + length;
    for (const { ranges } of this.#given.values()) {
      let from = dsn;
      for (const gap of ranges.gaps(dsn, end)) {
        this.#stream.onUnderWayElsewhere(from, gap.start);
        from = gap.end;
      }
      this.#stream.onUnderWayElsewhere(from, end);
    }
  }

  /** What the subflow still lacks of what was sent, lowest DSN first. */
  #missingOn(subflow: SubflowView): Segment | undefined {
    const given = this.#given.get(subflow);
    if (given === undefined || this.#stream.isDone) return undefined;
    const { ranges } = given;
    const { deliveredTo, sentBytes, finIsUnderWay } = this.#stream;
    // What has arrived otherwise is noted as given, so that each gap is passed over once.
    ranges.add(0, deliveredTo);
    for (
      let gap = ranges.firstGap(deliveredTo, sentBytes);
      gap !== undefined;
      gap = ranges.firstGap(gap.end, sentBytes)
    ) {
      const dsn = this.#stream.firstUndelivered(gap.start) ?? sentBytes;
      if (dsn < gap.end) return { dsn, length: gap.end - dsn, fin: finIsUnderWay && gap.end === sentBytes };
      ranges.add(gap.start, dsn);
    }
    return finIsUnderWay && !given.fin ? { dsn: sentBytes, length: 0, fin: true } : undefined;
  }
}
