import type { CopyTuning } from './copy-budget.ts';
import type { QueueTuning, UnsteadyTuning } from './modes/flow-view.ts';
import type { FlowModeTuning } from './modes/mode-tuning.ts';

/** The numbers of the steering of flows, in groups. */
export interface FlowTuning extends FlowModeTuning {
  readonly flowQueue: QueueTuning;
  readonly flowUnsteady: UnsteadyTuning;
  readonly flowCopies: CopyTuning;
}

export const FLOW_TUNING: FlowTuning = {
  flowQueue: { mostMs: 20, lastsMs: 100, mostRatio: 5, smallRatio: 3, burstBytes: 16 * 1024 },
  flowUnsteady: { lossShare: 0.004, jitterMs: 10, jitterShare: 0.25 },
  flowCopies: { smallBytesPerSecond: 64_000, share: 0.04, mostBytes: 64 * 1024, keptShare: 0.4 },
  flowlets: {
    rivalShare: 0.8,
    rivalSlack: 5,
    rivalMs: 500,
    patienceMs: 2_000,
    spreadQueueMs: 5,
    spreadFillShare: 0.75,
    spreadMs: 1_000,
    fillDelayShare: 0.25,
    alikeRatio: 1.15,
    lossMs: 500,
    unsteadyMs: 20,
    defaultMaxRttMs: 250,
  },
  flowStandby: { returnMs: 1_000 },
  flowShares: { slackBytes: 32 * 1024 },
};
