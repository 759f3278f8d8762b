import type { LeftOut } from '../../shared/protocol/session/snapshot.ts';

/** Why connections leave an uplink out by the limits of their policies, for a person. */
export function leftOutText({ policies, delayMs, lossShare }: LeftOut): string {
  const [first] = policies;
  const { mode, most } = policies.find((one) => isBeyond(one.most, delayMs, lossShare)) ?? first!;
  const excess = [
    ...(delayMs > most.rttMs ? [`a round trip of ${ms(delayMs)}, at most ${ms(most.rttMs)}`] : []),
    ...(lossShare > most.loss ? [`${percent(lossShare)} lost, at most ${percent(most.loss)}`] : []),
  ];
  const others = policies.length > 1 ? ` and ${policies.length - 1} more` : '';
  return excess.length > 0
    ? `beyond the limits of ${mode}${others}: ${excess.join('; ')}`
    : `beyond the limits of ${mode}${others} a moment ago: it has to be well within them for a while`;
}

function isBeyond(most: LeftOut['policies'][number]['most'], delayMs: number, lossShare: number): boolean {
  return delayMs > most.rttMs || lossShare > most.loss;
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}
