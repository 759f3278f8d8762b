import type { FlowFigures } from './flow-figures.ts';
import { PACKET_BYTES, type PacketRateRecord } from './loopback.ts';
import { medianRates } from './packet-rates.ts';
import { type DownloadRecord, medianMbps } from './quic.ts';
import { type DatagramSummary, type FlowPlace, OURS } from './summary.ts';

/** A goal at one place. Without a value it was not measured. */
export interface DatagramJudgement {
  readonly goal: string;
  readonly where: string;
  readonly value?: number;
  readonly bound: number;
  /** Whether the value is to reach the bound or to stay within it. */
  readonly isMore: boolean;
  readonly isMet?: boolean;
}

interface Goal {
  readonly name: string;
  readonly bound: number;
  cases(summary: DatagramSummary): readonly (readonly [where: string, value: number | undefined])[];
}

/** Pairs that a 20 Mbit/s flow is judged by: it is for the default to notice that one uplink is too little. */
const VIDEO_PAIRS = [OURS, 'tributary-aggregate'];

/** One download differs from the next by so much. */
const QUIC_SHARE = 0.95;

/** Each value is to be at most its bound. */
const GOALS: readonly Goal[] = [
  {
    ...{ name: "call, uplinks that pause: p99 delay over the best uplink's", bound: 0.3 },
    cases: (summary) =>
      summary
        .places(['pauses', 'mixed'], 'voice')
        .map((place) => [at(place), over(ours(summary, place, 'p99Ms'), summary.bestSingle(place, 'p99Ms'))]),
  },
  {
    ...{ name: "call, uplinks that pause: loss beyond the best uplink's", bound: 0 },
    cases: (summary) =>
      summary.places(['pauses', 'mixed'], 'voice').map((place) => {
        const [loss, least] = [ours(summary, place, 'lossShare'), summary.bestSingle(place, 'lossShare')];
        return [at(place), loss === undefined || least === undefined ? undefined : Math.max(0, loss - least)];
      }),
  },
  {
    ...{ name: 'mixed datagrams: bytes beyond one copy of each', bound: 0.1 },
    cases: (summary) => [['mixed', summary.extraShare('mixed')]],
  },
  {
    ...{ name: 'call through black holes of its uplink: longest time without a datagram, ms', bound: 100 },
    cases: (summary) =>
      summary
        .places(['hole-twin', 'hole-cellular'], 'voice')
        .map((place) => [at(place), ours(summary, place, 'longestGapMs')]),
  },
  {
    ...{ name: 'call beside a TCP download over all uplinks: p95 delay over idle', bound: 1.5 },
    cases: (summary) =>
      summary.places(['bulk'], 'voice').map((place) => {
        const idle = ours(summary, { ...place, case: 'idle' }, 'p95Ms');
        return [at(place), over(ours(summary, place, 'p95Ms'), idle)];
      }),
  },
  {
    ...{ name: 'small flows, 2 % loss on each of two uplinks: loss', bound: 0.001 },
    cases: (summary) => [['loss, call and game, both ways', summary.commonLoss('loss', OURS)]],
  },
  {
    ...{ name: '20 Mbit/s over 15 + 15 Mbit/s: loss', bound: 0.005 },
    cases: (summary) => video(summary, 'lossShare'),
  },
  {
    ...{ name: '20 Mbit/s over 15 + 15 Mbit/s: reordered beyond 3', bound: 0.01 },
    cases: (summary) => video(summary, 'reorderedShare'),
  },
  {
    ...{ name: "lookups: p50 over the best uplink's round trip", bound: 1.1 },
    cases: (summary) => [['idle', over(summary.lookupP50Ms('idle', OURS), summary.bestLookupP50Ms('idle'))]],
  },
];

/** Every goal wherever it was to be measured. */
export function judgeDatagrams(
  summary: DatagramSummary,
  rates: readonly PacketRateRecord[],
  downloads: readonly DownloadRecord[],
): DatagramJudgement[] {
  const inCases = GOALS.flatMap(({ name, bound, cases }) =>
    cases(summary).map(([where, value]) => judgement(name, where, value, bound, false)),
  );
  return [...inCases, ...judgeDownloads(downloads), ...judgeRates(rates)];
}

/**
 * What QUIC's own congestion control takes of one link with the rate of both, it is to take through the pair; and what QUIC is to TCP over
 * one uplink, it is to be through the pair.
 */
function judgeDownloads(downloads: readonly DownloadRecord[]): readonly DatagramJudgement[] {
  const rate = (contestant: DownloadRecord['contestant'], protocol: DownloadRecord['protocol']) =>
    medianMbps(downloads, { contestant, protocol });
  const share = (contestant: DownloadRecord['contestant']) =>
    over(rate(contestant, 'h3'), rate(contestant, 'h2'));
  const overSum = over(rate('tributary', 'h3'), rate('sum', 'h3'));
  const overTcp = over(share('tributary'), share('single'));
  return [
    judgement('QUIC over two uplinks, over one link with their sum', 'quic', overSum, QUIC_SHARE, true),
    judgement(
      'QUIC over TCP through the pair, over the same of one uplink',
      'quic',
      overTcp,
      QUIC_SHARE,
      true,
    ),
  ];
}

function judgeRates(rates: readonly PacketRateRecord[]): DatagramJudgement[] {
  const medians = medianRates(rates);
  return PACKET_BYTES.flatMap((bytes) => {
    const of = (name: string) => medians.find((one) => one.contender === name && one.bytes === bytes);
    const [one, other] = [of('tributary-1'), of('shadowsocks')];
    const where = `loopback, ${bytes} bytes`;
    return [
      judgement("datagrams/s over shadowsocks'", where, over(one?.perSecond, other?.perSecond), 1, true),
      judgement(
        "CPU of each over shadowsocks'",
        where,
        over(one?.cpuMicroseconds, other?.cpuMicroseconds),
        1,
        false,
      ),
    ];
  });
}

function judgement(
  goal: string,
  where: string,
  value: number | undefined,
  bound: number,
  isMore: boolean,
): DatagramJudgement {
  const found = { goal, where, bound, isMore };
  return value === undefined ? found : { ...found, value, isMet: isMore ? value >= bound : value <= bound };
}

function ours(summary: DatagramSummary, place: FlowPlace, figure: keyof FlowFigures): number | undefined {
  return summary.flow(place, OURS, figure);
}

function video(
  summary: DatagramSummary,
  figure: keyof FlowFigures,
): [where: string, value: number | undefined][] {
  return (['up', 'down'] as const).flatMap((direction) =>
    VIDEO_PAIRS.map((name): [string, number | undefined] => {
      const id = `video-${direction}` as const;
      return [`${id}, ${name}`, summary.flow({ case: id, traffic: id, direction }, name, figure)];
    }),
  );
}

function at(place: FlowPlace): string {
  return `${place.case} ${place.traffic} ${place.direction}`;
}

function over(value: number | undefined, other: number | undefined): number | undefined {
  return value === undefined || !other ? undefined : value / other;
}
